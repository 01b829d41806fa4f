"""Cleans up after uploads, and gives back the space of bytes that no asset names."""

import asyncio
import time
from pathlib import Path

from app.kit.holds import PREFIX as HOLD
from app.resources.assets import collection, model
from app.resources.assets.uploads import scratch_of
from app.resources.periodic import Job, Parts
from app.store.database import Scope

UPLOAD_IDLE_HOURS = 24  # who has not continued by then has given up
# What uploads, writes and backups leave in the scratch folder when they are killed.
STRAY_NAMES = ("upload-", "blob-", HOLD)


async def remove_stale_uploads(parts: Parts) -> int:
    """Give up uploads that nobody continued for a day, and scratch files that a crash left."""
    async with parts.database.transaction(Scope.system()) as tx:
        stale = await model.take_stale_uploads(tx, UPLOAD_IDLE_HOURS)
    for upload_id in stale:
        scratch_of(parts.blobs, upload_id).unlink(missing_ok=True)
    strays = await asyncio.to_thread(_remove_strays, parts.blobs.scratch)
    return len(stale) + strays


async def collect_blobs(parts: Parts) -> int:
    """Delete bytes that nothing has named for longer than the grace."""
    freed = await collection.collect(parts.database, parts.blobs, parts.settings.collect_after_s)
    return freed.files


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
