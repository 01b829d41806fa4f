"""What a member may do: five roles, each covering those below it. Steps name them too: who may approve."""

from enum import StrEnum


class Role(StrEnum):
    """A membership's role, from most to least."""

    owner = "owner"
    admin = "admin"
    editor = "editor"
    operator = "operator"
    viewer = "viewer"

    def covers(self, needed: "Role") -> bool:
        """Whether someone with this role may do what `needed` may."""
        return RANK[self] >= RANK[needed]


RANK = {Role.viewer: 1, Role.operator: 2, Role.editor: 3, Role.admin: 4, Role.owner: 5}
