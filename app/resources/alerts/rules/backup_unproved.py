"""Nobody has proved a backup for eight days, or the last one that was tried could not be restored."""

from app.resources.alerts.watching import Rule, Trouble
from app.resources.infrastructure.backups import PROVE_IT, backup_facts
from app.resources.infrastructure.looking import Box
from app.resources.notifications.ways import Severity


async def judge(box: Box) -> Trouble | None:
    """A drill that could not be run proves nothing, so the days go on counting."""
    found = await box.see(backup_facts)
    drill = found.last_drill
    if drill is not None and drill.outcome == "failed":
        return Trouble(sentence=f"The last drill failed: {drill.sentence}", remedy=PROVE_IT)
    if not found.is_unproved:
        return None
    proved = found.status.last_proved_at
    sentence = f"No backup was proved since {proved:%d %B}." if proved else "No backup was ever proved."
    return Trouble(sentence=sentence, remedy=PROVE_IT)


RULE = Rule(
    name="backup_unproved",
    title="Backups are unproved",
    judge=judge,
    severity=Severity.critical,
    holds_s=0.0,
)
