"""Which delivery to which webhook started a run."""

from typing import Final
from uuid import UUID

import msgspec

from app.resources.starters import Starter
from app.store.database import Transaction

SOURCE: Final = "webhook"
_STARTER: Final = """
SELECT %(source)s AS kind, h.id, h.name, d.id AS entry_id
  FROM webhook_deliveries d JOIN webhooks h ON h.id = d.webhook_id
 WHERE d.instance_id = %(instance)s
"""


async def starter_of(tx: Transaction, instance_id: UUID) -> Starter | None:
    """The delivery and its webhook, while the log knows of it."""
    row = await tx.fetch_one(_STARTER, {"source": SOURCE, "instance": instance_id})
    return None if row is None else msgspec.convert(row, Starter)
