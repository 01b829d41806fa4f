"""Byte ranges of a download (RFC 9110 §14): one range at a time, everything else gives the whole file."""

import re

import msgspec

_SPEC = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


class Span(msgspec.Struct, frozen=True):
    """Bytes from `start` up to and not including `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start


class Unsatisfiable(Exception):
    """The range begins after the end of the file."""


def read_range(header: str | None, size_bytes: int) -> Span | None:
    """The asked part, None for the whole file. Raises Unsatisfiable.

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
            raise Unsatisfiable
        return Span(size_bytes - length, size_bytes)
    start = int(first)
    if start >= size_bytes:
        raise Unsatisfiable
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return Span(start, end) if end > start else None
