"""The daemon works: without it no schedule fires, no lost step is found again, nothing is cleared away."""

from typing import Final

from app.resources.infrastructure import facts
from app.resources.infrastructure.heart import FACT, Heart
from app.resources.infrastructure.looking import Box, Check, Finding, healthy, unhealthy

SILENT_S: Final = 60.0  # it writes every 15


async def look(box: Box) -> Finding:
    """Judge when it was heard of last."""
    known = (await box.see(facts.notes)).recall(FACT, Heart)
    remedy = "See the log of studio-daemon; the box starts it again by itself when it ends."
    if known is None:
        return unhealthy("The daemon has not been heard of.", remedy)
    if known.age_s > SILENT_S:
        return unhealthy(f"The daemon has not been heard of for {known.age_s:.0f} s.", remedy)
    return healthy(f"The daemon works on {known.value.host}.", age_s=round(known.age_s, 1))


CHECK = Check(name="daemon", look=look)
