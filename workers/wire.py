"""The shortest way to say JSON over HTTP/1.1 to one origin, on connections that are kept.

A worker of small steps does little else than call the API. httpx takes 0.7 ms of processor time a call,
httpcore 0.4, this 0.04 (measured), with the parser that uvicorn uses (httptools). Blobs, which stream, go
another way (`workers/parcels.py`).
"""

import asyncio
import ssl
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
import msgspec

CONNECT_TIMEOUT_S: Final = 5.0
REPLY_TIMEOUT_S: Final = 30.0  # a finish may wait behind other moves of its instance
IDLE_CONNECTIONS: Final = 16
MAX_REPLY_BYTES: Final = 256 * 1024 * 1024


class WireBroken(Exception):
    """The other side cannot be reached, went away or speaks no HTTP."""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes


class Wire:
    """Calls to one origin. Safe for many tasks at once; each call has a connection to itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._netloc = parts.netloc.rpartition("@")[2]
        self._base = parts.path.rstrip("/")
        self._idle: list[_Connection] = []

    async def call(self, path: str, body: bytes, token: str) -> Reply:
        """POST a JSON body. Raises WireBroken. Sent a second time when a kept connection proves dead."""
        head = (
            f"POST {self._base}{path} HTTP/1.1\r\nhost: {self._netloc}\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        request = head.encode() + body
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._use(connection, request)
            except _NeverAnswered:
                continue  # the API closed it while it was idle; the next one may be fresher
        try:
            return await self._use(await self._connect(), request)
        except _NeverAnswered as exc:
            raise WireBroken(str(exc) or "the connection was closed") from exc

    def close(self) -> None:
        """Give the connections back."""
        while self._idle:
            self._idle.pop().close()

    async def _use(self, connection: "_Connection", request: bytes) -> Reply:
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                reply = await connection.ask(request)
        except TimeoutError as exc:
            connection.close()
            raise WireBroken(f"no answer within {REPLY_TIMEOUT_S:g} s") from exc
        except BaseException:
            connection.close()  # what was asked may still be answered; nobody else may read that
            raise
        if connection.may_be_kept and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._tls
                )
        except TimeoutError as exc:
            raise WireBroken("no connection in time") from exc
        except OSError as exc:
            raise WireBroken(str(exc) or type(exc).__name__) from exc
        return connection


class _NeverAnswered(Exception):
    """The connection ended before the first byte of an answer."""


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser
        self._body = bytearray()
        self._has_begun = False
        self._answer: asyncio.Future[Reply] | None = None
        self.may_be_kept = False

    async def ask(self, request: bytes) -> Reply:
        """Send and wait. Raises _NeverAnswered, WireBroken."""
        if self._transport is None or self._transport.is_closing():
            raise _NeverAnswered
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._has_begun = False
        self.may_be_kept = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    # Called by asyncio ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no common class

    def data_received(self, data: bytes) -> None:
        self._has_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError) as exc:
            self._fail(WireBroken(f"the answer is no HTTP: {exc}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        reason = str(exc or "the connection was closed")
        self._fail(WireBroken(reason) if self._has_begun else _NeverAnswered(reason))

    # Called by the parser ---------------------------------------------------------------------------------

    def on_body(self, part: bytes) -> None:
        """A piece of the answer's body."""
        self._body += part
        if len(self._body) > MAX_REPLY_BYTES:
            self._fail(WireBroken("the answer has no end"))

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if 100 <= self._parser.get_status_code() < 200:
            return
        self.may_be_kept = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Reply(self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, failure: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)
        if self._transport is not None:
            self._transport.abort()
