"""Gives back the space of bytes that no asset names.

A blob whose last asset has gone is noted as unused, stays for the grace that the settings name (a backup
that began before may still copy it) and goes then, unless a running backup holds collection. At every point
a kill leaves either nothing or a file that the next pass finds: the file is set aside under the lock of its
row, the row goes with the commit, and only then the bytes. A row that came back by a rollback gets its bytes
back from aside.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from app.flow.definition import MAX_TIMEOUT_S
from app.kit.blobs import Blob, BlobFolder, is_hash
from app.kit.holds import holders
from app.kit.log import get_logger
from app.resources.assets import model
from app.resources.assets.model import Unused
from app.store.database import Database, Scope, Transaction

log = get_logger(__name__)

# An upload stores its bytes before its row is written, perhaps bytes that are here already; it takes less.
YOUNG_S: Final = 24 * 3600
# A step stores its files before it finishes: a file without a row may be one's that still runs. None runs
# longer than this, unless nobody gave it a deadline.
STRAY_S: Final = MAX_TIMEOUT_S + YOUNG_S
BATCH: Final = 500
LOOK_BATCH: Final = 5_000


class Freed(msgspec.Struct, frozen=True):
    """What a collection gave back."""

    files: int
    bytes: int


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection would do: what would go now, what goes when its grace is over, and who holds it."""

    due: Unused
    waiting: Unused
    grace_s: int
    held_by: list[str]
    freed_30_days: Freed


async def outlook(tx: Transaction, blobs: BlobFolder, grace_s: int) -> Outlook:
    """The preview, from the rows alone."""
    due, waiting = await model.unused_blobs(tx, grace_s)
    return Outlook(
        due=due,
        waiting=waiting,
        grace_s=grace_s,
        held_by=await asyncio.to_thread(holders, blobs.scratch),
        freed_30_days=Freed(*await model.collected(tx, 30)),
    )


async def look(database: Database, blobs: BlobFolder) -> None:
    """Note which blobs have no asset any more, and which files have no row."""
    after: str | None = ""
    while after is not None:
        async with database.transaction(Scope.system()) as tx:
            after = await model.mark_unused(tx, after, LOOK_BATCH)
    # Folder by folder, of which there are 256: the names of a million files are some hundred megabytes.
    for folder in await asyncio.to_thread(lambda: sorted(blobs.root.glob("[0-9a-f][0-9a-f]"))):
        old = await asyncio.to_thread(_all_old, folder)
        for start in range(0, len(old), BATCH):
            await _note_strays(database, old[start : start + BATCH])


async def _note_strays(database: Database, some: Sequence[tuple[Blob, float]]) -> None:
    async with database.transaction(Scope.system()) as tx:
        known = await model.known_blobs(tx, [blob.sha256 for blob, _ in some])
        strays = [one for one in some if one[0].sha256 not in known]
        if strays:
            await model.note_strays(tx, strays)


async def collect(database: Database, blobs: BlobFolder, grace_s: int) -> Freed:
    """Look, then delete what is due; nothing while a backup holds it."""
    await _mend(database, blobs)
    await look(database, blobs)
    files = size_bytes = 0
    while True:
        held_by = await asyncio.to_thread(holders, blobs.scratch)
        if held_by:
            log.info("collection is held", action="collection_held", by=", ".join(held_by))
            break
        gone, looked_at = await _collect_some(database, blobs, grace_s)
        files += len(gone)
        size_bytes += sum(blob.size_bytes for blob in gone)
        if looked_at < BATCH:
            break
    return Freed(files, size_bytes)


async def _collect_some(database: Database, blobs: BlobFolder, grace_s: int) -> tuple[list[Blob], int]:
    """One batch: what went, and how many rows were looked at."""
    async with database.transaction(Scope.system()) as tx:
        hashes = await model.lock_unused(tx, grace_s, BATCH)
        gone = [] if not hashes else await model.forget_blobs(tx, hashes)
        gone = await asyncio.to_thread(lambda: [blob for blob in gone if _set_aside(blobs, blob)])
        if gone:
            await model.count_collected(tx, len(gone), sum(blob.size_bytes for blob in gone))
    # From here on no row knows them: a kill leaves them aside, for `_mend`.
    for blob in gone:
        await asyncio.to_thread(blobs.drop_aside, blob.sha256)
    return gone, len(hashes)


def _set_aside(blobs: BlobFolder, blob: Blob) -> bool:
    """Whether bytes were taken away. Who stores bytes makes the file young before it writes the row: such a
    file keeps its place without a row, and is found again when it has aged.
    """
    stored_at = blobs.set_aside(blob.sha256)
    if stored_at is None:
        return False
    if stored_at > time.time() - YOUNG_S:
        blobs.put_back(blob.sha256)
        return False
    return True


async def _mend(database: Database, blobs: BlobFolder) -> None:
    """Finish what a killed collection had begun: bytes whose row came back get their name again."""
    for sha256 in await asyncio.to_thread(blobs.asides):
        async with database.transaction(Scope.system()) as tx:
            if await model.has_blob(tx, sha256) and not blobs.has(sha256):
                blobs.put_back(sha256)
            else:
                blobs.drop_aside(sha256)


def _all_old(folder: Path) -> list[tuple[Blob, float]]:
    return list(_old_files(folder))


def _old_files(folder: Path) -> Iterator[tuple[Blob, float]]:
    limit = time.time() - STRAY_S
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if is_hash(entry.name) and (found := entry.stat()).st_mtime < limit:
                    yield Blob(entry.name, found.st_size), found.st_mtime
            except FileNotFoundError:
                continue  # collected while we looked
