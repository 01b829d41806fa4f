"""Bytes from workers elsewhere: one part at a time, whatever the line does."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpcore
import pytest

from app.kit.blobs import BlobFolder
from app.kit.ids import new_id
from app.resources.workers.uploads import Part, PartOutOfOrder, PartUnderWay, WorkerUploads
from workers import parcels
from workers.parcels import Parcels

CONTENT = b"first half, second half"
NAME = hashlib.sha256(CONTENT).hexdigest()


async def test_two_parts_of_one_file_never_interleave(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path / "blobs", tmp_path / "tmp")
    for place in (blobs.root, blobs.scratch):
        place.mkdir()
    uploads, worker = WorkerUploads(blobs, 1000), new_id()
    has_begun, may_end = asyncio.Event(), asyncio.Event()
    whole = Part(0, len(CONTENT), len(CONTENT))

    async def slowly() -> AsyncIterator[bytes]:
        yield CONTENT[:10]
        has_begun.set()
        await may_end.wait()
        yield CONTENT[10:]

    async def at_once() -> AsyncIterator[bytes]:
        yield CONTENT

    first = asyncio.create_task(uploads.take(worker, NAME, whole, slowly()))
    await has_begun.wait()
    with pytest.raises(PartUnderWay):
        await uploads.take(worker, NAME, whole, at_once())
    may_end.set()
    assert (await first) is not None
    assert blobs.path(NAME).read_bytes() == CONTENT
    with pytest.raises(PartOutOfOrder):
        await uploads.take(worker, NAME, Part(10, len(CONTENT), len(CONTENT)), at_once())


async def test_a_worker_told_that_it_is_out_of_step_asks_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.write_bytes(CONTENT)
    monkeypatch.setattr(parcels, "PAUSES_S", (0.0, 0.0))
    answers = [
        httpcore.Response(404),
        httpcore.Response(409, content=b"{}"),
        httpcore.Response(308, headers=[(b"range", b"bytes=0-9")]),
        httpcore.Response(201),
    ]
    asked: list[tuple[str, bytes]] = []

    async def answer(
        _: object, method: str, sha256: str, content: object, headers: list[tuple[bytes, bytes]]
    ) -> httpcore.Response:
        asked.append((method, dict(headers).get(b"content-range", b"")))
        found = answers.pop(0)
        await found.aread()
        return found

    monkeypatch.setattr(Parcels, "_request", answer)
    await Parcels("http://studio.test").upload(NAME, made, len(CONTENT), "token")
    size = str(len(CONTENT)).encode()
    assert asked == [
        ("HEAD", b""),
        ("PUT", b"bytes 0-22/" + size),
        ("HEAD", b""),
        ("PUT", b"bytes 10-22/" + size),
    ]
