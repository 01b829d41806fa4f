"""Files beyond 2^32 bytes: sparse ones, so that the numbers are large and nothing else is."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from app.kit.blobs import BlobFolder
from app.kit.ids import new_id
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.assets.uploads import scratch_of
from app.resources.workers.uploads import Part, WorkerUploads
from app.store.database import Database, Scope
from tests.people import People, Person, problem

GIB = 1024**3
SIZE = 5 * GIB
AT = 4 * GIB + GIB // 2  # 4.5 GiB: above 2^32
MARK = b"here, far beyond"


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.operator)


@pytest.fixture
def blobs(settings: Settings) -> BlobFolder:
    return BlobFolder(settings.blobs_dir, settings.tmp_dir)


def stretch(path: Path, size: int) -> None:
    """A file of this size that takes no space, with the mark in its depths."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
        if size > AT:
            os.pwrite(file.fileno(), MARK, AT)


@pytest.fixture
async def large(person: Person, database: Database, blobs: BlobFolder) -> AsyncIterator[str]:
    """The address of an asset of 5 GiB; its row and its file were made small and stretched."""
    asset = (await person.client.post("/api/v1/assets", files={"file": ("deep.bin", os.urandom(64))})).json()
    path = blobs.path(asset["sha256"])
    stretch(path, SIZE)
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        sizes = {"size": SIZE, "sha256": asset["sha256"]}
        await tx.execute("UPDATE assets SET size_bytes = %(size)s WHERE sha256 = %(sha256)s", sizes)
    yield f"/api/v1/assets/{asset['id']}"
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    path.unlink(missing_ok=True)


async def test_a_range_beyond_4_gib_gives_its_bytes(person: Person, large: str) -> None:
    assert (await person.client.get(large)).json()["size_bytes"] == SIZE
    last = AT + len(MARK) - 1
    part = await person.client.get(f"{large}/content", headers={"range": f"bytes={AT}-{last}"})
    assert (part.status_code, part.content) == (206, MARK)
    assert part.headers["content-range"] == f"bytes {AT}-{last}/{SIZE}"
    tail = await person.client.get(f"{large}/content", headers={"range": "bytes=-3"})
    assert (tail.content, tail.headers["content-range"]) == (b"\0\0\0", f"bytes {SIZE - 3}-{SIZE - 1}/{SIZE}")
    head = await person.client.head(f"{large}/content")
    assert head.headers["content-length"] == str(SIZE)


async def test_an_upload_goes_on_beyond_4_gib(person: Person, database: Database, blobs: BlobFolder) -> None:
    upload = (
        await person.client.post("/api/v1/assets/uploads", json={"name": "deep.bin", "size_bytes": SIZE})
    ).json()
    path = f"/api/v1/assets/uploads/{upload['id']}"
    assert upload["size_bytes"] == SIZE
    stretch(scratch_of(blobs, UUID(upload["id"])), AT)
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        here = {"at": AT, "id": upload["id"]}
        await tx.execute("UPDATE uploads SET received_bytes = %(at)s WHERE id = %(id)s", here)

    wrong = await person.client.patch(path, content=MARK, headers={"upload-offset": str(AT - 2**32)})
    assert problem(wrong, 409)["received_bytes"] == AT
    piece = await person.client.patch(path, content=MARK, headers={"upload-offset": str(AT)})
    assert piece.status_code == 200, piece.text
    assert piece.json()["received_bytes"] == AT + len(MARK)
    assert (await person.client.get(path)).json()["received_bytes"] == AT + len(MARK)
    missing = problem(await person.client.post(f"{path}/finish"), 409)
    assert f"{SIZE - AT - len(MARK):,}" in missing["detail"]
    assert (await person.client.delete(path)).status_code == 204


@pytest.fixture
def elsewhere(tmp_path: Path) -> BlobFolder:
    """A blob folder of its own."""
    folder = BlobFolder(tmp_path / "blobs", tmp_path / "tmp")
    folder.root.mkdir()
    folder.scratch.mkdir()
    return folder


async def test_a_worker_sends_a_part_beyond_4_gib(elsewhere: BlobFolder) -> None:
    uploads, worker, name = WorkerUploads(elsewhere, 10 * GIB), new_id(), "ab" * 32
    stretch(elsewhere.scratch / f"worker-upload-{worker}-{name}", AT)
    assert uploads.held(worker, name) == AT

    async def chunks() -> AsyncIterator[bytes]:
        yield MARK

    assert await uploads.take(worker, name, Part(AT, AT + len(MARK), SIZE), chunks()) is None
    assert uploads.held(worker, name) == AT + len(MARK)
