"""The bad line: what the other side does and what the caller hears of it, fate by fate."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.chaos.proxy import Mood, Proxy
from workers.wire import Reply, Wire, WireBroken

FINE = Mood(loses_call=0, loses_answer=0, says_twice=0)


class Api:
    """Answers every call with how many it has heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
        self.heard.append((await reader.readexactly(length)).decode())
        assert "connection: close" in head
        body = str(len(self.heard)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.port = server.sockets[0].getsockname()[1]
    yield api
    server.close()


@pytest_asyncio.fixture
async def proxy(api: Api) -> AsyncIterator[Proxy]:
    proxy = Proxy(api.port, random.Random(0))
    proxy.mood = FINE
    await proxy.start()
    yield proxy
    await proxy.close()


async def say(proxy: Proxy, words: str, path: str = "/finish") -> Reply:
    wire = Wire(proxy.url)
    try:
        return await wire.call(path, words.encode(), "token")
    finally:
        wire.close()


async def test_a_fine_line_passes_everything_on_and_keeps_its_connections(proxy: Proxy, api: Api) -> None:
    wire = Wire(proxy.url)
    replies = [await wire.call("/report", word.encode(), "token") for word in ("one", "two")]
    wire.close()
    assert [reply.body for reply in replies] == [b"1", b"2"]
    assert api.heard == ["one", "two"]


async def test_a_lost_answer_was_given(proxy: Proxy, api: Api) -> None:
    proxy.mood = Mood(loses_call=0, loses_answer=1, says_twice=0)
    with pytest.raises(WireBroken):
        await say(proxy, "done")
    assert api.heard == ["done"]


async def test_a_lost_call_was_never_heard(proxy: Proxy, api: Api) -> None:
    proxy.mood = Mood(loses_call=1, loses_answer=0, says_twice=0)
    with pytest.raises(WireBroken):
        await say(proxy, "done")
    assert api.heard == []


async def test_what_is_said_twice_is_answered_once(proxy: Proxy, api: Api) -> None:
    proxy.mood = Mood(loses_call=0, loses_answer=0, says_twice=1)
    assert (await say(proxy, "done")).status == 200
    assert api.heard == ["done", "done"]


async def test_the_past_is_said_again_but_for_claims(proxy: Proxy, api: Api) -> None:
    for words in ("a", "b", "c"):
        await say(proxy, words)
    await say(proxy, "claim", path="/claim")
    assert await proxy.repeat(10) == 3
    assert sorted(api.heard[4:]) == ["a", "b", "c"]
    assert proxy.fates == {"passed": 4, "said again": 3}
