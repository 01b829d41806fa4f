"""The sample workflow “Picture story” with its photos, so that a fresh box has something to run."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from app.flow.catalog import Catalog
from app.kit.blobs import Blob, BlobFolder
from app.resources.assets.service import store_file
from app.resources.workflows.sample_photos import draw_all
from app.resources.workflows.schemas import NewWorkflow
from app.resources.workflows.service import create
from app.steps.tools.sniff import Facts, look
from app.store.database import Transaction

DOCUMENT = Path(__file__).with_name("sample") / "picture_story.json"
DESCRIPTION = "Photos become frames of one size, and the frames a film with a title and gentle fades."
PHOTO_MAX_BYTES = 4 * 1024 * 1024


class StoredPhoto(msgspec.Struct, frozen=True):
    """A sample photo whose bytes are in the blob folder."""

    name: str
    blob: Blob
    facts: Facts


def document() -> dict[str, Any]:
    """The workflow document of the sample."""
    read: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return read


async def store_photos(blobs: BlobFolder) -> list[StoredPhoto]:
    """Draw the photos and put their bytes into the folder; before any transaction, for it takes a moment."""
    stored = []
    for photo in await asyncio.to_thread(draw_all):
        blob = await blobs.write(_once(photo.jpeg), PHOTO_MAX_BYTES)
        facts = await asyncio.to_thread(look, blobs.path(blob.sha256), photo.name)
        stored.append(StoredPhoto(photo.name, blob, facts))
    return stored


async def install(
    tx: Transaction, catalog: Catalog, blobs: BlobFolder, photos: list[StoredPhoto], created_by: UUID
) -> None:
    """Give the transaction's organization the sample workflow and its photos."""
    # The list shows the newest first, so the first photo of the story is stored last.
    for photo in reversed(photos):
        await store_file(
            tx, blobs, photo.blob, photo.facts, name=photo.name, source="sample", created_by=created_by
        )
    new = NewWorkflow(definition=document(), description=DESCRIPTION)
    await create(tx, catalog, new, created_by=created_by, is_sample=True)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
