"""The last lines of every program of the box, on the volume: a few files that follow one another, bounded.

The boot's one voice writes them, whole lines of JSON; `studio logs` and the API read them, newest first. What
was written is there after a kill -9; a power cut may take the last moments. A full or vanished volume costs
lines and nothing else.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

FILES: Final = 8  # the oldest goes when there would be one more, so this is how evenly the bound is kept
RETRY_S: Final = 10.0  # after a write that failed; until then lines are dropped
NO_LINK: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


class Ring:
    """Appends lines. One writer at a time; the folder's owner sees to that, and lets nobody else write there.

    `reader`: the user whose the files are, so that one besides root can read them.
    """

    def __init__(self, folder: Path, most_bytes: int, reader: int | None = None) -> None:
        self._folder = folder
        self._reader = reader
        self._most_bytes = max(1, most_bytes // FILES)
        self._descriptor: int | None = None
        self._number = max((number_of(path) for path in files_of(folder)), default=0)
        self._size = 0
        self._rests_until = 0.0

    def write(self, lines: bytes) -> None:
        """Keep these whole lines."""
        if time.monotonic() < self._rests_until:
            return
        try:
            if self._descriptor is None:
                self._open(self._number or 1)
            elif self._size + len(lines) > self._most_bytes and self._size:
                self._open(self._number + 1)
            self._append(lines)
        except OSError:
            self.close()
            self._rests_until = time.monotonic() + RETRY_S

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _open(self, number: int) -> None:
        self.close()
        path = self._folder / f"{number:08}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK, 0o600)
        if self._reader is not None:
            with contextlib.suppress(OSError):  # a volume without owners
                os.fchown(descriptor, self._reader, -1)
        self._descriptor, self._number = descriptor, number
        self._size = os.fstat(descriptor).st_size
        if self._size and os.pread(descriptor, 1, self._size - 1) != b"\n":
            self._append(b"\n")  # a line that a kill cut short stays alone
        for old in files_of(self._folder)[:-FILES]:
            old.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        assert self._descriptor is not None  # noqa: S101  opened by every caller
        while data:
            written = os.write(self._descriptor, data)
            self._size += written
            data = data[written:]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines somebody asks for; what is not said is not asked."""

    programs: frozenset[str] = frozenset()  # `api` or `studio-api`
    level: str | None = None  # this and everything more serious
    since: datetime | None = None
    instance: str | None = None
    text: str | None = None  # anywhere in the line, whatever its case

    def admits(self, raw: bytes) -> dict[str, Any] | None:
        """The line, if it is asked for; a cheap look at its bytes first."""
        if self.instance is not None and self.instance.encode() not in raw:
            return None
        if self.text is not None and self.text.lower() not in raw.decode("utf-8", "replace").lower():
            return None
        try:
            record = _decoder.decode(raw)
        except msgspec.DecodeError:
            return None  # cut short by a kill
        if self.programs and str(record.get("service", "")).removeprefix("studio-") not in {
            name.removeprefix("studio-") for name in self.programs
        }:
            return None
        if self.level is not None and _rank(record.get("level")) < _rank(self.level):
            return None
        if self.instance is not None and record.get("instance") != self.instance:
            return None
        return record

    def is_over(self, record: dict[str, Any]) -> bool:
        """Whether this line, and so every older one, is too old."""
        if self.since is None:
            return False
        try:
            return datetime.fromisoformat(str(record.get("timestamp"))) < self.since
        except (TypeError, ValueError):
            return False


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a line begins."""

    file: int
    offset: int


class Found(msgspec.Struct, frozen=True):
    """A line and its place."""

    record: dict[str, Any]
    place: Place


def read_back(folder: Path, wanted: Wanted, before: Place | None = None) -> Iterator[Found]:
    """The lines that are asked for, newest first, from before a place on."""
    for path in reversed(files_of(folder)):
        number = number_of(path)
        if before is not None and number > before.file:
            continue
        try:
            data = read(path)
        except OSError:
            continue  # it went while we looked
        end = before.offset if before is not None and number == before.file else len(data)
        while end > 0:
            start = data.rfind(b"\n", 0, end - 1) + 1
            raw = data[start:end]
            if raw.endswith(b"\n") and (record := wanted.admits(raw)) is not None:
                if wanted.is_over(record):
                    return
                yield Found(record, Place(number, start))
            end = start


def read_on(folder: Path, wanted: Wanted, after: Place) -> tuple[list[dict[str, Any]], Place]:
    """The whole lines from a place on that are asked for, oldest first, and where to go on."""
    found: list[dict[str, Any]] = []
    for path in files_of(folder):
        number = number_of(path)
        if number < after.file:
            continue
        offset = after.offset if number == after.file else 0
        try:
            data = read(path, offset)
        except OSError:
            continue
        whole = data[: data.rfind(b"\n") + 1]
        found += [one for raw in whole.splitlines() if (one := wanted.admits(raw)) is not None]
        after = Place(number, offset + len(whole))
    return found, after


def end_of(folder: Path) -> Place:
    """Where the next line will stand."""
    files = files_of(folder)
    return Place(number_of(files[-1]), files[-1].stat().st_size) if files else Place(1, 0)


def files_of(folder: Path) -> list[Path]:
    """The files of a ring, oldest first."""
    try:
        with os.scandir(folder) as entries:
            paths = [Path(entry) for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []  # not there, or not for this user
    return sorted(path for path in paths if path.suffix == ".jsonl" and _is_number(path.stem))


def read(path: Path, offset: int = 0) -> bytes:
    """What a file of a ring holds from there on; never what a link in its place leads to. Raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | NO_LINK), "rb") as file:
        file.seek(offset)
        return file.read()


def number_of(path: Path) -> int:
    """The number in a file's name."""
    return int(path.stem)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()  # “²” is a digit, and no number to int()


def _rank(level: Any) -> int:
    return logging.getLevelNamesMapping().get(str(level), logging.INFO)
