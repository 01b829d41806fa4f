"""What maintenance and drained lanes look like from outside."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.flow.messages import Lane
from app.resources.paging import OnePage

Message = Annotated[str, Meta(max_length=300, description="What people are told; one line.")]


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the box is in maintenance, or when it will be; `starts_at` is null when none was announced."""

    is_on: bool
    starts_at: datetime | None = None
    message: str = ""
    said_by: str | None = None


class NewMaintenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Maintenance that begins in so many seconds."""

    in_s: Annotated[float, Meta(ge=0, le=7 * 86_400, description="Seconds from now; at most a week.")] = 0.0
    message: Message = ""


class LaneWork(msgspec.Struct, frozen=True, kw_only=True):
    """A lane and what is in it. `closed_because`: why no step of it is handed out; null while they are."""

    lane: Lane
    closed_because: str | None
    is_drained: bool
    running: int
    queued: int


class Lanes(msgspec.Struct, frozen=True, kw_only=True):
    """Every lane that workers serve."""

    items: list[LaneWork]
    next_cursor: OnePage = None


class NewDrain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a lane is drained, for those whose steps wait."""

    message: Message = ""
