"""Files by their content: `blobs/aa/<sha256>`, written once, never changed.

A write goes to a temporary file on the same volume while it is hashed, is flushed to disk and then renamed:
a name that exists holds exactly the bytes it says, also after a power cut. Bytes are never held whole.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterable
from pathlib import Path

import msgspec

from app.kit.ids import new_id

CHUNK_BYTES = 1024 * 1024
_ASIDE = "collected-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blob(msgspec.Struct, frozen=True):
    """Bytes that are stored: their hash and their length."""

    sha256: str
    size_bytes: int


class BlobTooLarge(Exception):
    """The bytes go on past the limit; what was written is gone again."""


def is_hash(name: str) -> bool:
    """Whether this can be the name of a blob."""
    return _SHA256.fullmatch(name) is not None


class BlobFolder:
    """The content-addressed folder of a volume. Safe for several processes at once.

    Neither folder is ever made here: where one is missing its volume is, and what was written into a folder
    of that name instead would be lost when the volume comes back.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.scratch = scratch  # on the same filesystem as `root`, or the rename cannot be atomic

    def path(self, sha256: str) -> Path:
        """Where these bytes are or would be. Raises ValueError: a hash never comes from a path."""
        if not is_hash(sha256):
            raise ValueError("a blob is named by 64 lower-case hex digits")
        return self.root / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return self.path(sha256).is_file()

    def new_scratch(self) -> Path:
        """A path for a temporary file; `adopt` moves it in, or the caller removes it."""
        return self.scratch / f"blob-{new_id()}"

    async def write(self, chunks: AsyncIterable[bytes], max_bytes: int) -> Blob:
        """Store a stream as it arrives. Raises BlobTooLarge after `max_bytes`."""
        scratch = self.new_scratch()
        digest, size = hashlib.sha256(), 0
        try:
            with scratch.open("xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > max_bytes:
                        raise BlobTooLarge
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                # A flush of gigabytes takes seconds; the event loop goes on meanwhile.
                await asyncio.to_thread(_settle, file.fileno())
            return await asyncio.to_thread(self._place, scratch, Blob(digest.hexdigest(), size))
        finally:
            scratch.unlink(missing_ok=True)

    def adopt(self, path: Path) -> Blob:
        """Move a finished file in by rename (same filesystem) or copy, hashing it; blocking, so call it in
        a thread for anything large. The file at `path` is gone afterwards.
        """
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
        blob = Blob(digest.hexdigest(), size)
        if path.stat().st_dev != self._device():
            scratch = self.new_scratch()
            try:
                _copy(path, scratch)
                placed = self._place(scratch, blob)
            finally:
                scratch.unlink(missing_ok=True)
            path.unlink()
            return placed
        with path.open("rb") as file:
            _settle(file.fileno())
        placed = self._place(path, blob)
        path.unlink(missing_ok=True)
        return placed

    def set_aside(self, sha256: str) -> float | None:
        """Take these bytes from their name, for the collector alone; when they were stored (seconds since
        1970), None when they are not here.

        One rename: whoever stores the same content in this moment either made the file young before, which
        the collector sees, or does not find it and puts its own in place.
        """
        aside = self._aside(sha256)
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            self.path(sha256).replace(aside)
        except FileNotFoundError:
            return None
        return aside.stat().st_mtime

    def put_back(self, sha256: str) -> None:
        """Give bytes that were set aside their name again."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._aside(sha256).replace(target)

    def drop_aside(self, sha256: str) -> None:
        """Delete bytes that were set aside and that no row knows any more."""
        self._aside(sha256).unlink(missing_ok=True)

    def asides(self) -> list[str]:
        """The hashes of what was set aside: by a collector at work, or by one that was killed."""
        names = (path.name.removeprefix(_ASIDE) for path in self.scratch.glob(f"{_ASIDE}*"))
        return [name for name in names if is_hash(name)]

    def _aside(self, sha256: str) -> Path:
        return self.scratch / f"{_ASIDE}{sha256}"

    def _device(self) -> int:
        return self.root.stat().st_dev

    def _place(self, scratch: Path, blob: Blob) -> Blob:
        target = self.path(blob.sha256)
        if target.exists() and target.stat().st_size == blob.size_bytes:
            try:
                os.utime(target)  # stored again is young again: the collector leaves young files alone
            except (FileNotFoundError, PermissionError):
                # Collected in this very moment, or put there by the box's other user (API and workers share
                # the folder through their group): it is moved in as if it had never been here.
                pass
            else:
                return blob
        os.utime(scratch)  # an upload in pieces may have rested for a day before it was finished
        target.parent.mkdir(exist_ok=True)
        scratch.chmod(0o440)
        scratch.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return blob


def _settle(descriptor: int) -> None:
    """Bytes on disk before their name is."""
    os.fsync(descriptor)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            writer.write(chunk)
        writer.flush()
        _settle(writer.fileno())
