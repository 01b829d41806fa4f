"""Doors for programs from outside, and what they prove themselves with."""

from typing import Final

from app.resources.audit.record import Act

CREATED: Final = Act("webhook.created", "made the webhook {subject}")
CHANGED: Final = Act("webhook.changed", "changed the webhook {subject}: {fields}")
ROTATED: Final = Act("webhook.rotated", "gave the webhook {subject} another address")
TESTED: Final = Act("webhook.tested", "tried out the webhook {subject}")
REPLAYED: Final = Act("webhook.replayed", "delivered something to the webhook {subject} again")
DELETED: Final = Act("webhook.deleted", "deleted the webhook {subject}")
