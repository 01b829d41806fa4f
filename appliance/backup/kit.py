"""The recovery kit of this box, reading one that somebody brings, and noting that they hold it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from app.kit import recovery
from app.kit.backups import Backups, KitHeld
from app.kit.recovery import Kit, KitDamaged, KitUnlike, read_kit
from app.kit.settings import Settings
from appliance import passport
from appliance.backup.remote import Remote
from appliance.files import write_atomically
from appliance.refusal import Refusal


def kit_of(settings: Settings, *, with_access: bool = False) -> Kit:
    """What opens the backups of this box, and gets at them elsewhere. Raises Refusal where there is none."""
    box = passport.read(settings)
    if box is None or settings.keys.encryption_key is None:
        raise Refusal(f"There is no box at {settings.workspace} yet. Start it once with `studio boot`.")
    is_elsewhere = not settings.backup_repository.startswith("/")
    access = Remote(settings).access() if with_access and is_elsewhere else {}
    return recovery.kit_of(settings, box.box_id, access)


def kit_from(path: Path) -> Kit:
    """The kit in a file. Raises Refusal."""
    try:
        return read_kit(_text_of(path))
    except KitDamaged as exc:
        raise Refusal(f"{exc} ({path})") from exc


def prove(settings: Settings, path: Path) -> KitHeld:
    """See that the kit in a file, “-” for standard input, is this box's, and note it. Raises Refusal."""
    try:
        kit_of(settings).match(_text_of(path))
    except (KitDamaged, KitUnlike) as exc:
        raise Refusal(f"{exc} ({path})", exit_code=1) from exc
    return note_held(settings, kit_of(settings))


def note_held(settings: Settings, kit: Kit) -> KitHeld:
    """Somebody has shown that they hold this kit."""
    held = KitHeld(since=datetime.now(UTC), check=kit.check())
    write_atomically(Backups(settings.workspace).kit_marker, msgspec.json.encode(held), 0o644)
    return held


def _text_of(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as exc:
        raise Refusal(f"The recovery kit {path} cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:
        raise Refusal(f"It is no text file. ({path})") from exc
