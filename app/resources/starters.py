"""What started a run by itself: the room of a trigger tells it of its own runs, in its `starts` module.

SOURCE = "webhook"     what the instances it starts have as their source
STARTER = "SELECT …"   of %(instance)s: id and name of the trigger, and the delivery or line (entry_id)
"""

from functools import cache
from uuid import UUID

import msgspec

from app.resources.discovery import room_modules
from app.store.database import Transaction


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """The trigger that started a run, and the very delivery or line of a journal."""

    kind: str  # the source of the run: webhook, schedule
    id: UUID
    name: str
    entry_id: UUID


async def starter_of(tx: Transaction, source: str, instance_id: UUID) -> Starter | None:
    """What started this run; None when no trigger did, or when that has been forgotten since."""
    statement = _statements().get(source)
    row = None if statement is None else await tx.fetch_one(statement, {"instance": instance_id})
    return None if row is None else Starter(kind=source, **row)


@cache
def _statements() -> dict[str, str]:
    return {module.SOURCE: module.STARTER for module in room_modules("starts")}
