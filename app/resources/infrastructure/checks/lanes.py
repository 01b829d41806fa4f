"""What waits is taken: each lane with work has a worker, and its oldest step has not waited for long."""

from typing import Final

from app.flow.wording import count, listing
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy

OLD_S: Final = 900.0  # longer than one long film holds the only worker up


async def look(box: Box) -> Finding:
    """Judge both lanes."""
    lanes = await box.see(facts.lane_facts)
    about = {f"{lane.lane}_queued": lane.queued for lane in lanes} | {
        f"{lane.lane}_oldest_s": None if lane.oldest_wait_s is None else round(lane.oldest_wait_s, 1)
        for lane in lanes
    }
    starved = [lane.lane.value for lane in lanes if lane.queued and not lane.workers]
    if starved:
        programs = listing([f"studio-worker-{lane}" for lane in starved])
        return degraded(
            f"Steps wait on the {listing(starved)} lane, and no worker serves it.",
            f"Start one: see the log of {programs}, or add one with STUDIO_ROLES=worker-{starved[0]}.",
            **about,
        )
    late = max((lane for lane in lanes), key=lambda lane: lane.oldest_wait_s or 0.0)
    if (late.oldest_wait_s or 0.0) > OLD_S:
        return degraded(
            f"A step has waited on the {late.lane} lane for {(late.oldest_wait_s or 0) / 60:.0f} minutes.",
            f"Add workers or slots (STUDIO_{late.lane.upper()}_SLOTS), or see whether one hangs.",
            **about,
        )
    queued = sum(lane.queued for lane in lanes)
    return healthy(f"{count(queued, 'step')} waiting.", **about)


CHECK = Check(name="lanes", look=look)
