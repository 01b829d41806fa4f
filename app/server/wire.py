"""HTTP as it comes off the wire: what precedes a body is bounded in size and in time.

The parser keeps the address, a header or a trailer until it is whole, however long it grows, and copies it at
every piece that comes. One caller that nobody knows, with one header that never ends, would hold the whole
process. So bytes are counted that gave nothing yet, and a head must be complete within a while.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.resources.problem import MEDIA_TYPE, Problem

MAX_HEAD_BYTES: Final = 64 * 1024  # as much as most proxies pass on; a session cookie has a few hundred
HEAD_TIMEOUT_S: Final = 30.0  # a head is one packet or two; a browser that only keeps a line open comes back

_SENTENCES: Final = {
    HTTPStatus.BAD_REQUEST: "This is no valid HTTP/1.1 request.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        f"The address and the headers of a request have at most {MAX_HEAD_BYTES // 1024} KiB together."
    ),
}


class HeadTooLong(Exception):
    """Raised inside the parser, which answers for it as for any other broken request."""


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    head_timeout_s: float = HEAD_TIMEOUT_S
    _swallowed_bytes = 0  # since the parser gave the end of a head, or a piece of a body
    _has_given = False  # something of that kind, from the bytes it reads now
    _refusal = HTTPStatus.BAD_REQUEST
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Somebody calls: their first request has to come."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They have hung up."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those that the parser only keeps may not add up for ever."""
        self._has_given = False
        super().data_received(data)
        self._swallowed_bytes = 0 if self._has_given else self._swallowed_bytes + len(data)
        if self._swallowed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is whole. Raises HeadTooLong: it came in few pieces, but is larger than any may be."""
        self._has_given = True
        self._stop_waiting()
        size_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size_bytes > MAX_HEAD_BYTES:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise HeadTooLong
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._has_given = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._has_given = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words, for whoever reads its log
        """Say in a problem why this is no request, and hang up; in the middle of an answer only hang up."""
        if getattr(self.cycle, "response_complete", True):  # None before the first request
            self.transport.write(_answer(self._refusal))
        self.transport.close()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _answer(status: HTTPStatus) -> bytes:
    problem = Problem(
        type=f"urn:studio:problem:{status.phrase.lower().replace(' ', '-')}",
        title=status.phrase.capitalize(),
        status=status,
        detail=_SENTENCES[status],
    )
    body = msgspec.json.encode(problem)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
