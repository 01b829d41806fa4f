"""How the volume is: what the boot saw it do, and how much room is left on it.

The boot writes both beside its sockets (it alone is root, and sees every folder); who takes something in
reads them. No file means that nobody watches here, as in a worker on another machine: then nothing is closed.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from app.kit.errors import StudioError, Unavailable

T = TypeVar("T")

MIB = 1024**2
VOLUME_FILE = "volume.json"
ROOM_FILE = "room.json"


class Mode(StrEnum):
    """Where Postgres lives."""

    local = "local"  # on the volume
    hydrate = (
        "hydrate"  # on this machine's disk; its write-ahead log is on the volume before a commit returns
    )
    external = "external"  # elsewhere


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What the volume's file system was seen to do, each tried on a file of our own."""

    file_system: str
    keeps_modes: bool  # a file made 0600 is 0600 afterwards
    keeps_owners: bool  # chown works; always true where nothing needs to be given away
    locks: bool  # a second flock on a locked file is refused
    renames: bool  # rename replaces an existing file
    maps: bool  # a file can be mapped into memory
    fsync_s: float | None  # None: fsync failed
    free_bytes: int = 0  # as the file system says; it may speak of more than this volume
    total_bytes: int = 0

    def missing(self) -> list[str]:
        """What it cannot do, in words."""
        able = {
            "private files": self.keeps_modes,
            "owners": self.keeps_owners,
            "locks": self.locks,
            "rename": self.renames,
            "mmap": self.maps,
            "fsync": self.fsync_s is not None,
        }
        return [name for name, works in able.items() if not works]

    def sentence(self) -> str:
        """What was found, for the log."""
        missing = self.missing()
        speed = "" if self.fsync_s is None else f", fsync in {self.fsync_s * 1000:.1f} ms"
        return f"{self.file_system}: " + (
            f"no {', '.join(missing)}" if missing else f"everything works{speed}"
        )


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What the last boot found, and what it chose because of it."""

    mode: Mode
    promise: str  # what this mode keeps, and what it does not, in a sentence
    probe: Probe


class RoomState(StrEnum):
    """Whether the volume takes more."""

    open = "open"
    closed = "closed"  # nothing new; what has begun may still bring its results
    shut = "shut"  # nothing at all


class Reason(StrEnum):
    """Why it takes no more."""

    full = "full"
    read_only = "read_only"
    vanished = "vanished"
    stalled = "stalled"  # it no longer confirms what the database writes


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much room is left, and whether more is taken in."""

    state: RoomState = RoomState.open
    reason: Reason | None = None
    sentence: str = ""  # for people; empty while it is open
    remedy: str = ""
    free_bytes: int = 0
    total_bytes: int = 0  # the quota where there is one
    used_bytes: int = 0
    quota_bytes: int | None = None
    reserve_bytes: int = 0  # what the reserve file holds now
    risk: str = ""  # what could be lost now that could not be lost else


class Bounds(msgspec.Struct, frozen=True):
    """At how many free bytes what happens."""

    closed_bytes: int  # below: nothing new is taken in
    shut_bytes: int  # below: nothing at all
    reserve_bytes: int  # held in a file, and given back when even less is left

    @classmethod
    def of(cls, total_bytes: int, closed_bytes: int | None = None) -> "Bounds":
        """By the size of the volume, or as somebody says: 5 %, between 256 MiB and 4 GiB."""
        if closed_bytes is None:
            closed_bytes = min(max(total_bytes // 20, 256 * MIB), 4096 * MIB, total_bytes // 4)
        return cls(closed_bytes, closed_bytes // 4, min(closed_bytes // 4, 256 * MIB))

    def state(self, free_bytes: int, before: RoomState) -> RoomState:
        """What follows from so much free room. It opens a little later than it closes, so that one file that
        comes and goes does not open and close it all day.
        """
        closed = self.closed_bytes * (5 if before is not RoomState.open else 4) // 4
        shut = self.shut_bytes * (5 if before is RoomState.shut else 4) // 4
        if free_bytes < shut:
            return RoomState.shut
        return RoomState.closed if free_bytes < closed else RoomState.open


class VolumeFull(StudioError):
    """The volume is full; delete what is no longer needed or make it larger."""

    status = 507


class VolumeAway(Unavailable):
    """The volume cannot be written right now; nothing new is taken in until it can."""


class Watch:
    """Reads a small file again only when it has changed: asking costs one look at its name.

    Without a folder everything is open.
    """

    def __init__(self, run_dir: Path | None = None) -> None:
        self._path = run_dir / ROOM_FILE if run_dir else None
        self._seen: tuple[int, int] | None = None
        self._room = Room()

    def room(self) -> Room:
        """How it is now."""
        if self._path is None:
            return self._room
        try:
            found = self._path.stat()
        except OSError:
            return Room()
        mark = (found.st_ino, found.st_mtime_ns)
        if mark != self._seen:
            self._room = read(self._path, Room) or self._room
            self._seen = mark
        return self._room

    @property
    def is_open(self) -> bool:
        """Whether new things are taken in."""
        return self.room().state is RoomState.open

    @property
    def trouble(self) -> Room | None:
        """How it is while it cannot be written whatever its room, so that a database on it is silent, too."""
        room = self.room()
        return None if room.reason in (None, Reason.full) else room

    def refuse_new(self) -> None:
        """Raises VolumeFull or VolumeAway when nothing new is taken in."""
        self._refuse(lambda state: state is not RoomState.open)

    def refuse_results(self) -> None:
        """The same for what has begun already: it is refused only when nothing fits at all."""
        self._refuse(lambda state: state is RoomState.shut)

    def _refuse(self, is_refused: Callable[[RoomState], bool]) -> None:
        room = self.room()
        if is_refused(room.state):
            kind = VolumeFull if room.reason is Reason.full else VolumeAway
            raise kind(room.sentence or None, remedy=room.remedy or None, headers={"Retry-After": "30"})


def read(path: Path, kind: type[T]) -> T | None:
    """One of the two files; None when it is not there or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def write(path: Path, content: Volume | Room) -> None:
    """Replace one of the two files; readers see the old or the new one. It is not synced."""
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(msgspec.json.encode(content))
    draft.chmod(0o644)
    draft.replace(path)
