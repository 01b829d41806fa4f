"""The log that the volume received becomes the archive from which any second is reached.

In this mode Postgres archives nothing itself. Its archive could run ahead of what was received; a database
that is rebuilt from the volume then writes other segments under the names that are taken, and each of them
would be refused for ever. What comes out of the received log can never be ahead of it.
"""

import zlib
from pathlib import Path

from app.kit.backups import Backups
from app.kit.settings import Settings
from appliance import log_names
from appliance.backup import segments
from appliance.backup import wal as archived
from appliance.hydrate.home import Home


def hand_over(settings: Settings, major: int) -> None:
    """Keep every received segment that is whole and not in the archive yet. Raises OSError."""
    backups = Backups(settings.workspace)
    kept = set(archived.kept(backups.wal))
    for path in Home(settings, major).whole_segments():
        if path.name not in kept:
            keep(path, backups.wal)


def keep(path: Path, folder: Path) -> None:
    """Keep one; harmless when it is there. Raises OSError, FileExistsError for another content."""
    if (folder / segments.LET_GO).exists():
        return
    try:
        segments.keep(path, folder)
    except FileExistsError:
        segments.keep(path, folder)  # somebody else has kept it meanwhile, and then it is the same


def strangers(home: Home, folder: Path, timeline: int, end: int) -> list[str]:
    """What lies in the archive and is not of the log that was received up to the segment `end`.

    What is compressed ends with a checksum of what it was, so nothing is unpacked.
    """
    received = {path.name: path for path in home.whole_segments()}
    last = log_names.name_of(timeline, end)

    def is_strange(name: str) -> bool:
        kept = folder / (name + segments.ENDING)
        return name >= last or (name in received and _checksum(received[name]) != _kept_checksum(kept))

    return [name for name in archived.kept(folder) if is_strange(name)]


def _checksum(path: Path) -> int:
    value = 1
    with path.open("rb") as file:
        while chunk := file.read(segments.CHUNK_BYTES):
            value = zlib.adler32(chunk, value)
    return value


def _kept_checksum(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[-4:], "big")
