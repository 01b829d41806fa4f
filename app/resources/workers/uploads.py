"""Bytes from workers that do not share the volume: by parts, resumable, checked against their hash.

A part goes to a scratch file named after the worker and the hash; when the last byte is there the content is
hashed, and only bytes that are what their name says enter the folder.
"""

import asyncio
import fcntl
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from app.kit.blobs import Blob, BlobFolder
from app.kit.errors import Conflict, Invalid, Malformed, TooLarge

RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
ABANDONED_S: Final = 24 * 3600.0


class PartUnreadable(Malformed):
    """Say which part this is: `Content-Range: bytes <first>-<last>/<size>`."""


class PartOutOfOrder(Conflict):
    """This part does not continue what is here; ask with HEAD where to go on."""


class PartUnderWay(Conflict):
    """Another part of this file is being received; ask with HEAD where to go on."""


class ContentDiffers(Invalid):
    """The bytes that arrived do not have the hash they were announced with; send them again."""


class Part(msgspec.Struct, frozen=True):
    """Which bytes of a file are being sent. `end` is one past the last."""

    start: int
    end: int
    size_bytes: int


def read_part(header: str | None) -> Part:
    """A Content-Range header; `bytes */0` is an empty file. Raises PartUnreadable."""
    found = RANGE.fullmatch(header or "")
    if found is None:
        raise PartUnreadable
    first, last, size = found.groups()
    part = Part(int(first or 0), int(last) + 1 if last else 0, int(size))
    if not (part.start <= part.end <= part.size_bytes) or (first is None and part.size_bytes > 0):
        raise PartUnreadable
    return part


class WorkerUploads:
    """The scratch files of workers' uploads."""

    def __init__(self, blobs: BlobFolder, max_bytes: int) -> None:
        self._blobs = blobs
        self._max_bytes = max_bytes

    def held(self, worker_id: UUID, sha256: str) -> int:
        """How many bytes of an upload are here."""
        path = self._path(worker_id, sha256)
        return path.stat().st_size if path.is_file() else 0

    async def take(
        self, worker_id: UUID, sha256: str, part: Part, chunks: AsyncIterator[bytes]
    ) -> Blob | None:
        """Append one part; the blob when it was the last. Raises PartOutOfOrder, PartUnderWay,
        ContentDiffers, TooLarge.
        """
        if part.size_bytes > self._max_bytes:
            raise TooLarge(f"A file may have {self._max_bytes:,} bytes at most.")
        path = self._path(worker_id, sha256)
        position = part.start
        with path.open("ab") as file:
            # A part whose sender gave up may still be arriving; two that interleave would spoil the file.
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PartUnderWay from None
            # Another may have adopted the file between our open and our lock: then it is a blob already.
            if not _is_at(path, file.fileno()) or self.held(worker_id, sha256) != part.start:
                raise PartOutOfOrder
            async for chunk in chunks:
                position += len(chunk)
                if position > part.end:
                    file.flush()
                    file.truncate(part.start)
                    raise PartUnreadable
                await asyncio.to_thread(file.write, chunk)
            file.flush()
            if position < part.size_bytes:
                return None
            blob = await asyncio.to_thread(self._blobs.adopt, path)
        if blob.sha256 != sha256:
            # What it really is may lie in the folder; nothing names it, and the collector takes it.
            raise ContentDiffers
        return blob

    def forget_abandoned(self) -> int:
        """Remove uploads nobody went on with for a day; how many."""
        count = 0
        for path in self._blobs.scratch.glob("worker-upload-*"):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
                count += 1
        return count

    def _path(self, worker_id: UUID, sha256: str) -> Path:
        self._blobs.path(sha256)  # a name that is no hash raises here
        return self._blobs.scratch / f"worker-upload-{worker_id}-{sha256}"


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
