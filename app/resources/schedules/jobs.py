"""The daemon's part: fires what is due, and keeps journals short."""

from typing import Final

from app.kit.log import get_logger
from app.resources.periodic import Job, Parts
from app.resources.schedules import model, service
from app.store.database import Scope

log = get_logger(__name__)

AT_ONCE: Final = 200  # in one second; the longest overdue come first, the others a second later
KEEP_RUNS: Final = 500  # of one schedule's journal


async def fire_due(parts: Parts) -> int:
    """Start what schedules ask for by now; how many had a time that came.

    While the box takes nothing new the times stay due; later they go by each schedule's rule for missed ones.
    """
    async with parts.database.transaction(Scope.system()) as tx:
        due = await model.list_due(tx, AT_ONCE)
    if not due or not await parts.engine.takes_starts():
        return 0
    fired = 0
    for one in due:
        try:
            fired += await service.fire(parts.database, parts.engine, one)
        except Exception as exc:  # noqa: BLE001  the tick of one schedule must not hold up the others
            log.error(
                "schedule not fired; it is tried again",
                action="schedule_failed",
                schedule=one.id,
                error=repr(exc),
            )
    return fired


async def shorten_journals(parts: Parts) -> int:
    """Forget the oldest lines of long journals."""
    async with parts.database.transaction(Scope.system()) as tx:
        return await model.forget_old_runs(tx, KEEP_RUNS)


JOBS = (
    Job(name="schedules fired", every_s=1.0, run=fire_due),
    Job(name="journals of schedules shortened", every_s=3600.0, run=shorten_journals),
)
