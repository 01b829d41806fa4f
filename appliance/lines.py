"""What `studio logs` prints: lines of the ring on the volume, in the house's voice or as JSON."""

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from app.kit.codec import encode_text
from app.kit.ring import Wanted, end_of, files_of, read_back, read_on
from app.kit.settings import SettingsFaults, load_settings
from app.kit.voice import Voice

LOOK_AGAIN_S = 0.5
_AGO = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """`15m` before now, or a time as ISO 8601 writes it, local unless it says more. Raises ValueError."""
    if ago := _AGO.fullmatch(text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except ValueError:
        raise ValueError(f"“{text}” is no time; write 15m, 2h, 3d or 2026-11-25T16:00.") from None


def show_lines(wanted: Wanted, *, most: int, follow: bool, as_json: bool) -> int:
    """Print them; 0, 1 when the volume keeps none, 78 when the settings cannot be read."""
    try:
        settings = load_settings()
    except SettingsFaults as exc:
        sys.stderr.write(f"{exc}\n")
        return 78
    folder = settings.logs_dir
    if not files_of(folder):
        sys.stderr.write(
            f"No lines are kept in {folder}: no box has run there, or STUDIO_LOG_KEEP_BYTES is 0, "
            "or this user may not read them.\n"
        )
        return 1
    log = msgspec.structs.replace(
        settings.log,
        format="json" if as_json else "pretty",
        colors=settings.log.colors and sys.stdout.isatty(),
    )
    voice = Voice("studio", log)
    place = end_of(folder)
    _print(voice, [found.record for found in islice(read_back(folder, wanted), max(0, most))][::-1])
    try:
        while follow:
            time.sleep(LOOK_AGAIN_S)
            records, place = read_on(folder, wanted, place)
            _print(voice, records)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        sys.stderr.close()  # `studio logs -f | head`: nobody listens any more
    return 0


def _print(voice: Voice, records: list[dict[str, Any]]) -> None:
    for record in records:
        sys.stdout.write((encode_text(record) if voice.json else voice.render(record)) + "\n")
    sys.stdout.flush()
