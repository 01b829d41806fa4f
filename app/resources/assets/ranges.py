"""Byte ranges of a download (RFC 9110 §14): one range at a time, everything else gives the whole file."""

import re

import msgspec

from app.flow.wording import count
from app.kit.errors import StudioError

_SPEC = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")  # digits beyond any file's end


class Span(msgspec.Struct, frozen=True):
    """Bytes from `start` up to and not including `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start


class RangeUnsatisfiable(StudioError):
    """This range of bytes begins after the end of the file."""

    status = 416

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"This range of bytes begins after the end of the file, which has {count(size_bytes, 'byte')}.",
            remedy="Ask for a part that begins earlier, or for the whole file without a Range header.",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )


def read_range(header: str | None, size_bytes: int) -> Span | None:
    """The asked part, None for the whole file. Raises RangeUnsatisfiable.

    Several ranges at once and malformed ones are ignored, as the RFC allows.
    """
    match = _SPEC.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size_bytes)
        if length == 0:
            raise RangeUnsatisfiable(size_bytes)
        return Span(size_bytes - length, size_bytes)
    start = int(first)
    if start >= size_bytes:
        raise RangeUnsatisfiable(size_bytes)
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return Span(start, end) if end > start else None
