"""How those who run the box are told."""

from typing import Final

from app.resources.audit.record import Act

CREATED: Final = Act("channel.created", "made the channel {subject}")
CHANGED: Final = Act("channel.changed", "changed the channel {subject}: {fields}")
TESTED: Final = Act("channel.tested", "sent a trial message by the channel {subject}")
DELETED: Final = Act("channel.deleted", "deleted the channel {subject}")
