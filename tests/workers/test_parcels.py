"""Bytes over a line that breaks: both ways are gone again until they are done, and a refusal ends them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from workers.parcels import Parcels
from workers.refusals import Refused

CONTENT = b"the bytes of a picture"


class Api:
    """Says what it was told to say, one answer a connection; None breaks the line instead."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.heard: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heard.append(head.split(" ")[0])
        answer = self.answers.pop(0)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()


def answer(status: str, body: bytes = b"", *, length: int | None = None) -> bytes:
    """An HTTP answer; `length`: a longer one that it promises and does not keep."""
    head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/internal/v1"
    yield api
    server.close()


@pytest_asyncio.fixture
async def parcels(api: Api) -> AsyncIterator[Parcels]:
    parcels = Parcels(api.url)
    yield parcels
    await parcels.close()


async def test_a_download_is_asked_for_again_until_it_is_whole(
    api: Api, parcels: Parcels, tmp_path: Path
) -> None:
    api.answers = [
        None,
        answer("503 Service Unavailable"),
        answer("200 OK", CONTENT[:5], length=len(CONTENT)),
        answer("200 OK", CONTENT),
    ]
    await parcels.download("ab", tmp_path / "file", "token")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert api.answers == []


async def test_an_upload_whose_answer_was_lost_is_found_done(
    api: Api, parcels: Parcels, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    api.answers = [answer("404 Not Found"), None, answer("200 OK")]
    await parcels.upload("ab", tmp_path / "file", len(CONTENT), "token")
    assert api.heard == ["HEAD", "PUT", "HEAD"]


async def test_a_refusal_is_not_asked_again(api: Api, parcels: Parcels, tmp_path: Path) -> None:
    api.answers = [answer("403 Forbidden", b'{"detail": "Not yours."}')]
    with pytest.raises(Refused, match="Not yours"):
        await parcels.download("ab", tmp_path / "file", "token")
