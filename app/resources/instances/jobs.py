"""Tells people why nothing happens: no worker serves the lane a step waits for."""

from app.resources.periodic import Job, Parts
from app.resources.workers import model
from app.store.database import Scope


async def explain_waits(parts: Parts) -> int:
    """Mark instances that wait for a lane without workers; the engine knows no workers, their room does."""
    async with parts.database.transaction(Scope.nobody()) as tx:
        served = await model.served_lanes(tx)
    return await parts.engine.explain_waits(served)


async def end_orphans(parts: Parts) -> int:
    """End what a killed process left running for a step that has ended."""
    return await parts.engine.end_orphans()


async def admit_waiting(parts: Parts) -> int:
    """Let instances begin whose turn a killed process has missed."""
    return await parts.engine.admit_waiting()


async def forget_results(parts: Parts) -> int:
    """Keep the step cache within its bounds."""
    settings = parts.settings
    return await parts.engine.forget_results(
        longest_s=settings.cache_max_age_s, most_bytes=settings.cache_max_bytes
    )


JOBS = (
    Job(name="old results of steps forgotten", every_s=600.0, run=forget_results),
    Job(name="instances admitted late", every_s=5.0, run=admit_waiting),
    Job(name="instances nobody waits for ended", every_s=5.0, run=end_orphans),
    Job(name="waits explained", every_s=5.0, run=explain_waits),
)
