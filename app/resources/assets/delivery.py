"""Gives a stored file to a browser: parts of it, unchanged answers, and nothing that could run.

Every file is served with a sandbox, and as an attachment unless it is of a kind that only shows itself.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

from litestar.datastructures import Headers
from litestar.response.base import ASGIResponse

from app.resources.assets.model import Asset
from app.resources.assets.ranges import Span, read_range

CHUNK_BYTES = 512 * 1024

# Kinds that a browser shows without running anything. SVG and HTML carry scripts and are not among them.
SHOWN_INLINE = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-matroska",
        "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/flac", "audio/webm",
        "text/plain",
    }
)  # fmt: skip
SANDBOX = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"


class FileAnswer(ASGIResponse):
    """Streams a file, or the part of it that was asked for. Raises RangeUnsatisfiable when it is made."""

    def __init__(self, path: Path, asset: Asset, request_headers: Headers, *, is_download: bool) -> None:
        tag = f'"{asset.sha256}"'
        self._path = path
        self._span = Span(0, asset.size_bytes)
        headers = {
            "accept-ranges": "bytes",
            "etag": tag,
            "last-modified": asset.created_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "cache-control": "private, max-age=3600",
            "content-disposition": disposition(asset, is_download=is_download),
            "content-security-policy": SANDBOX,
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
        }
        status = 200
        if _names(request_headers.get("if-none-match"), tag):
            status, self._span = 304, Span(0, 0)
        elif request_headers.get("if-range") in (None, tag):
            part = read_range(request_headers.get("range"), asset.size_bytes)
            if part is not None:
                status, self._span = 206, part
                headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{asset.size_bytes}"
        super().__init__(
            status_code=status, headers=headers, media_type=asset.mime, content_length=self._span.length
        )

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """Send the head, then the bytes; reading happens in a thread, a chunk at a time."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.encode_headers()}
        )
        left = 0 if scope.get("studio_is_head") else self._span.length
        if left:
            file = await asyncio.to_thread(self._path.open, "rb")
            try:
                file.seek(self._span.start)
                while left and (piece := await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))):
                    left -= len(piece)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                file.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def disposition(asset: Asset, *, is_download: bool) -> str:
    """How the browser should take the file, under its name (RFC 6266)."""
    manner = "inline" if asset.mime in SHOWN_INLINE and not is_download else "attachment"
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in asset.name)
    return f"{manner}; filename=\"{plain}\"; filename*=UTF-8''{quote(asset.name, safe='')}"


def _names(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names this tag."""
    if header is None:
        return False
    return header.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in header.split(",")]
