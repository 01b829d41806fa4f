"""There is a backup, and it is not older than a night."""

from app.resources.infrastructure.backups import MAKE_ONE, backup_facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unhealthy


async def look(box: Box) -> Finding:
    """Judge the newest one, and what went wrong last."""
    found = await box.see(backup_facts)
    last, failure = found.status.last_good_at, found.status.failure
    if found.is_stale:
        when = f"The newest backup is of {last:%d %B, %H:%M} UTC." if last else "There is no backup."
        return unhealthy(f"{when} {failure.sentence if failure else ''}".strip(), MAKE_ONE)
    if failure is not None and failure.what in {"backup", "log"}:
        return degraded(failure.sentence, MAKE_ONE)
    if last is None:
        return degraded(
            "There is no backup yet.",
            "The first is made within minutes of the start; make one now with studio backup.",
        )
    return healthy(f"The newest backup is of {last:%d %B, %H:%M} UTC.", snapshots=len(found.status.snapshots))


CHECK = Check(name="backups", look=look)
