"""What every run knows besides its workflow: `instance.number`, `organization.name`.

A new fact is a field here; the engine, which makes these, then does not pass the type checker without it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec


class InstanceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """This run."""

    id: str
    number: int  # counts the runs of a workflow
    created_at: str  # RFC 3339, UTC: the same at every try, unlike the time of day


class OrganizationFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whose run this is."""

    id: str
    name: str


_ROOTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "instance": InstanceFacts,
    "organization": OrganizationFacts,
}
_TYPES: Final = {str: "text", int: "integer", float: "number", bool: "boolean"}

# The type of every fact, by root and name.
FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    root: {field.name: _TYPES[field.type] for field in msgspec.structs.fields(facts)}
    for root, facts in _ROOTS.items()
}


def scope_of(instance: InstanceFacts, organization: OrganizationFacts) -> dict[str, Any]:
    """The facts of a run as expressions read them."""
    return {
        "instance": msgspec.structs.asdict(instance),
        "organization": msgspec.structs.asdict(organization),
    }
