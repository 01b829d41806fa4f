"""Blobs between a worker that does not share the volume and the API: streamed, resumable."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from app.kit.log import get_logger
from workers.refusals import ApiAway, fault_of

log = get_logger(__name__)

TIMEOUT_S: Final = 60.0
PAUSES_S: Final = (0.1, 3.0)  # first and longest pause between tries
CHUNK_BYTES: Final = 1024 * 1024
UPLOAD_PART_BYTES: Final = 32 * 1024 * 1024  # what a broken connection costs at most

_TRANSPORT: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError)


class Parcels:
    """The way of bytes. Every call names the worker's token, which may change."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/blobs/"
        self._host = parts.netloc.encode()
        self._pool = httpcore.AsyncConnectionPool(max_connections=8, keepalive_expiry=30.0)

    async def download(self, sha256: str, path: Path, token: str) -> None:
        """The bytes of a blob into a file, however often the line breaks. The caller checks the hash.

        Raises Refused.
        """
        await _insist("Download", lambda: self._get(sha256, path, token))

    async def upload(self, sha256: str, path: Path, size_bytes: int, token: str) -> None:
        """Store a file under its hash, going on where an earlier try stopped. Raises Refused."""
        await _insist("Upload", lambda: self._put_all(sha256, path, size_bytes, token))

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.aclose()

    async def _get(self, sha256: str, path: Path, token: str) -> None:
        try:
            async with self._pool.stream(
                "GET", self._url + sha256, headers=self._headers(token), extensions=_patience()
            ) as response:
                if response.status != 200:
                    await response.aread()
                    raise fault_of(response.status, response.content)
                with path.open("wb") as file:
                    async for chunk in response.aiter_stream():
                        await asyncio.to_thread(file.write, chunk)
        except _TRANSPORT as exc:
            raise ApiAway(_words(exc)) from exc

    async def _put_all(self, sha256: str, path: Path, size_bytes: int, token: str) -> None:
        held = await self._held(sha256, token)
        while held is not None:
            held = await self._put(sha256, path, held, size_bytes, token)

    async def _held(self, sha256: str, token: str) -> int | None:
        """How much of a blob the API has already; None: all of it."""
        response = await self._request("HEAD", sha256, None, self._headers(token))
        if response.status == 200:
            return None
        if response.status in (308, 404):
            return _next_byte(response)
        raise fault_of(response.status, b"")

    async def _put(self, sha256: str, path: Path, start: int, size_bytes: int, token: str) -> int | None:
        """Send one part; where to go on, None when the blob is complete."""
        end = min(size_bytes, start + UPLOAD_PART_BYTES)
        scope = f"bytes {start}-{end - 1}/{size_bytes}" if size_bytes else "bytes */0"
        headers = [
            *self._headers(token),
            (b"content-range", scope.encode()),
            (b"content-length", str(end - start).encode()),
        ]
        response = await self._request("PUT", sha256, _part(path, start, end), headers)
        if response.status in (200, 201, 204):
            return None
        if response.status == 308:
            return _next_byte(response)
        if response.status == 409:  # an earlier part still arrives, or more has arrived than we heard of
            raise ApiAway("it stands elsewhere in this file")
        raise fault_of(response.status, response.content)

    async def _request(
        self,
        method: str,
        sha256: str,
        content: AsyncIterator[bytes] | None,
        headers: list[tuple[bytes, bytes]],
    ) -> httpcore.Response:
        try:
            return await self._pool.request(
                method, self._url + sha256, headers=headers, content=content, extensions=_patience()
            )
        except _TRANSPORT as exc:
            raise ApiAway(_words(exc)) from exc

    def _headers(self, token: str) -> list[tuple[bytes, bytes]]:
        return [(b"host", self._host), (b"authorization", b"Bearer " + token.encode())]


async def _insist(what: str, attempt: Callable[[], Awaitable[None]]) -> None:
    """Try until it is done: a line that breaks is no fault of the step, whose own deadline ends this too."""
    pause_s, longest_s = PAUSES_S
    while True:
        try:
            return await attempt()
        except ApiAway as exc:
            log.warning("%s interrupted; going on", what, action=f"{what.lower()}_retry", error=str(exc))
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, longest_s)


def _patience() -> dict[str, Any]:
    return {"timeout": {"connect": 5.0, "read": TIMEOUT_S, "write": TIMEOUT_S, "pool": TIMEOUT_S}}


def _words(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def _next_byte(response: httpcore.Response) -> int:
    """Where to go on, from `Range: bytes=0-1048575`; 0 when the API has nothing."""
    for name, value in response.headers:
        if name.lower() == b"range":
            return int(value.decode().rpartition("-")[2]) + 1
    return 0


async def _part(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
