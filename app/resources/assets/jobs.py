"""Cleans up after uploads, and gives back the space of bytes that no asset names."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from app.kit.blobs import Blob, is_hash
from app.kit.log import get_logger
from app.resources.assets import model
from app.resources.assets.uploads import scratch_of
from app.resources.periodic import Job, Parts
from app.store.database import Scope

log = get_logger(__name__)

UPLOAD_IDLE_HOURS = 24  # who has not continued by then has given up
BLOB_IDLE_HOURS = 24  # a step stores its files before it finishes; the longest step is shorter than this
BATCH = 500
STRAY_NAMES = ("upload-", "blob-")  # what uploads and writes leave in the scratch folder when they are killed


async def remove_stale_uploads(parts: Parts) -> int:
    """Give up uploads that nobody continued for a day, and scratch files that a crash left."""
    async with parts.database.transaction(Scope.system()) as tx:
        stale = await model.take_stale_uploads(tx, UPLOAD_IDLE_HOURS)
    for upload_id in stale:
        scratch_of(parts.blobs, upload_id).unlink(missing_ok=True)
    strays = await asyncio.to_thread(_remove_strays, parts.blobs.scratch)
    return len(stale) + strays


async def collect_blobs(parts: Parts) -> int:
    """Delete bytes that no asset names. The row is locked until the file is gone, so that an upload of the
    same content waits and then stores it anew; a file that was stored again lately stays.
    """
    await _note_unknown(parts)
    collected = 0
    while True:
        async with parts.database.transaction(Scope.system()) as tx:
            hashes = await model.take_unused_blobs(tx, BLOB_IDLE_HOURS, BATCH)
            for sha256 in hashes:
                # Who stores bytes touches the file first and writes the row when its work is done. Without
                # its old row a young file is simply unknown, and taken here when it has aged.
                if not _is_young(parts.blobs.path(sha256)):
                    parts.blobs.remove(sha256)
                    collected += 1
        if len(hashes) < BATCH:
            return collected


async def _note_unknown(parts: Parts) -> None:
    """Files without a row: a crash came between storing and noting, or a step failed after storing. They
    get an old row, and go the way of all others, under its lock.
    """
    old = await asyncio.to_thread(lambda: list(_old_blobs(parts.blobs.root)))
    for start in range(0, len(old), BATCH):
        some = old[start : start + BATCH]
        async with parts.database.transaction(Scope.system()) as tx:
            known = await model.known_blobs(tx, [blob.sha256 for blob in some])
            unknown = [blob for blob in some if blob.sha256 not in known]
            if unknown:
                await model.note_old_blobs(tx, unknown, BLOB_IDLE_HOURS)


def _old_blobs(root: Path) -> Iterator[Blob]:
    limit = time.time() - BLOB_IDLE_HOURS * 3600
    for folder in root.glob("[0-9a-f][0-9a-f]"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hash(entry.name) and (found := entry.stat()).st_mtime < limit:
                    yield Blob(entry.name, found.st_size)


def _is_young(path: Path) -> bool:
    try:
        return path.stat().st_mtime >= time.time() - BLOB_IDLE_HOURS * 3600
    except FileNotFoundError:
        return False


def _remove_strays(scratch: Path) -> int:
    limit = time.time() - UPLOAD_IDLE_HOURS * 3600
    strays = [
        path
        for name in STRAY_NAMES
        for path in scratch.glob(f"{name}*")
        if path.is_file() and path.stat().st_mtime < limit
    ]
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)


JOBS = (
    Job(name="stale uploads removed", every_s=3600.0, run=remove_stale_uploads),
    Job(name="unused bytes removed", every_s=3600.0, run=collect_blobs),
)
