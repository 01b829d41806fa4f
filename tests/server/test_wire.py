"""What precedes a body is bounded: heads, addresses, trailers and chunk names that never end, and silence.

A body is bounded in its pace: a trickle is hung up on, what comes on or is not asked for is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from app.kit.codec import decode_any
from app.server.asgi import Receive, Scope, Send
from app.server.wire import MAX_HEAD_BYTES, BoundedHttp

PIECE = b"a" * 8_192
ENOUGH = MAX_HEAD_BYTES // len(PIECE) + 2
HEAD = b"POST /x HTTP/1.1\r\nHost: studio.test\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads what comes and says how much it was."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


class Line(asyncio.Transport):
    """A connection that remembers what was said on it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("198.51.100.7", 1), "sockname": ("198.51.100.1", 80)})
        self.said = b""
        self.closed = asyncio.Event()
        self.answered = asyncio.Event()
        self._expected = b""

    def expects(self, text: bytes) -> None:
        """Wait for these words from now on."""
        self.said, self._expected = b"", text
        self.answered.clear()

    def write(self, data: Any) -> None:
        self.said += bytes(data)
        if self._expected in self.said:
            self.answered.set()

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    @property
    def problem(self) -> Any:
        """The answer, which is a problem."""
        head, _, body = self.said.partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        found = decode_any(body)
        assert head.startswith(f"HTTP/1.1 {found['status']} ".encode())
        return found


class Caller:
    """The other end of one connection."""

    def __init__(self, protocol: type[BoundedHttp] = BoundedHttp) -> None:
        config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None)
        self.line = Line()
        self.protocol = protocol(config, ServerState(), {})
        self.protocol.connection_made(self.line)

    def send(self, *pieces: bytes) -> int:
        """Say all this unless the other end hangs up before; how many pieces it heard."""
        for place, piece in enumerate(pieces):
            if self.line.is_closing():
                return place
            self.protocol.data_received(piece)
        return len(pieces)


@pytest_asyncio.fixture
async def caller() -> AsyncIterator[Caller]:
    """Somebody who calls."""
    caller = Caller()
    yield caller
    caller.protocol.connection_lost(None)


def without_end(piece: bytes = PIECE) -> Iterator[bytes]:
    """More than enough of it."""
    return (piece for _ in range(10 * ENOUGH))


@pytest.mark.parametrize(
    "begun",
    [b"GET /", HEAD + b"X-Long: ", HEAD + b"X", CHUNKED + b"5;name="],
    ids=["an address", "a value", "a name", "a chunk"],
)
async def test_what_never_ends_is_refused_in_words(caller: Caller, begun: bytes) -> None:
    assert caller.send(begun, *without_end()) <= ENOUGH
    if b"chunked" in begun:
        assert not caller.line.said  # the answer to the request had begun to be made
    else:
        assert (caller.line.problem["status"], "64 KiB" in caller.line.problem["detail"]) == (431, True)


async def test_trailers_without_end_are_not_kept(caller: Caller) -> None:
    assert caller.send(CHUNKED + b"0\r\n", *without_end(b"X-More: 1\r\n" * 700)) <= ENOUGH
    assert caller.line.is_closing()


async def test_a_head_of_many_small_headers_is_refused_as_one_large_one_is(caller: Caller) -> None:
    caller.send(HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)) + b"\r\n")
    assert caller.line.problem["status"] == 431


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HEAD + b"\0: 1\r\n\r\n"]
)
async def test_what_is_no_request_is_told_so(caller: Caller, noise: bytes) -> None:
    caller.send(noise)
    assert caller.line.problem["detail"] == "This is no valid HTTP/1.1 request."


async def test_a_body_may_be_long_and_a_second_request_follow(caller: Caller) -> None:
    body = b"b" * 300_000
    for _ in range(2):
        caller.line.expects(b"300000")
        caller.send(HEAD + b"X-Fine: " + b"a" * 60_000 + b"\r\nContent-Length: 300000\r\n\r\n")
        for start in range(0, len(body), 60_000):
            caller.send(body[start : start + 60_000])
            await asyncio.sleep(0)
        await caller.line.answered.wait()
    assert not caller.line.is_closing()


class Impatient(BoundedHttp):
    """One that waits for no one."""

    head_timeout_s = 0.01


@pytest.mark.parametrize("begun", [b"", b"GET / HT"])
async def test_who_never_finishes_a_head_is_hung_up_on(begun: bytes) -> None:
    caller = Caller(Impatient)
    if begun:
        caller.send(begun)
    await caller.line.closed.wait()
    assert not caller.line.said
    caller.protocol.connection_lost(None)


class Hasty(BoundedHttp):
    """One whose looks at a body come when the test says so."""

    body_timeout_s = 3600.0

    def look(self) -> None:
        """The time is over."""
        assert self._body_timer is not None
        self._body_timer.cancel()
        self._look()


def begun_body(head: bytes = HEAD) -> tuple[Caller, Hasty]:
    """Somebody who has sent a head and a byte of a long body."""
    caller = Caller(Hasty)
    caller.send(head + b"Content-Length: 1000000\r\n\r\n", b"b")
    assert isinstance(caller.protocol, Hasty)
    return caller, caller.protocol


async def test_a_body_that_trickles_is_told_so_and_hung_up_on() -> None:
    caller, protocol = begun_body()
    await asyncio.sleep(0)  # whoever reads it waits for more
    caller.send(*[b"b"] * 100)
    protocol.look()
    assert caller.line.is_closing()
    assert (caller.line.problem["status"], caller.line.problem["title"]) == (408, "Request timeout")
    protocol.connection_lost(None)


async def test_a_body_that_comes_on_may_take_its_time() -> None:
    caller, protocol = begun_body()
    for _ in range(3):
        caller.send(PIECE)
        await asyncio.sleep(0)
        protocol.look()
        assert not caller.line.is_closing()
    protocol.look()
    assert caller.line.is_closing(), "now nothing came"
    protocol.connection_lost(None)


async def test_nobody_is_hung_up_on_for_what_this_end_does_not_read() -> None:
    caller, protocol = begun_body()
    caller.send(*[PIECE] * 9)  # more than is kept for whoever does not read; nobody has yet
    protocol.look()
    protocol.look()
    assert not caller.line.is_closing()
    for _ in range(3):
        await asyncio.sleep(0)
    protocol.look()
    assert caller.line.is_closing(), "it is asked for again"
    protocol.connection_lost(None)
    caller, protocol = begun_body(HEAD + b"Expect: 100-continue\r\n")
    protocol.look()
    assert not caller.line.is_closing(), "nobody has asked for the body yet"
    protocol.connection_lost(None)


async def test_a_body_that_trickles_on_after_its_answer_holds_nothing_either() -> None:
    caller, protocol = begun_body()
    await protocol.cycle.send({"type": "http.response.start", "status": 401, "headers": []})
    await protocol.cycle.send({"type": "http.response.body", "body": b"no", "more_body": False})
    caller.send(b"b")
    protocol.look()
    assert caller.line.is_closing()
    assert b" 408 " not in caller.line.said, "one request has one answer"
    protocol.connection_lost(None)


@pytest.mark.parametrize("wish", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
async def test_what_comes_whole_needs_no_look_and_an_upgrade_has_no_body(wish: bytes) -> None:
    caller = Caller(Hasty)
    caller.line.expects(b"0" if wish else b"1\r\n0")
    caller.send(HEAD + wish + b"Content-Length: 1\r\n\r\n", *([] if wish else [b"b"]))
    await caller.line.answered.wait()
    assert caller.protocol._body_timer is None
    caller.protocol.connection_lost(None)
