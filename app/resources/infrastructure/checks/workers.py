"""Every worker that was there is still heard of: one that misses its heartbeats shows within 20 s."""

from app.flow.wording import count, listing
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy

LOOK_THERE = (
    "See its log on that machine, and whether it reaches the API; the box starts its own workers again."
)


async def look(box: Box) -> Finding:
    """Judge who reports, and who does not any more."""
    rows = await box.see(facts.worker_rows)
    alive = sum(row.is_alive for row in rows)
    missing = [one.name for one in await box.see(facts.missing_workers)]
    silent = [row.name for row in rows if not row.is_alive] + missing
    if silent:
        return degraded(
            f"Not heard of for a while: {listing(silent)}.", LOOK_THERE, alive=alive, silent=len(silent)
        )
    if not alive:
        return degraded(
            "No worker is registered.",
            "See the log of studio-worker-cpu and studio-worker-gpu: they say what keeps them.",
            alive=0,
            silent=0,
        )
    return healthy(f"{count(alive, 'worker')} at work.", alive=alive, silent=0)


CHECK = Check(name="workers", look=look)
