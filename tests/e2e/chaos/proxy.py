"""A bad line between a worker and the API: it loses answers, says things twice, and much later once more.

It speaks just enough HTTP for the worker protocol: requests and answers with a Content-Length.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

REMEMBERED: Final = 300  # calls that may be said again
MAX_HEAD_BYTES: Final = 64 * 1024


class Call(msgspec.Struct, frozen=True):
    """One request, whole."""

    path: str
    raw: bytes  # as it is sent on: on a connection of its own


class Mood(msgspec.Struct, frozen=True, kw_only=True):
    """How bad the line is: the share of calls with each fate; the others pass."""

    loses_call: float = 0.01  # the API never hears of it
    loses_answer: float = 0.02  # the API has done it, the worker never hears of that
    says_twice: float = 0.05  # at once, both reach the API; the worker gets the second answer


USUAL: Final = Mood()
FOUL: Final = Mood(loses_call=0.1, loses_answer=0.3, says_twice=0.3)


class Proxy:
    """The line. What it did is counted by fate."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._port = port  # of the API
        self._chance = chance
        self._server: asyncio.Server | None = None
        self._said: deque[Call] = deque(maxlen=REMEMBERED)
        self._serving: set[asyncio.Task[None]] = set()
        self.mood = USUAL
        self.fates: dict[str, int] = {}

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)

    @property
    def url(self) -> str:
        """Where the worker is to find the API."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def repeat(self, most: int) -> int:
        """Say what was said before once more, in any order and all at once; how many calls were heard.

        Claims are not said again: whoever hears no answer to a claim asks anew, so the line has none to keep.
        """
        calls = [call for call in self._said if not call.path.endswith("/claim")]
        self._chance.shuffle(calls)
        chosen = calls[:most]
        answers = await asyncio.gather(*(self._ask(call) for call in chosen), return_exceptions=True)
        heard = sum(isinstance(answer, bytes) for answer in answers)
        self._count("said again", heard)
        self._count("said again in vain", len(answers) - heard)
        return heard

    async def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for one in self._serving:
            one.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (call := await _read_call(reader)) is not None:
                answer = await self._carry(call)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one of the two hung up; so do we
        finally:
            writer.transport.abort()

    async def _carry(self, call: Call) -> bytes | None:
        """The answer to a call; None: the line breaks instead."""
        self._said.append(call)
        fate = self._chance.random()
        for name, share, way in self._fates():
            if fate < share:
                self._count(name)
                return await way(call)
            fate -= share
        self._count("passed")
        return await self._ask(call)

    def _fates(self) -> list[tuple[str, float, Callable[[Call], Awaitable[bytes | None]]]]:
        return [
            ("call lost", self.mood.loses_call, self._lose_call),
            ("answer lost", self.mood.loses_answer, self._lose_answer),
            ("said twice", self.mood.says_twice, self._say_twice),
        ]

    async def _lose_call(self, _: Call) -> None:
        return None

    async def _lose_answer(self, call: Call) -> None:
        await self._ask(call)

    async def _say_twice(self, call: Call) -> bytes:
        first, second = await asyncio.gather(self._ask(call), self._ask(call), return_exceptions=True)
        for answer in (second, first):
            if isinstance(answer, bytes):
                return answer
        raise OSError("the API is away")

    async def _ask(self, call: Call) -> bytes:
        """The API's answer. Raises OSError when it goes away in between."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(call.raw)
            await writer.drain()
            answer = await reader.read(-1)
        finally:
            with contextlib.suppress(OSError):
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            raise ConnectionResetError("the API went away")
        # The worker's connection is to live on, as it would without us.
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        return b"\r\n".join([*kept, b"", b""]) + body

    def _count(self, fate: str, times: int = 1) -> None:
        if times:
            self.fates[fate] = self.fates.get(fate, 0) + times


async def _read_call(reader: asyncio.StreamReader) -> Call | None:
    """The next request on a connection, made ready for a connection of its own; None at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    headers = [line.partition(b":") for line in lines]
    length = next((int(value) for name, _, value in headers if name.lower() == b"content-length"), 0)
    body = await reader.readexactly(length)
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    raw = b"\r\n".join([first, *kept, b"connection: close", b"", b""]) + body
    return Call(path=first.split(b" ")[1].decode(), raw=raw)
