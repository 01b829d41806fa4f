"""HTTP as it comes off the wire: what precedes a body is bounded in size and in time, a body in its pace.

The parser keeps the address, a header or a trailer until it is whole, however long it grows, and copies it at
every piece that comes. One caller that nobody knows, with one header that never ends, would hold the whole
process. So bytes are counted that gave nothing yet, and a head must be complete within a while.

A body may take hours, as long as it comes. Whoever sends a byte a minute of it would hold a connection, and
what reads from it, for ever; so some of it must come in every minute in which this end was ready to read.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.resources.problem import MEDIA_TYPE, Problem

MAX_HEAD_BYTES: Final = 64 * 1024  # as much as most proxies pass on; a session cookie has a few hundred
HEAD_TIMEOUT_S: Final = 30.0  # a head is one packet or two; a browser that only keeps a line open comes back
BODY_TIMEOUT_S: Final = 60.0  # in which, while it is awaited,
LEAST_BODY_BYTES: Final = 4 * 1024  # of a body come at least: a tenth of what the slowest line carries

_SENTENCES: Final = {
    HTTPStatus.BAD_REQUEST: "This is no valid HTTP/1.1 request.",
    HTTPStatus.REQUEST_TIMEOUT: "The rest of this request did not come; send it again on a better line.",
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
    body_timeout_s: float = BODY_TIMEOUT_S
    _awaits_body = False
    _body_bytes = 0  # since it was looked at
    _has_paused = False  # this end did not read for a while since then
    _body_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Somebody calls: their first request has to come."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They have hung up."""
        self._stop_waiting()
        self._stop_looking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those that the parser only keeps may not add up for ever."""
        self._has_given = False
        super().data_received(data)
        self._swallowed_bytes = 0 if self._has_given else self._swallowed_bytes + len(data)
        if self._swallowed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")
        # Most requests come whole and need no timer.
        if self._awaits_body and self._body_timer is None and not self.transport.is_closing():
            self._look_later()

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
        self._awaits_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._has_given = True
        self._body_bytes += len(body)
        super().on_body(body)
        self._has_paused |= self.flow.read_paused

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._has_given = True
        self._awaits_body = False
        self._stop_looking()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words, for whoever reads its log
        """Say in a problem why this is no request, and hang up; in the middle of an answer only hang up."""
        if getattr(self.cycle, "response_complete", True):  # None before the first request
            self.transport.write(_answer(self._refusal))
        self.transport.close()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.timeout_keep_alive_handler)

    def _look_later(self) -> None:
        self._body_bytes, self._has_paused = 0, False
        self._body_timer = self.loop.call_later(self.body_timeout_s, self._look)

    def _look(self) -> None:
        """Hang up on a body that does not come, though it is asked for."""
        is_read = not (self._has_paused or self.flow.read_paused or self.cycle.waiting_for_100_continue)
        if self._body_bytes >= LEAST_BODY_BYTES or not is_read:
            self._look_later()
            return
        self._body_timer = None
        if not self.transport.is_closing():
            if not self.cycle.response_started:
                self.transport.write(_answer(HTTPStatus.REQUEST_TIMEOUT))
            self.transport.close()

    def _stop_looking(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

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
