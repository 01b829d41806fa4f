"""Which time of which schedule started a run."""

from typing import Final
from uuid import UUID

import msgspec

from app.resources.starters import Starter
from app.store.database import Transaction

SOURCE: Final = "schedule"
_STARTER: Final = """
SELECT %(source)s AS kind, s.id, s.name, r.id AS entry_id
  FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id
 WHERE r.instance_id = %(instance)s
"""


async def starter_of(tx: Transaction, instance_id: UUID) -> Starter | None:
    """The line of its schedule's journal, while that knows of it."""
    row = await tx.fetch_one(_STARTER, {"source": SOURCE, "instance": instance_id})
    return None if row is None else msgspec.convert(row, Starter)
