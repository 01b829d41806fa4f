"""The world outside the box: a server with jobs of its own, which are done after some questions.

It speaks just enough HTTP for `http.poll`. The first question about a job finds it busy, or is not answered.
"""

import asyncio
import contextlib
from collections import Counter
from typing import Final

import msgspec

MAX_HEAD_BYTES: Final = 64 * 1024


class Outside:
    """A server on a port of its own; a job is the path it is asked at: /jobs/<name>/<after how many>."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)

    async def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer(head.split(b" ")[1].decode()))
            await writer.drain()
        writer.close()

    def _answer(self, path: str) -> bytes:
        _, _, name, after = path.split("/")
        self._asked[path] += 1
        if self._asked[path] == 1:
            is_heard = len(self._asked) % 2
            return _http("503 Service Unavailable", b"") if is_heard else b""
        state = "done" if self._asked[path] > int(after) else "at work"
        return _http("200 OK", msgspec.json.encode({"name": name, "state": state}))


def _http(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body
