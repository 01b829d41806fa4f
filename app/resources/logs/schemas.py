"""What travels out of the box's log."""

from typing import Any

import msgspec


class BoxLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a program. `fields`: what else it tells, such as `instance`, `attempt` or `request_id`."""

    id: str
    at: str
    level: str
    program: str
    host: str
    message: str
    fields: dict[str, Any]


class BoxLines(msgspec.Struct, frozen=True, kw_only=True):
    """One page, newest first."""

    items: list[BoxLine]
    next_cursor: str | None
