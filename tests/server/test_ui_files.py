"""The built UI goes out compressed and cached, and nothing beside it does."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.server.ui_files import FOR_GOOD, UiFiles
from tests.people import ORIGIN, problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `npm run build` leaves behind, and a secret next to it."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>Studio</title>")
    (dist / "favicon.svg").write_text("<svg/>")
    script = b"console.log('hello')" * 50
    (dist / "assets" / "index-abc123.js").write_bytes(script)
    (dist / "assets" / "index-abc123.js.gz").write_bytes(gzip.compress(script))
    (dist / "assets" / "index-abc123.js.br").write_bytes(b"as brotli")
    (tmp_path / "secret.txt").write_text("secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    return dist


@pytest_asyncio.fixture
async def browser(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(UiFiles(folder))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        client.headers.pop("accept-encoding")
        yield client


@pytest.mark.parametrize("path", ["/", "/login", "/workflows/01a20aa2-6f11", "/setup?token=abc"])
async def test_every_page_address_gives_the_one_page_asked_for_again(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert "<title>Studio" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    known = await browser.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
async def test_the_smallest_form_the_browser_takes_is_sent(
    browser: httpx.AsyncClient, accepts: str, coding: str | None
) -> None:
    request = browser.build_request("GET", "/assets/index-abc123.js", headers={"accept-encoding": accepts})
    answer = await browser.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-length"] == str(len(raw))
    assert answer.headers["cache-control"] == FOR_GOOD
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/link.txt", "/assets/x.js"]
)
async def test_nothing_outside_the_build_goes_out(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    problem(answer, 404)
    assert "secret" not in answer.text.replace(path, "")


async def test_compressed_twins_have_no_address_of_their_own(browser: httpx.AsyncClient) -> None:
    problem(await browser.get("/assets/index-abc123.js.br"), 404)


async def test_a_checkout_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(UiFiles(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert "npm run build" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
