"""Uploads in pieces, for large files and bad lines: announce, send pieces at their offsets, finish.

The row says how much is safely here; whatever a crash left beyond it in the file is written over. A lock on
the file keeps two pieces from mixing, also between API processes. Pieces stay below 90 MB because
Cloudflare's proxy refuses bodies of 100 MB.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from app.flow.wording import count
from app.kit.blobs import Blob, BlobFolder
from app.kit.errors import Conflict, NotFound, StudioError, TooLarge
from app.kit.settings import Settings
from app.resources.assets import model
from app.resources.assets.model import Asset, Upload
from app.resources.assets.multipart import clean_name
from app.resources.assets.service import EmptyFile, full_or, store_file, too_large
from app.steps.tools.sniff import look
from app.store.database import Database, Scope, Transaction

CHUNK_MAX_BYTES = 90_000_000


class UploadNotFound(NotFound):
    """There is no such upload: it is finished, was given up, or nobody continued it for a day."""


class WrongOffset(Conflict):
    """This piece does not begin where the upload stands; ask for received_bytes and go on from there."""


class PieceUnderWay(Conflict):
    """Another piece of this upload is being received; wait for it."""


class PieceTooLarge(TooLarge):
    """A piece may have at most 90 MB."""


class UploadIncomplete(Conflict):
    """Pieces of this upload are still missing."""


async def announce(
    tx: Transaction, settings: Settings, name: str, size_bytes: int, created_by: UUID
) -> Upload:
    """Begin an upload. Raises FileTooLarge, EmptyFile."""
    if size_bytes > settings.upload_max_bytes:
        raise too_large(settings)
    if size_bytes == 0:
        raise EmptyFile
    return await model.add_upload(tx, clean_name(name), size_bytes, created_by)


async def get(tx: Transaction, upload_id: UUID) -> Upload:
    """How far an upload is. Raises UploadNotFound."""
    upload = await model.find_upload(tx, upload_id)
    if upload is None:
        raise UploadNotFound
    return upload


async def receive_piece(
    database: Database,
    scope: Scope,
    blobs: BlobFolder,
    upload_id: UUID,
    *,
    offset: int,
    body: AsyncIterator[bytes],
) -> Upload:
    """Write one piece; what arrived counts also when the line breaks in the middle of it.

    Raises UploadNotFound, WrongOffset, PieceUnderWay, PieceTooLarge.
    """
    async with database.transaction(scope) as tx:
        await get(tx, upload_id)
    with _only_writer(scratch_of(blobs, upload_id)) as file:
        upload = await _what_is_here(database, scope, file, upload_id)
        if offset != upload.received_bytes:
            raise WrongOffset(received_bytes=upload.received_bytes)
        missing = upload.size_bytes - offset
        os.lseek(file, offset, os.SEEK_SET)
        os.ftruncate(file, offset)
        written = 0
        try:
            async for piece in gathered(body):
                if written + len(piece) > min(CHUNK_MAX_BYTES, missing):
                    raise PieceTooLarge(
                        f"{count(missing, 'byte')} missing here, and a piece has at most 90 MB."
                    )
                await asyncio.to_thread(_write_all, file, piece)
                written += len(piece)
        except OSError as exc:
            raise full_or(exc) from exc
        finally:
            if written:
                await asyncio.to_thread(os.fdatasync, file)
                async with database.transaction(scope) as tx:
                    await model.note_received(tx, upload_id, offset + written)
    async with database.transaction(scope) as tx:
        return await get(tx, upload_id)


async def finish(
    database: Database, scope: Scope, blobs: BlobFolder, upload_id: UUID, created_by: UUID
) -> Asset:
    """Make an asset of a complete upload. It keeps the id of the upload, so that who never heard the answer
    asks again and gets the same asset. Raises UploadNotFound, UploadIncomplete, PieceUnderWay,
    PictureDamaged, …
    """
    path = scratch_of(blobs, upload_id)
    async with database.transaction(scope) as tx:
        if await model.find_upload(tx, upload_id) is None:
            return await _made_of(tx, upload_id)
    with _only_writer(path) as file:
        async with database.transaction(scope) as tx:
            upload = await model.find_upload(tx, upload_id)
            if upload is None:  # another call finished it meanwhile; the empty file is what we just made
                path.unlink(missing_ok=True)
                return await _made_of(tx, upload_id)
        upload = await _what_is_here(database, scope, file, upload_id)
        if upload.received_bytes != upload.size_bytes:
            raise UploadIncomplete(
                f"{count(upload.size_bytes - upload.received_bytes, 'byte')} still missing.",
                received_bytes=upload.received_bytes,
            )
        # A file that is refused stays an upload, so that a repeat hears the same; it goes after a day.
        facts = await asyncio.to_thread(look, path, upload.name)
        try:
            blob: Blob = await asyncio.to_thread(blobs.adopt, path)
        except OSError as exc:
            raise full_or(exc) from exc
        async with database.transaction(scope) as tx:
            # Whoever else holds the lock of a newer file of this name loses here.
            if not await model.remove_upload(tx, upload_id):
                return await _made_of(tx, upload_id)
            return await store_file(
                tx,
                blobs,
                blob,
                facts,
                name=upload.name,
                source="upload",
                created_by=created_by,
                asset_id=upload_id,
            )


async def _made_of(tx: Transaction, upload_id: UUID) -> Asset:
    asset = await model.find_asset(tx, upload_id)
    if asset is None or asset.source != "upload":
        raise UploadNotFound
    return asset


async def give_up(tx: Transaction, blobs: BlobFolder, upload_id: UUID) -> None:
    """Forget an upload and what arrived of it. Raises UploadNotFound."""
    if not await model.remove_upload(tx, upload_id):
        raise UploadNotFound
    scratch_of(blobs, upload_id).unlink(missing_ok=True)


async def gathered(body: AsyncIterator[bytes], size_bytes: int = 1024 * 1024) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: a network gives 64 KiB at a time, a thread wants to be worth it."""
    pieces: list[bytes] = []
    length = 0
    try:
        async for piece in body:
            pieces.append(piece)
            length += len(piece)
            if length >= size_bytes:
                yield b"".join(pieces)
                pieces, length = [], 0
    except StudioError:
        if pieces:  # the line broke: what came before the break is good
            yield b"".join(pieces)
        raise
    if pieces:
        yield b"".join(pieces)


def scratch_of(blobs: BlobFolder, upload_id: UUID) -> Path:
    """Where the pieces are put together."""
    return blobs.scratch / f"upload-{upload_id}"


async def _what_is_here(database: Database, scope: Scope, file: int, upload_id: UUID) -> Upload:
    """The upload as its row says, or from the start again if the file does not hold that much."""
    async with database.transaction(scope) as tx:
        upload = await get(tx, upload_id)
        if os.fstat(file).st_size < upload.received_bytes:
            await model.note_received(tx, upload_id, 0)
            upload = await get(tx, upload_id)
    return upload


@contextmanager
def _only_writer(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise full_or(exc) from exc
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PieceUnderWay from None
        yield file
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
