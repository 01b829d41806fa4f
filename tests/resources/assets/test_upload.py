"""Uploads: streamed, sniffed, limited, stored once; bad files get a sentence."""

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psutil
import pytest
from PIL import Image

from app.kit.blobs import BlobFolder
from app.kit.ids import OrganizationId
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.assets.service import StepFiles
from app.resources.assets.uploads import CHUNK_MAX_BYTES
from app.server.application import create_app
from app.store.database import Database, DatabaseUnavailable, Scope
from tests.lifespan import running
from tests.people import People, Person, gathering, problem


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 80, 40)).save(file, kind)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))

    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.operator)


@pytest.fixture
def upload(person: Person) -> "Uploader":
    return Uploader(person.client)


class Uploader:
    """Sends one file as a browser does."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(
        self, name: str, data: bytes, mime: str = "application/octet-stream"
    ) -> httpx.Response:
        return await self.client.post("/api/v1/assets", files={"file": (name, data, mime)})


async def test_a_picture_is_stored_with_its_facts_and_comes_back_the_same(upload: Uploader) -> None:
    data = picture()
    asset = (await upload("Ferien/../Bär.png", data)).json()
    assert (asset["name"], asset["mime"], asset["kind"]) == ("Bär.png", "image/png", "image")
    assert (asset["width"], asset["height"], asset["size_bytes"]) == (40, 20, len(data))
    content = await upload.client.get(f"/api/v1/assets/{asset['id']}/content")
    assert content.content == data
    assert content.headers["content-type"] == "image/png"


async def test_the_name_and_the_sent_type_decide_nothing(upload: Uploader) -> None:
    text = (await upload("holiday.jpg", b"I am only text", "image/jpeg")).json()
    assert (text["mime"], text["kind"]) == ("text/plain", "file")
    page = (await upload("holiday.jpg", b"<!doctype html><script>alert(1)</script>", "image/jpeg")).json()
    assert (page["mime"], page["kind"]) == ("text/html", "file")
    photo = (await upload("notes.txt", picture("JPEG"), "text/plain")).json()
    assert (photo["mime"], photo["kind"]) == ("image/jpeg", "image")


async def test_a_photo_that_lies_on_its_side_has_the_size_a_person_sees(upload: Uploader) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(file, "JPEG", exif=exif)
    asset = (await upload("phone.jpg", file.getvalue())).json()
    assert (asset["width"], asset["height"]) == (20, 40)


async def test_a_bomb_is_refused_before_a_pixel_is_decoded(upload: Uploader) -> None:
    found = problem(await upload("bomb.png", bomb(12_000, 12_000)), 422)
    assert "12000 × 12000" in found["detail"]
    assert found["remedy"]
    problem(await upload("bomb.png", bomb(60_000, 60_000)), 422)
    problem(await upload("bomb.png", bomb(2**31 - 1, 2**31 - 1)), 422)


@pytest.mark.parametrize("damage", [b"\x89PNG\r\n\x1a\n", picture()[:60], picture()[:-30] + b"x" * 30])
async def test_a_damaged_picture_is_refused_with_a_sentence(upload: Uploader, damage: bytes) -> None:
    assert "broken.png" in problem(await upload("broken.png", damage), 422)["detail"]


async def test_an_empty_file_is_refused_with_a_sentence(upload: Uploader) -> None:
    assert "empty" in problem(await upload("nothing.png", b""), 422)["detail"]
    answer = await upload.client.post("/api/v1/assets/uploads", json={"name": "x", "size_bytes": 0})
    assert "empty" in problem(answer, 422)["detail"]


async def test_a_body_that_is_no_upload_is_refused_with_a_sentence(upload: Uploader) -> None:
    client = upload.client
    problem(await client.post("/api/v1/assets", json={"path": "/etc/passwd"}), 415)
    problem(await client.post("/api/v1/assets", data={"name": "x"}), 415)
    boundary = {"content-type": "multipart/form-data; boundary=edge"}
    no_file = b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--edge--\r\n'
    problem(await client.post("/api/v1/assets", content=no_file, headers=boundary), 422)
    problem(await client.post("/api/v1/assets", content=b"nonsense", headers=boundary), 400)
    part = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf of'
    problem(await client.post("/api/v1/assets", content=part, headers=boundary), 400)
    files = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    problem(await client.post("/api/v1/assets", files=files), 422)


async def test_the_same_bytes_are_kept_once_and_belong_to_both(
    people: People, upload: Uploader, settings: Settings
) -> None:
    data = picture(size=(33, 44))
    mine = (await upload("mine.png", data)).json()
    other = await people.member(Role.owner)
    theirs = (await Uploader(other.client)("theirs.png", data)).json()
    assert mine["sha256"] == theirs["sha256"]
    assert len(list(settings.blobs_dir.rglob(mine["sha256"]))) == 1
    assert (await other.client.delete(f"/api/v1/assets/{theirs['id']}")).status_code == 204
    assert (await upload.client.get(f"/api/v1/assets/{mine['id']}/content")).content == data


async def test_a_file_over_the_limit_is_refused_while_it_arrives(
    database: Database, settings: Settings
) -> None:
    small = msgspec.structs.replace(settings, upload_max_bytes=1_000_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
        for _ in range(64):
            sent += 65536
            yield b"\1" * 65536

    app = create_app(small)
    async with running(app), gathering(app, database, small) as people:
        person = await people.member(Role.operator)
        headers = {"content-type": "multipart/form-data; boundary=edge"}
        answer = await person.client.post("/api/v1/assets", content=endless(), headers=headers)
        found = problem(answer, 413)
        assert "976.6 KiB" in found["detail"]
        assert "STUDIO_UPLOAD_MAX_BYTES" in found["remedy"]
        announced = {"name": "big.bin", "size_bytes": 1_000_001}
        problem(await person.client.post("/api/v1/assets/uploads", json=announced), 413)
    assert not list(small.tmp_dir.glob("blob-*"))


async def test_a_boundary_without_end_is_a_complaint_and_no_bug(upload: Uploader) -> None:
    headers = {"content-type": "multipart/form-data; boundary=" + "x" * 5000}
    problem(await upload.client.post("/api/v1/assets", content=b"--x", headers=headers), 400)


async def test_a_large_upload_leaves_memory_flat(upload: Uploader) -> None:
    process, size = psutil.Process(), 200 * 1024 * 1024
    peak = 0

    async def film() -> AsyncIterator[bytes]:
        nonlocal peak
        yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="film.bin"\r\n\r\n'
        for number in range(size // 65536):
            yield bytes([number % 251]) * 65536
            peak = max(peak, process.memory_info().rss)
        yield b"\r\n--edge--\r\n"

    before = process.memory_info().rss
    headers = {"content-type": "multipart/form-data; boundary=edge"}
    # ASGITransport would gather the body itself, so the application is spoken to directly.
    answer = await stream_to(upload.client, "/api/v1/assets", film(), headers)
    assert answer["size_bytes"] == size
    assert peak - before < 24 * 1024 * 1024


async def stream_to(
    client: httpx.AsyncClient, path: str, body: AsyncIterator[bytes], headers: dict[str, str]
) -> dict[str, object]:
    """POST a body piece by piece, as a server hands it over."""
    app = client._transport.app  # type: ignore[attr-defined]  # httpx types the transport by its base
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        try:
            return {"type": "http.request", "body": await anext(body), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = {**dict(client.headers), **headers, "host": "studio.test"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
        "client": ("198.51.100.7", 1),
        "server": ("studio.test", 80),
    }
    await app(scope, receive, send)
    answer: dict[str, object] = msgspec.json.decode(sent[1]["body"])
    return answer


async def test_a_repeat_under_the_same_key_makes_one_asset(upload: Uploader) -> None:
    key = {"idempotency-key": "one upload"}
    files = {"file": ("a.txt", b"the same")}
    first, second = await asyncio.gather(
        *(upload.client.post("/api/v1/assets", files=files, headers=key) for _ in range(2))
    )
    assert first.json() == second.json()
    other = await upload.client.post("/api/v1/assets", files={"file": ("a.txt", b"other")}, headers=key)
    assert "another call" in problem(other, 422)["detail"]


async def test_pieces_make_a_file_and_a_broken_line_goes_on_where_it_stood(upload: Uploader) -> None:
    client, data = upload.client, picture(size=(300, 200)) + b"\0" * 5000
    started = (
        await client.post("/api/v1/assets/uploads", json={"name": "p.png", "size_bytes": len(data)})
    ).json()
    assert started["chunk_max_bytes"] == CHUNK_MAX_BYTES
    path = f"/api/v1/assets/uploads/{started['id']}"

    async def piece(offset: int, body: bytes) -> httpx.Response:
        return await client.patch(path, content=body, headers={"upload-offset": str(offset)})

    assert (await piece(0, data[:1000])).json()["received_bytes"] == 1000
    assert problem(await piece(500, data[500:]), 409)["received_bytes"] == 1000
    assert problem(await client.post(f"{path}/finish"), 409)["received_bytes"] == 1000
    problem(await piece(1000, data[1000:] + b"too much"), 413)
    stood = (await client.get(path)).json()["received_bytes"]
    assert (await piece(stood, data[stood:])).json()["received_bytes"] == len(data)
    asset = (await client.post(f"{path}/finish")).json()
    assert (asset["kind"], asset["width"], asset["size_bytes"]) == ("image", 300, len(data))
    content = await client.get(f"/api/v1/assets/{asset['id']}/content")
    assert content.content == data
    problem(await client.get(path), 404)


async def test_a_finish_whose_answer_was_lost_gives_the_same_asset_again(
    upload: Uploader, people: People, settings: Settings
) -> None:
    client = upload.client
    started = (await client.post("/api/v1/assets/uploads", json={"name": "a.txt", "size_bytes": 4})).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await client.patch(path, content=b"full", headers={"upload-offset": "0"})
    first = await client.post(f"{path}/finish")
    again = await client.post(f"{path}/finish")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert not list(settings.tmp_dir.glob(f"upload-{started['id']}"))
    other = await people.member(Role.owner)
    problem(await other.client.post(f"{path}/finish"), 404)


async def test_a_finish_that_fails_at_the_end_leaves_the_upload_to_go_on_with(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = upload.client
    started = (await client.post("/api/v1/assets/uploads", json={"name": "a.txt", "size_bytes": 4})).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await client.patch(path, content=b"full", headers={"upload-offset": "0"})

    async def lost(*_: object, **__: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr("app.resources.assets.uploads.store_file", lost)
        problem(await client.post(f"{path}/finish"), 503)
    assert problem(await client.post(f"{path}/finish"), 409)["received_bytes"] == 0
    await client.patch(path, content=b"full", headers={"upload-offset": "0"})
    assert (await client.post(f"{path}/finish")).status_code == 201


async def test_a_damaged_picture_in_pieces_is_refused_each_time_in_the_same_words(upload: Uploader) -> None:
    client, data = upload.client, picture()[:60]
    started = (
        await client.post("/api/v1/assets/uploads", json={"name": "broken.png", "size_bytes": len(data)})
    ).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await client.patch(path, content=data, headers={"upload-offset": "0"})
    first = problem(await client.post(f"{path}/finish"), 422)
    assert "broken.png" in first["detail"]
    assert problem(await client.post(f"{path}/finish"), 422)["detail"] == first["detail"]
    assert (await client.delete(path)).status_code == 204


async def test_an_upload_whose_scratch_file_is_lost_starts_again(
    upload: Uploader, settings: Settings
) -> None:
    client = upload.client
    started = (await client.post("/api/v1/assets/uploads", json={"name": "a.txt", "size_bytes": 4})).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await client.patch(path, content=b"full", headers={"upload-offset": "0"})
    (settings.tmp_dir / f"upload-{started['id']}").unlink()
    assert problem(await client.post(f"{path}/finish"), 409)["received_bytes"] == 0
    await client.patch(path, content=b"full", headers={"upload-offset": "0"})
    assert (await client.post(f"{path}/finish")).status_code == 201


async def test_an_upload_given_up_leaves_nothing(upload: Uploader, settings: Settings) -> None:
    client = upload.client
    started = (await client.post("/api/v1/assets/uploads", json={"name": "a.txt", "size_bytes": 4})).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await client.patch(path, content=b"ab", headers={"upload-offset": "0"})
    assert (await client.delete(path)).status_code == 204
    assert not list(settings.tmp_dir.glob(f"upload-{started['id']}"))
    problem(await client.patch(path, content=b"cd", headers={"upload-offset": "2"}), 404)
    assert not list(settings.tmp_dir.glob(f"upload-{started['id']}"))


async def test_kinds_can_be_asked_for(upload: Uploader, database: Database, person: Person) -> None:
    await upload("a.png", picture())
    await upload("a.txt", b"text")
    images = (await upload.client.get("/api/v1/assets", params={"kind": "image"})).json()["items"]
    assert [one["name"] for one in images] == ["a.png"]
    problem(await upload.client.get("/api/v1/assets", params={"kind": "smell"}), 422)
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        assert await tx.fetch_value("SELECT count(*) FROM assets") == 2


async def test_a_list_narrows_by_where_files_are_from_and_by_a_part_of_their_name(
    upload: Uploader, database: Database, person: Person
) -> None:
    made = [UUID((await upload(f"{n} Noon.png", picture())).json()["id"]) for n in ("frame", "film", "own")]
    own, keeper = made[2], StepFiles(BlobFolder(Path("/nowhere"), Path("/nowhere")))
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        await tx.execute("UPDATE assets SET source = 'step' WHERE id <> %(id)s", {"id": own})
        await keeper.mark_results(tx, [made[1], own], organization_id=OrganizationId(person.organization_id))

    async def names(**params: Any) -> list[str]:
        answer = await upload.client.get("/api/v1/assets", params=params)
        return [one["name"].split()[0] for one in answer.raise_for_status().json()["items"]]

    assert await names() == ["own", "film", "frame"]
    assert await names(source="step") == ["frame"]
    assert await names(source=["upload", "result", "sample"]) == ["own", "film"]
    assert await names(name="M n") == ["film"]
    assert await names(name="") == ["own", "film", "frame"]
    assert await names(name="%") == []
    problem(await upload.client.get("/api/v1/assets", params={"source": ["upload", "smell"]}), 422)
    problem(await upload.client.get("/api/v1/assets", params={"name": "x" * 256}), 422)
    problem(await upload.client.get("/api/v1/assets", params={"name": "\0"}), 422)
