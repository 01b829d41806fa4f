"""Cursor paging, the same for every list: `?limit=&cursor=` → `{items, next_cursor}`, newest first.

Ids are UUIDv7, so their order is the order of making; a cursor is the last id seen, in opaque clothes. The
query asks for one row more than the page holds: `WHERE id < %(before)s ORDER BY id DESC LIMIT %(rows)s`.

Two kinds of lists differ, and a test holds every list to one of the three. What is short by nature (step
types, members, somebody's sign-ins, workers) has one page and says so with `OnePage`. What is read as it
grows (events, log lines) is oldest first and goes on by `?after=`, the number of the last line that was read:
a reader asks again with the same number until something new is there, so there is no last page to tell.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from app.kit.errors import Malformed

T = TypeVar("T")

NEWEST = UUID(int=2**128 - 1)  # before this id lies everything

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most")]
Cursor = Annotated[
    str | None, QueryParameter(description="The next_cursor of the page before", max_length=100)
]
DEFAULT_LIMIT = 50
OnePage = Annotated[None, msgspec.Meta(description="Always null: this list is short and has one page.")]


class CursorUnfit(Malformed):
    """This cursor is not one that a list gave out; start again without it."""


class Page(msgspec.Struct, frozen=True):
    """Which part of a list is asked for."""

    limit: int
    before: UUID

    @property
    def params(self) -> dict[str, Any]:
        """What the query needs."""
        return {"before": self.before, "rows": self.limit + 1}

    def cut(self, rows: Sequence[T], id_of: Callable[[T], UUID]) -> tuple[list[T], str | None]:
        """The rows of this page and the cursor of the next one, None when this is the last."""
        items = list(rows[: self.limit])
        has_more = len(rows) > self.limit
        return items, _write(id_of(items[-1])) if has_more else None


def page(limit: int, cursor: str | None) -> Page:
    """Read the two parameters of a list. Raises CursorUnfit."""
    return Page(limit, NEWEST if cursor is None else _read(cursor))


def _write(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(cursor + "=="))
    except ValueError:
        raise CursorUnfit from None
