"""Downloads: ranges, unchanged answers, and nothing that a browser would run."""

import httpx
import pytest

from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.assets.ranges import RangeUnsatisfiable, Span, read_range
from tests.people import People, problem

DATA = bytes(range(256)) * 40


@pytest.fixture
async def client(people: People) -> httpx.AsyncClient:
    return (await people.member(Role.editor)).client


async def put(client: httpx.AsyncClient, name: str, data: bytes) -> str:
    asset = (await client.post("/api/v1/assets", files={"file": (name, data)})).json()
    return f"/api/v1/assets/{asset['id']}/content"


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=100-", (100, 1000)),
        ("bytes=-100", (900, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=990-5000", (990, 1000)),
        ("bytes=0-0", (0, 1)),
        (None, None),
        ("bytes=0-1,5-6", None),
        ("bytes=9-2", None),
        ("bytes=-", None),
        ("lines=1-2", None),
    ],
)
def test_ranges_are_read_as_the_rfc_says(header: str | None, span: tuple[int, int] | None) -> None:
    assert read_range(header, 1000) == (None if span is None else Span(*span))


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_after_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable):
        read_range(header, 1000)


async def test_a_part_is_given_as_asked(client: httpx.AsyncClient) -> None:
    path = await put(client, "data.bin", DATA)
    part = await client.get(path, headers={"range": "bytes=100-299"})
    assert part.status_code == 206
    assert part.content == DATA[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(DATA)}"
    assert part.headers["content-length"] == "200"
    whole = await client.get(path)
    assert whole.status_code == 200
    assert whole.content == DATA
    assert whole.headers["accept-ranges"] == "bytes"
    beyond = await client.get(path, headers={"range": f"bytes={len(DATA)}-"})
    assert f"{len(DATA):,} bytes" in problem(beyond, 416)["detail"]
    assert beyond.headers["content-range"] == f"bytes */{len(DATA)}"
    endless = await client.get(path, headers={"range": f"bytes={'9' * 5000}-"})
    assert endless.status_code == 200


async def test_a_changed_file_is_not_stitched_together(client: httpx.AsyncClient) -> None:
    path = await put(client, "data.bin", DATA)
    tag = (await client.get(path)).headers["etag"]
    same = await client.get(path, headers={"range": "bytes=0-9", "if-range": tag})
    assert same.status_code == 206
    changed = await client.get(path, headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert changed.status_code == 200
    assert changed.content == DATA
    known = await client.get(path, headers={"if-none-match": f'"x", W/{tag}'})
    assert known.status_code == 304
    assert not known.content


async def test_head_tells_the_same_without_the_bytes(client: httpx.AsyncClient) -> None:
    path = await put(client, "data.bin", DATA)
    answer = await client.head(path)
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(DATA))
    assert not answer.content


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("drawing.png", b'<?xml version="1.0"?><svg onload="alert(1)"></svg>'),
        ("feed.xml", b'<?xml version="1.0"?><feed/>'),
        ("code.js", b"alert(1)"),
        ("paper.pdf", b"%PDF-1.4\n%%EOF"),
        ("thing.bin", b"\0\1\2\3"),
    ],
)
async def test_what_a_browser_could_run_is_only_saved(
    client: httpx.AsyncClient, name: str, data: bytes
) -> None:
    answer = await client.get(await put(client, name, data))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")


async def test_text_is_shown_and_everything_can_be_saved(client: httpx.AsyncClient) -> None:
    path = await put(client, "über „uns“.txt", "grüße".encode())
    shown = await client.get(path)
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["content-disposition"].startswith("inline")
    saved = await client.get(path, params={"download": "true"})
    assert saved.headers["content-disposition"].startswith("attachment")
    assert "filename*=UTF-8''%C3%BCber" in saved.headers["content-disposition"]


async def test_bytes_that_are_gone_get_a_sentence(client: httpx.AsyncClient, settings: Settings) -> None:
    path = await put(client, "gone.txt", b"soon gone, and nobody else has these bytes")
    sha256 = (await client.get(path)).headers["etag"].strip('"')
    (settings.blobs_dir / sha256[:2] / sha256).unlink()
    assert "volume" in problem(await client.get(path), 410)["detail"]


async def test_a_deleted_asset_is_gone_for_good(client: httpx.AsyncClient) -> None:
    path = await put(client, "a.txt", b"abc")
    asset = path.removesuffix("/content")
    assert (await client.delete(asset)).status_code == 204
    problem(await client.get(path), 404)
    problem(await client.delete(asset), 404)
