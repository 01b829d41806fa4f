"""How much the volume holds, counted file by file: for volumes whose file system speaks of a whole cluster.

Everything is counted seldom. In between only what changes is looked at again: folders of blobs whose own time
has moved, and the few folders in which files grow.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

GROWING = ("postgres", "hydrate", "redis", "tmp")  # files in these change without their folders doing so


class _Count(msgspec.Struct, frozen=True):
    changed_ns: int  # the folder's own time when it was counted
    size_bytes: int


class Usage:
    """The sum of a volume, kept up to date."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._device = root.stat().st_dev
        self._parts: dict[str, int] = {}  # top-level names
        self._blobs: dict[str, _Count] = {}

    def count_all(self) -> int:
        """Look at every file; the bytes of all. Takes about 3 s a million files on a local disk."""
        self._blobs.clear()
        self._parts = {name: self._of(name) for name in self._names() if name != "blobs"}
        return self._with_blobs()

    def count_changes(self) -> int:
        """Look at what may have changed since; the bytes of all."""
        self._parts |= {name: self._of(name) for name in GROWING if name in self._parts}
        return self._with_blobs()

    def _with_blobs(self) -> int:
        root = self._root / "blobs"
        for folder in _entries(root):
            try:
                changed_ns = folder.stat(follow_symlinks=False).st_mtime_ns
            except OSError:
                continue
            known = self._blobs.get(folder.name)
            if known is None or known.changed_ns != changed_ns:
                self._blobs[folder.name] = _Count(changed_ns, self._below(Path(folder.path)))
        return sum(self._parts.values()) + sum(count.size_bytes for count in self._blobs.values())

    def _names(self) -> list[str]:
        return [entry.name for entry in _entries(self._root)]

    def _of(self, name: str) -> int:
        return self._below(self._root / name)

    def _below(self, top: Path) -> int:
        """Bytes on the disk of a file, or of all files in a folder; what is mounted in it is not counted."""
        try:
            found = top.lstat()
        except OSError:
            return 0
        total, folders = _taken(found), [top] if stat.S_ISDIR(found.st_mode) else []
        seen: set[int] = set()
        while folders:
            for entry in _entries(folders.pop()):
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # it went while we looked
                if found.st_dev != self._device or (found.st_nlink > 1 and found.st_ino in seen):
                    continue
                total += _taken(found)
                if stat.S_ISDIR(found.st_mode):
                    folders.append(Path(entry.path))
                elif found.st_nlink > 1:
                    seen.add(found.st_ino)
        return total


def _taken(found: os.stat_result) -> int:
    """What it takes of the disk; some network file systems count no blocks."""
    return found.st_blocks * 512 or found.st_size


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from list(entries)
    except OSError:
        return
