"""The web call step: what becomes of each kind of answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from app.steps.http_request import HttpRequest, HttpRequestOutputs
from tests.steps.bench import Bench


class Web:
    """A web server that gives prepared answers and remembers what it was sent."""

    def __init__(self) -> None:
        self.head = "HTTP/1.1 200 OK"
        self.headers: dict[str, str] = {}
        self.body = b""
        self.got = b""
        self.base = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.got = await reader.readuntil(b"\r\n\r\n")
        for line in self.got.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                self.got += await reader.readexactly(int(line.split(b":")[1]))
        headers = {"content-length": str(len(self.body)), "connection": "close", **self.headers}
        lines = [self.head, *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + self.body)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """The server, listening."""
    web = Web()
    listening = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    web.base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield web
    listening.close()


@pytest_asyncio.fixture
async def open_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose super admin allows this machine."""
    bench = Bench(tmp_path, allow=("127.0.0.1",))
    yield bench
    await bench.close()


async def call(bench: Bench, web: Web, **inputs: Any) -> HttpRequestOutputs:
    """One call to the server."""
    return await bench.run(HttpRequest, {"url": f"{web.base}/things", **inputs})


async def test_json_comes_back_as_values(open_bench: Bench, web: Web) -> None:
    web.headers, web.body = {"content-type": "application/json; charset=utf-8"}, b'{"answer": [1, 2]}'
    answer = await call(open_bench, web, query={"limit": 2, "deep": True})
    assert answer.json == {"answer": [1, 2]}
    assert (answer.text, answer.file) == (None, None)
    assert web.got.startswith(b"GET /things?limit=2&deep=true HTTP/1.1")


async def test_text_comes_back_in_its_own_letters(open_bench: Bench, web: Web) -> None:
    web.headers, web.body = {"content-type": "text/plain; charset=latin-1"}, "Grüße".encode("latin-1")
    assert (await call(open_bench, web)).text == "Grüße"


async def test_anything_else_becomes_a_file(open_bench: Bench, web: Web) -> None:
    body = open_bench.path(open_bench.sample("photo.jpg")).read_bytes()
    web.headers = {
        "content-type": "image/jpeg",
        "content-disposition": 'attachment; filename="../../beach.jpg"',
    }
    web.body = body
    answer = await call(open_bench, web)
    assert answer.file is not None
    assert (answer.file.name, answer.file.mime) == ("beach.jpg", "image/jpeg")
    assert open_bench.path(answer.file).read_bytes() == body


async def test_what_claims_to_be_a_picture_is_taken_for_what_it_is(open_bench: Bench, web: Web) -> None:
    web.headers, web.body = {"content-type": "image/png"}, b"<html><script>alert(1)</script></html>"
    answer = await call(open_bench, web)
    assert answer.file is not None
    assert answer.file.mime == "text/html"


async def test_a_body_is_sent_as_json(open_bench: Bench, web: Web) -> None:
    await call(open_bench, web, method="POST", json={"name": "lamp"}, headers={"X-Key": "k"})
    head, _, body = web.got.partition(b"\r\n\r\n")
    assert body == b'{"name":"lamp"}'
    assert b"content-type: application/json" in head.lower()
    assert b"x-key: k" in head.lower()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("400 Bad Request", ErrorClass.bad_input),
        ("401 Unauthorized", ErrorClass.refused),
        ("404 Not Found", ErrorClass.bad_input),
        ("429 Too Many Requests", ErrorClass.transient),
        ("500 Internal Server Error", ErrorClass.transient),
        ("503 Service Unavailable", ErrorClass.transient),
    ],
)
async def test_a_bad_status_fails_with_the_class_that_fits(
    open_bench: Bench, web: Web, status: str, expected: ErrorClass
) -> None:
    web.head = f"HTTP/1.1 {status}"
    with pytest.raises(StepFailed) as caught:
        await call(open_bench, web)
    assert caught.value.error_class is expected
    assert status[:3] in caught.value.message


async def test_a_wish_to_wait_is_passed_on(open_bench: Bench, web: Web) -> None:
    web.head, web.headers = "HTTP/1.1 503 Service Unavailable", {"retry-after": "17"}
    with pytest.raises(StepFailed) as caught:
        await call(open_bench, web)
    assert caught.value.retry_after_s == 17


async def test_a_4xx_is_an_answer_when_any_is_expected(open_bench: Bench, web: Web) -> None:
    web.head = "HTTP/1.1 404 Not Found"
    assert (await call(open_bench, web, expect="any")).status == 404


async def test_a_private_address_is_refused_with_a_remedy(bench: Bench, web: Web) -> None:
    with pytest.raises(StepFailed, match="private") as caught:
        await call(bench, web)
    assert caught.value.error_class is ErrorClass.refused
    assert "STUDIO_OUTGOING_ALLOW" in (caught.value.remedy or "")
    assert web.got == b""


async def test_a_server_that_is_not_there_is_transient(open_bench: Bench, web: Web) -> None:
    web.base = "http://127.0.0.1:1"
    with pytest.raises(StepFailed) as caught:
        await call(open_bench, web)
    assert caught.value.error_class is ErrorClass.transient


async def test_an_answer_too_long_is_refused(open_bench: Bench, web: Web) -> None:
    web.body = b"x" * 5000
    with pytest.raises(StepFailed, match="longer") as caught:
        await call(open_bench, web, max_bytes=1000)
    assert caught.value.error_class is ErrorClass.refused
