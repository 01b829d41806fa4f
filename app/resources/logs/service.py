"""The lines of the box's programs, from the ring on the volume: a page is read in milliseconds.

A rare word in a full ring of 64 MiB takes some tenths of a second, for most lines are never decoded.
"""

from pathlib import Path
from typing import Any, Final

from app.kit.errors import Malformed
from app.kit.ring import Found, Place, Wanted, read_back
from app.resources.logs.schemas import BoxLine, BoxLines

HEAD: Final = frozenset({"timestamp", "level", "service", "host", "message"})


class CursorUnfit(Malformed):
    """This cursor is not one that a list gave out; start again without it."""


def page(folder: Path, wanted: Wanted, limit: int, cursor: str | None) -> BoxLines:
    """The newest lines that are asked for, from before a cursor on. Blocking; raises CursorUnfit."""
    before = None if cursor is None else _place(cursor)
    found: list[Found] = []
    more = False
    for one in read_back(folder, wanted, before):
        if len(found) == limit:
            more = True
            break
        found.append(one)
    return BoxLines(
        items=[_line(one) for one in found],
        next_cursor=_text(found[-1].place) if more else None,
    )


def _line(found: Found) -> BoxLine:
    record = found.record
    return BoxLine(
        id=_text(found.place),
        at=str(record.get("timestamp", "")),
        level=str(record.get("level", "INFO")),
        program=_program(record),
        host=str(record.get("host", "")),
        message=str(record.get("message", "")),
        fields={key: value for key, value in record.items() if key not in HEAD},
    )


def _program(record: dict[str, Any]) -> str:
    return str(record.get("service", "")).removeprefix("studio-")


def _text(place: Place) -> str:
    return f"{place.file}.{place.offset}"


def _place(text: str) -> Place:
    file, _, offset = text.partition(".")
    if not (file.isdigit() and offset.isdigit() and len(text) < 40):
        raise CursorUnfit
    return Place(int(file), int(offset))
