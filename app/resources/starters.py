"""What started a run by itself: the room of a trigger tells it of its own runs, in its `starts` module.

SOURCE = "webhook"                                    what the instances it starts have as their source
async def starter_of(tx, instance_id) -> Starter | None
"""

from functools import cache
from types import ModuleType
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
    module = _rooms().get(source)
    found: Starter | None = None if module is None else await module.starter_of(tx, instance_id)
    return found


@cache
def _rooms() -> dict[str, ModuleType]:
    return {module.SOURCE: module for module in room_modules("starts")}
