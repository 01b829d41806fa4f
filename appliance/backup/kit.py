"""The recovery kit of this box, and reading one that somebody brings."""

from pathlib import Path

from app.kit import recovery
from app.kit.recovery import Kit, KitDamaged, read_kit
from app.kit.settings import Settings
from appliance import passport
from appliance.refusal import Refusal


def kit_of(settings: Settings) -> Kit:
    """What opens the backups of this box. Raises Refusal where there is none yet."""
    box = passport.read(settings)
    if box is None or settings.keys.encryption_key is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    return recovery.kit_of(settings, box.box_id)


def kit_from(path: Path) -> Kit:
    """The kit in a file. Raises Refusal."""
    try:
        return read_kit(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise Refusal(f"The recovery kit {path} cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:  # KitDamaged, or no text at all
        why = str(exc) if isinstance(exc, KitDamaged) else "It is no text file."
        raise Refusal(f"{why} ({path})") from exc
