"""Rows of the engine's tables as a move sees them: frozen, changed by replacing.

A row carries only what deciding needs. `inputs`, `outputs`, `item`, `wait` and `edited` are None when they
are not to be written: what is in the database then stays as it is, and large values are not read to be
written back.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.flow.each import Turn
from app.flow.messages import StepError
from app.flow.program import ProgramNode
from app.flow.states import AttemptStatus, InstanceStatus, StepStatus
from app.flow.waits import Waiting, WaitKind
from app.kit.ids import (
    AttemptId,
    InstanceId,
    OrganizationId,
    StepId,
    UserId,
    VersionId,
    WorkerId,
    WorkflowId,
    new_id,
)

ANEW: Final = ""  # the cache key of a step that somebody wants run again, whatever is kept


class InstanceError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an instance failed, with the step that failed it."""

    error_class: str = msgspec.field(name="class")
    message: str
    remedy: str | None = None
    step: str | None = None  # node id
    path: list[int] = []


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Who paused an instance, and when."""

    by: UserId | None
    name: str
    at: datetime


class InstanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An instance, locked for the length of a move."""

    id: InstanceId
    organization_id: OrganizationId
    organization_name: str
    workflow_id: WorkflowId
    version_id: VersionId
    number: int
    status: InstanceStatus
    reason: str | None
    priority: int
    event_seq: int
    open_steps: int
    busy_steps: int
    inputs: dict[str, Any] | None  # read at once only when small
    created_at: datetime
    created_by: UserId | None
    parent_id: InstanceId | None
    parent_step_id: StepId | None
    depth: int  # how many instances stand above it
    concurrency_limit: int | None  # how many of its workflow run at once
    is_held: bool  # it waits for its turn
    body: str  # the node whose body it runs, such as `again` or `again/inner`; empty: a whole workflow
    started_at: datetime | None
    pause: Pause | None = None
    outputs: dict[str, Any] | None = None
    error: InstanceError | None = None
    cancelled_by: UserId | None = None
    cancel_requested_at: datetime | None = None
    ended_at: datetime | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person gave by hand, when, and what stood there."""

    by: UserId | None
    name: str
    at: datetime
    before: dict[str, Any] | None = None  # the values in whose place others were given
    inputs: dict[str, Any] = {}  # those given to a step, or to one item
    items: dict[str, dict[str, Any]] = {}  # of a fan-out: those given to its items, by ordinal
    earlier: dict[str, "EarlierEdit"] = {}  # of a fan-out: those its items had in the run before, by ordinal

    def of_item(self, ordinal: int, turn: Turn) -> "Edit | None":
        """What is given to one item of a fan-out: now, on top of what was given to the same one before."""
        values, earlier = self.items.get(str(ordinal), {}), self.earlier.get(str(ordinal))
        known = earlier.edit if earlier is not None and earlier.is_of(turn) else None
        if not values:
            return known
        return replace(self, items={}, earlier={}, inputs={**(known.inputs if known else {}), **values})


class EarlierEdit(msgspec.Struct, frozen=True, kw_only=True):
    """What was given by hand to one item of a list, and what that was: another is not given it."""

    edit: Edit
    path: list[int]
    item: Any

    def is_of(self, turn: Turn) -> bool:
        """Whether this is the item it was given to."""
        return self.path == list(turn.path) and self.item == turn.item


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A step, or one item of a fan-out."""

    id: StepId
    node_id: str
    path: list[int]
    parent_id: StepId | None
    ordinal: int
    kind: str
    lane: str
    status: StepStatus
    waits_for: int
    led_here: int = 0
    reason: str | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    error: StepError | None = None
    item: Any = None
    items_total: int | None = None
    items_made: int = 0
    items_started: int = 0
    items_open: int = 0
    items_failed: int = 0
    items_kept: int | None = None  # of a fan-out that was taken over in part
    attempts_used: int = 0
    times_lost: int = 0
    due_at: datetime | None = None
    wait_kind: WaitKind | None = None
    wait: Waiting | None = None
    cache_key: str | None = None  # what its own result is kept under, in hex; ANEW
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reused_from: StepId | None = None  # the step that ran in its place: of an older instance, or by the cache
    edited: Edit | None = None
    is_edited: bool = False  # in the database, where `edited` is not read
    type_version: int | None = None  # of its type, when it began


def new_step(node: ProgramNode, place: int, *, waits_for: int | None = None, led_here: int = 0) -> StepRow:
    """A step that has not begun. `waits_for`: all it depends on, unless some of that is settled already."""
    return StepRow(
        id=StepId(new_id()),
        node_id=node.id,
        path=[],
        parent_id=None,
        ordinal=place,
        kind=node.kind,
        lane=node.lane,
        status=StepStatus.pending,
        waits_for=len(node.dependencies) if waits_for is None else waits_for,
        led_here=led_here,
    )


class NewAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to be queued. `available_at`: not before this moment; `rung_at`: None until then."""

    id: AttemptId
    step_id: StepId
    number: int
    lane: str
    status: AttemptStatus  # queued, or paused with its instance
    cause: str
    priority: int
    timeout_s: float | None
    available_at: datetime
    rung_at: datetime | None


class HeldAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt whose end a move decides."""

    id: AttemptId
    step_id: StepId
    number: int
    status: AttemptStatus
    worker_id: WorkerId | None
    fence: int
    timeout_s: float | None
    lease_ran_out: bool
    deadline_passed: bool


class EndedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    id: AttemptId
    status: AttemptStatus
    error: StepError | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered fact of an instance, as it is stored and as it is published."""

    seq: int
    type: str
    step_id: UUID | None
    data: dict[str, Any]
    at: datetime
