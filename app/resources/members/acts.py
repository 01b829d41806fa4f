"""Who belongs here, and as what."""

from typing import Final

from app.resources.audit.record import Act

ADDED: Final = Act("member.added", "added {subject} as {role}")
ROLE_CHANGED: Final = Act("member.role_changed", "gave {subject} the role {role}")
REMOVED: Final = Act("member.removed", "removed {subject}")
