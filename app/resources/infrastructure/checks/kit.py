"""Somebody holds the recovery kit and has shown it. Before the first backup there is nothing to open."""

from app.resources.infrastructure.backups import SHOW_KIT, backup_facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy


async def look(box: Box) -> Finding | None:
    """Judge by what was shown last, and whether it is still the kit of today."""
    found = await box.see(backup_facts)
    if found.kit is None or found.status.last_good_at is None:
        return None
    if found.lacks_kit:
        return degraded(found.kit_sentence, SHOW_KIT)
    return healthy(f"Somebody showed the recovery kit on {found.kit.held_since:%d %B %Y}.")


CHECK = Check(name="kit", look=look)
