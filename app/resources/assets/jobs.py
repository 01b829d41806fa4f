"""Cleans up after uploads, and gives back the space of bytes that no asset names."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

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
    same content waits and then stores it anew.
    """
    collected = 0
    while True:
        async with parts.database.transaction(Scope.system()) as tx:
            hashes = await model.take_unused_blobs(tx, BLOB_IDLE_HOURS, BATCH)
            for sha256 in hashes:
                parts.blobs.remove(sha256)
        collected += len(hashes)
        if len(hashes) < BATCH:
            break
    return collected + await _collect_unknown(parts)


async def _collect_unknown(parts: Parts) -> int:
    """Files without a row: a crash came between storing and noting, or a step failed after storing."""
    old = await asyncio.to_thread(lambda: list(_old_blobs(parts.blobs.root)))
    removed = 0
    for start in range(0, len(old), BATCH):
        some = old[start : start + BATCH]
        async with parts.database.transaction(Scope.system()) as tx:
            known = await model.known_blobs(tx, some)
        for sha256 in set(some) - known:
            parts.blobs.remove(sha256)
            removed += 1
    return removed


def _old_blobs(root: Path) -> Iterator[str]:
    limit = time.time() - BLOB_IDLE_HOURS * 3600
    for folder in root.glob("[0-9a-f][0-9a-f]"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(entry.name) == 64 and entry.stat().st_mtime < limit:
                    yield entry.name


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
