"""What travels in and out of the schedule calls."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.flow.states import InstanceStatus
from app.flow.timing import Misfire, Timing, in_words
from app.resources.schedules.model import Outcome, Overlap, Run, Schedule

Name = Annotated[str, Meta(min_length=1, max_length=200, description="What people call it")]
Inputs = Annotated[dict[str, Any], Meta(description="Values by input name, the same at every run")]


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a workflow is to run by itself. Inputs are checked against its newest version now and at each run.

    `misfire`: what becomes of times at which the box was off. `overlap`: what becomes of a time while the run
    before is still going.
    """

    workflow_id: UUID
    name: Name
    timing: Timing
    inputs: Inputs = {}
    misfire: Misfire = Misfire.once
    overlap: Overlap = Overlap.skip
    is_enabled: bool = True


class ScheduleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    timing: Timing | UnsetType = UNSET
    inputs: Inputs | UnsetType = UNSET
    misfire: Misfire | UnsetType = UNSET
    overlap: Overlap | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class LastRunView(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule did last, and how that goes."""

    due_at: datetime
    outcome: Outcome
    reason: str | None
    instance_id: UUID | None
    instance_status: InstanceStatus | None
    at: datetime


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. `next_at` is null while it is off; `stopped_because` says why Studio switched it off.

    `queued_for`: a time that waits for the run before to end.
    """

    id: UUID
    workflow_id: UUID
    workflow_name: str
    name: str
    timing: Timing
    words: Annotated[str, Meta(description="The timing as a person would say it")]
    inputs: Inputs
    misfire: Misfire
    overlap: Overlap
    is_enabled: bool
    stopped_because: str | None
    next_at: datetime | None
    queued_for: datetime | None
    last_run: LastRunView | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleView":
        fields = {name: getattr(schedule, name, None) for name in cls.__struct_fields__}
        return msgspec.convert({**fields, "words": in_words(schedule.timing)}, cls, from_attributes=True)


class Schedules(msgspec.Struct, frozen=True, kw_only=True):
    """One page of schedules, newest first."""

    items: list[ScheduleView]
    next_cursor: str | None


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a schedule's journal. `started_by`: who started it by hand."""

    id: UUID
    due_at: datetime
    outcome: Outcome
    reason: str | None
    instance_id: UUID | None
    instance_status: InstanceStatus | None
    started_by: UUID | None
    at: datetime

    @classmethod
    def of(cls, run: Run) -> "RunView":
        return msgspec.convert(run, cls, from_attributes=True)


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a journal, newest first."""

    items: list[RunView]
    next_cursor: str | None


class Preview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A timing to look at; nothing is stored."""

    timing: Timing
    count: Annotated[int, Meta(ge=1, le=50)] = 5


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """A timing as a person would say it, and when it comes next."""

    words: str
    times: list[datetime]
