"""Keeps the list of workers true, and forgets what broken uploads left."""

import asyncio

from app.resources.periodic import Job, Parts
from app.resources.workers import service
from app.resources.workers.uploads import WorkerUploads


async def mark_silent(parts: Parts) -> int:
    """Workers nobody heard of for a minute count as gone."""
    return len(await service.mark_silent(parts.database))


async def forget_uploads(parts: Parts) -> int:
    """Parts of files that a worker never completed."""
    uploads = WorkerUploads(parts.blobs, parts.settings.upload_max_bytes)
    return await asyncio.to_thread(uploads.forget_abandoned)


JOBS = (
    Job(name="silent workers marked", every_s=15.0, run=mark_silent),
    Job(name="abandoned worker uploads removed", every_s=3600.0, run=forget_uploads),
)
