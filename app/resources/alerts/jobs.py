"""The daemon's part: looks at the box twice a minute."""

from app.resources.alerts.watching import watch
from app.resources.infrastructure.looking import Box
from app.resources.periodic import Job, Parts


async def look(parts: Parts) -> int:
    """Judge every rule; how many troubles were told or ended."""
    return await watch(Box(parts.settings, parts.database, parts.bus.redis))


# A look costs some 10 ms; twice a minute is soon enough for what a person has to mend.
JOBS = (Job(name="alerts told", every_s=30.0, run=look),)
