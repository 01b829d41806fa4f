"""The worker's HTTP: what a server may do to a connection, and what the caller then sees."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.workers.conftest import eventually
from workers.refusals import ApiAway, Refused, TokenUnknown, fault_of
from workers.wire import Wire, WireBroken

Serve = Callable[["Recording", asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[tuple[Wire, list[bytes]]]:
    """A wire to a server of one function, which gets each connection with its number."""
    seen: list[bytes] = []
    count = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await serve(Recording(reader, seen), writer, count)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/base")
    try:
        yield wire, seen
    finally:
        wire.close()
        listening.close()


class Recording:
    """Reads requests and keeps them."""

    def __init__(self, reader: asyncio.StreamReader, seen: list[bytes]) -> None:
        self._reader = reader
        self._seen = seen

    async def request(self) -> bytes:
        """The next whole request."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self._seen.append(head + await self._reader.readexactly(size))
        return self._seen[-1]


async def answer_all(reader: Recording, writer: asyncio.StreamWriter, answer: bytes = OK) -> None:
    """Answer every request of a connection."""
    while True:
        await reader.request()
        writer.write(answer)
        await writer.drain()


async def test_one_connection_serves_many_calls() -> None:
    connections: set[int] = set()

    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        connections.add(number)
        await answer_all(reader, writer)

    async with server(serve) as (wire, seen):
        for _ in range(5):
            reply = await wire.call("/claim", b'{"lane":"cpu"}', "token")
            assert (reply.status, reply.body) == (200, b"{}")
    assert connections == {1}
    assert seen[0].startswith(b"POST /base/claim HTTP/1.1\r\n")
    assert b"authorization: Bearer token\r\n" in seen[0]
    assert seen[0].endswith(b'\r\n\r\n{"lane":"cpu"}')


async def test_calls_at_once_have_connections_of_their_own() -> None:
    both = asyncio.Barrier(2)

    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.request()
        await both.wait()
        writer.write(OK)
        await writer.drain()

    async with server(serve) as (wire, _):
        replies = await asyncio.gather(wire.call("/a", b"", "t"), wire.call("/b", b"", "t"))
    assert [reply.status for reply in replies] == [200, 200]


async def test_a_kept_connection_that_died_is_replaced_unnoticed() -> None:
    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.request()
        writer.write(OK)
        await writer.drain()
        if number > 1:
            await answer_all(reader, writer)

    async with server(serve) as (wire, seen):
        for _ in range(3):
            assert (await wire.call("/a", b"", "t")).status == 200
    assert len(seen) == 3


async def test_an_answer_in_pieces_and_chunks_is_put_together() -> None:
    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.request()
        for piece in (
            b"HTTP/1.1 200 O",
            b"K\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc",
            b"\r\n2\r\nde\r\n0\r\n\r\n",
        ):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    async with server(serve) as (wire, _):
        assert (await wire.call("/a", b"", "t")).body == b"abcde"


async def test_no_content_is_an_answer() -> None:
    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await answer_all(reader, writer, b"HTTP/1.1 204 No Content\r\n\r\n")

    async with server(serve) as (wire, _):
        for _ in range(2):
            assert (await wire.call("/a", b"", "t")).status == 204


@pytest.mark.parametrize(
    "half", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this", b"SSH-2.0-OpenSSH\r\n"]
)
async def test_an_answer_that_breaks_off_or_is_none_is_no_answer(half: bytes) -> None:
    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.request()
        writer.write(half)
        await writer.drain()

    async with server(serve) as (wire, seen):
        with pytest.raises(WireBroken):
            await wire.call("/a", b"", "t")
    assert len(seen) == 1, "what may have been done is not asked for a second time"


async def test_nobody_there_is_said_so() -> None:
    with pytest.raises(WireBroken):
        await Wire("http://127.0.0.1:1").call("/a", b"", "t")


async def test_a_call_that_was_given_up_does_not_leave_its_answer_to_the_next() -> None:
    gate = asyncio.Event()

    async def serve(reader: Recording, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.request()
        if number == 1:
            await gate.wait()
            writer.write(OK.replace(b"{}", b"no"))
        else:
            writer.write(OK)
        await writer.drain()

    async with server(serve) as (wire, seen):
        first = asyncio.ensure_future(wire.call("/a", b"", "t"))
        await eventually(lambda: seen)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gate.set()
        assert (await wire.call("/b", b"", "t")).body == b"{}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, TokenUnknown), (403, Refused), (422, Refused), (429, ApiAway), (500, ApiAway), (503, ApiAway)],
)
def test_a_refusal_says_whether_to_try_again(status: int, kind: type[Exception]) -> None:
    fault = fault_of(status, b'{"detail": "because"}')
    assert type(fault) is kind
    if isinstance(fault, Refused):
        assert "because" in str(fault)
    assert isinstance(fault_of(422, b"<html>"), Refused)
