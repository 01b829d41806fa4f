"""The newest backups can be restored: somebody has tried within the last eight days."""

from app.resources.infrastructure.backups import PROVE_IT, backup_facts
from app.resources.infrastructure.looking import Box, Check, Finding, healthy, unhealthy, unknown


async def look(box: Box) -> Finding:
    """Judge the newest rehearsal; one that could not be run proves nothing."""
    found = await box.see(backup_facts)
    drill, proved = found.last_drill, found.status.last_proved_at
    if drill is not None and drill.outcome == "failed":
        return unhealthy(f"The last drill failed: {drill.sentence}", PROVE_IT)
    if found.is_unproved:
        when = f"No backup was proved since {proved:%d %B}." if proved else "No backup was ever proved."
        return unhealthy(when, PROVE_IT)
    if drill is not None and drill.outcome == "could_not_run":
        return unknown(f"The last drill could not be run: {drill.sentence}", PROVE_IT)
    if proved is None:
        return unknown(
            "No backup has been proved yet.",
            "The first drill is run within a week; or now: studio backup drill.",
        )
    return healthy(
        f"A backup was restored and found right on {proved:%d %B}.",
        restore_s=drill.restore_s if drill else None,
    )


CHECK = Check(name="proof", look=look)
