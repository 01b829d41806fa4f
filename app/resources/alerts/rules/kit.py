"""For a day there have been backups, and nobody has shown that they hold what opens them."""

from app.kit.clock import now
from app.resources.alerts.watching import Rule, Trouble
from app.resources.infrastructure.backups import KIT_WANTED, SHOW_KIT, backup_facts
from app.resources.infrastructure.looking import Box


async def judge(box: Box) -> Trouble | None:
    """By the age of the volume, so that whoever has just claimed it has a day."""
    found = await box.see(backup_facts)
    if not found.lacks_kit or now() - found.since < KIT_WANTED:
        return None
    return Trouble(sentence=found.kit_sentence, remedy=SHOW_KIT)


RULE = Rule(name="kit", title="Nobody holds the recovery kit", judge=judge, holds_s=0.0)
