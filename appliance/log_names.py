"""How Postgres names its log: positions, segments, and whether a row of them has a gap.

A segment's name is timeline, log and number, 8 hex digits each: `000000010000000A000000FE`.
"""

import re
from collections.abc import Iterable
from pathlib import Path

SEGMENT_BYTES = 16 * 1024**2  # as initdb makes it
PER_LOG = 0x100000000 // SEGMENT_BYTES
_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")


def position(lsn: str) -> int:
    """`0/16B3748` as a number of bytes since the beginning."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_of(place: int) -> str:
    """The other way round."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


def segment_at(place: int) -> int:
    """The number of the segment that holds this position."""
    return place // SEGMENT_BYTES


def name_of(timeline: int, segment: int) -> str:
    """Its file's name."""
    return f"{timeline:08X}{segment // PER_LOG:08X}{segment % PER_LOG:08X}"


def segments_in(folder: Path, timeline: int) -> dict[int, Path]:
    """The segments of one timeline that lie here; one that is whole goes before one that is still written."""
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # `….partial` comes first, and is replaced
        match = _NAME.fullmatch(path.name)
        if match and int(match[1], 16) == timeline:
            found[int(match[2], 16) * PER_LOG + int(match[3], 16)] = path
    return found


def first_gap(segments: Iterable[int], start: int) -> int | None:
    """The first segment from `start` on that is missing while a later one is there; None: there is none.

    `start` itself has to be there.
    """
    here = {segment for segment in segments if segment >= start}
    last = max(here, default=start)
    return next((segment for segment in range(start, last + 1) if segment not in here), None)
