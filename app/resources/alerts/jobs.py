"""The daemon's part: looks at the box twice a minute."""

from typing import Final

from app.resources.alerts.watching import forget_ended, watch
from app.resources.infrastructure.looking import Box
from app.resources.periodic import Job, Parts
from app.store.database import Scope

KEEP_FOR_S: Final = 90 * 24 * 3600.0


async def look(parts: Parts) -> int:
    """Judge every rule; how many troubles were told or ended."""
    return await watch(Box(parts.settings, parts.database, parts.bus.redis))


async def forget(parts: Parts) -> int:
    """Forget alerts that have been over for some months."""
    async with parts.database.transaction(Scope.nobody()) as tx:
        return await forget_ended(tx, KEEP_FOR_S)


# A look costs some 10 ms; twice a minute is soon enough for what a person has to mend.
JOBS = (
    Job(name="alerts told", every_s=30.0, run=look),
    Job(name="old alerts forgotten", every_s=3600.0, run=forget),
)
