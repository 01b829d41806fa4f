"""The newest backup is older than a night."""

from app.resources.alerts.watching import Rule, Trouble
from app.resources.infrastructure.backups import MAKE_ONE, backup_facts
from app.resources.infrastructure.looking import Box
from app.resources.notifications.ways import Severity


async def judge(box: Box) -> Trouble | None:
    """By its age, and by that of the volume while there is none."""
    found = await box.see(backup_facts)
    if not found.is_stale:
        return None
    last = found.status.last_good_at
    sentence = f"The newest backup is of {last:%d %B, %H:%M} UTC." if last else "There is no backup at all."
    return Trouble(sentence=sentence, remedy=MAKE_ONE)


RULE = Rule(
    name="backup_stale", title="No fresh backup", judge=judge, severity=Severity.critical, holds_s=0.0
)
