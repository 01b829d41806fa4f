"""What travels in and out of the instance calls."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from app.engine.rows import InstanceError
from app.flow.messages import StepError
from app.flow.outlook import Fate
from app.flow.rerun import Wished
from app.flow.states import AttemptStatus, InstanceStatus, StepStatus
from app.flow.waits import WaitKind
from app.resources.instances import model
from app.resources.starters import Starter


class NewInstance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run, on which values. A file is `{"asset": "<id>"}`."""

    workflow_id: UUID
    inputs: Annotated[dict[str, Any], Meta(description="Values by input name")] = {}
    version: Annotated[int | None, Meta(description="Which version; the published one when left out")] = None
    priority: Annotated[int, Meta(ge=-100, le=100, description="More is sooner")] = 0


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run that has not begun, as far as its inputs tell.

    `fate`: runs (unless something before it fails), perhaps, skipped or fails; `reason`: why, in words.
    `wave`: its place in the longest chain that leads to it; what has the same may run at the same time.
    """

    id: str
    name: str
    kind: str
    lane: str
    wave: int
    after: list[str]
    fate: Fate
    reason: str
    each: Annotated[bool, Meta(description="Whether it runs once for each item of a list")]
    items: Annotated[int | None, Meta(description="How many items, where that is known")]
    waits_for_start: bool


class PlannedLane(msgspec.Struct, frozen=True, kw_only=True):
    """The steps that need a worker of one lane. `is_served`: whether such a worker is here now."""

    lane: str
    steps: list[str]
    is_served: bool


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a start would do, in the order of the steps. `inputs`: with defaults and the facts of files."""

    version: int
    inputs: dict[str, Any]
    steps: list[PlannedStep]
    lanes: list[PlannedLane]


class InstanceProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many steps have settled; the items of a fan-out count with their step."""

    steps_total: int
    steps_done: int


class PauseView(msgspec.Struct, frozen=True, kw_only=True):
    """Who paused an instance, and when."""

    by: UUID | None
    name: str
    at: datetime


class InstanceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An instance in a list. `reason`: what it waits for. `number` counts within its workflow.

    `parent_id`, `parent_step_id`: the instance and its step that it runs for. `origin_id`, `origin_number`:
    the instance it goes on from. `pause`: nothing of it begins until it is resumed.
    """

    id: UUID
    number: int
    workflow_id: UUID
    workflow_name: str
    version: int
    status: InstanceStatus
    reason: str | None
    error: InstanceError | None
    progress: InstanceProgress
    source: str
    priority: int
    parent_id: UUID | None
    parent_step_id: UUID | None
    body: Annotated[str, Meta(description="Of what runs a node's own steps: which node, such as again/inner")]
    origin_id: UUID | None
    origin_number: int | None
    pause: PauseView | None
    created_by: UUID | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class StarterView(msgspec.Struct, frozen=True, kw_only=True):
    """The trigger that started a run. `kind`: webhook or schedule; `id`, `name`: which one; `entry_id`: the
    delivery, or the line of the schedule's journal.
    """

    kind: str
    id: UUID
    name: str
    entry_id: UUID


class InstanceView(InstanceSummary, frozen=True, kw_only=True):
    """An instance with what went in and what came out. `event_seq`: the number of its last event.

    `rerun`: what was wished to run again, where it goes on from another one. `started_by`: what started it by
    itself, while its log knows of it. `details_gone_at`: its events and log lines were cleared away then.
    """

    version_id: UUID
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None
    rerun: Wished | None
    started_by: StarterView | None = None
    event_seq: int
    cancelled_by: UUID | None
    details_gone_at: datetime | None


class Instances(msgspec.Struct, frozen=True, kw_only=True):
    """One page of instances, newest first."""

    items: list[InstanceSummary]
    next_cursor: str | None


class ItemsProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is."""

    total: int
    done: int
    failed: int


class EditView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person gave by hand. `before`: the outputs that stood there; `inputs`: given to an item."""

    by: UUID | None
    name: str
    at: datetime
    before: dict[str, Any] | None
    inputs: dict[str, Any]


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a step; `paused`: queued, but its instance is paused.

    `cause`: first, retry, lost (its worker went silent), lost_beside (with several steps in its
    hands), given_back (it left).
    """

    number: int
    status: AttemptStatus
    cause: str
    worker: str | None
    error: StepError | None
    available_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """One answer so far. `by`: None for a program that called back."""

    at: datetime
    by: UUID | None
    name: str
    value: Any


class WaitView(msgspec.Struct, frozen=True, kw_only=True):
    """What a waiting step waits for: time, a start, a person, a call.

    `request`: what is asked; what it is asked about stands in the step's inputs. `may_answer`: whether the
    reader may bring it on now; `refusal`: why not, where that needs a word. `address`: where another program
    calls, for those who may run workflows.
    """

    kind: WaitKind
    request: dict[str, Any]
    answers: list[AnswerView]
    until: datetime | None
    may_answer: bool
    refusal: str | None
    address: str | None


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to a waiting step: for an approval {decision, comment, kept}, for a form its values."""

    value: Any


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step, or an item of a fan-out (then `parent_id` and `path` say of which, and which one).

    `reused_from`: it did not run here, but there; where only some items of a fan-out did, `items_kept` says
    how many did not.
    """

    id: UUID
    node_id: str
    path: list[int]
    parent_id: UUID | None
    kind: str
    lane: str
    status: StepStatus
    reason: str | None
    inputs: dict[str, Any] | None
    outputs: dict[str, Any] | None
    error: StepError | None
    items: ItemsProgress | None
    items_kept: int | None
    attempts_used: int
    times_lost: int
    attempts: list[AttemptView]
    progress_fraction: float | None
    progress_message: str | None
    queue_position: Annotated[
        int | None, Meta(description="Its place, from 1, among all that wait for such a worker")
    ]
    due_at: datetime | None
    wait: WaitView | None
    reused_from: model.Reused | None
    edited: EditView | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in the order of the document, or items in the order of their list."""

    items: list[StepView]
    next_cursor: str | None


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered fact of an instance; the numbers have no gaps."""

    seq: int
    type: str
    step_id: UUID | None
    data: dict[str, Any]
    at: datetime


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Events behind a number. Ask again after the last one for more."""

    items: list[EventView]


class LogLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line a step wrote."""

    id: int
    level: str
    message: str
    at: datetime


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """Lines behind an id, oldest first. Ask again after the last one for more."""

    items: list[LogLineView]


def summary(row: model.Instance) -> InstanceSummary:
    """An instance as lists show it."""
    return msgspec.convert(_instance_fields(row), InstanceSummary, from_attributes=True)


def view(row: model.InstanceWithValues, started_by: Starter | None) -> InstanceView:
    """An instance, whole."""
    fields = {**_instance_fields(row), "started_by": started_by}
    return msgspec.convert(fields, InstanceView, from_attributes=True)


def _instance_fields(row: model.Instance) -> dict[str, Any]:
    progress = InstanceProgress(steps_total=row.total_steps, steps_done=row.total_steps - row.open_steps)
    return {**_fields(row), "progress": progress}


def step_view(row: model.Step, attempts: list[model.Attempt], wait: WaitView | None) -> StepView:
    """A step with its tries and what it waits for."""
    items = None
    if row.items_total is not None:
        items = ItemsProgress(
            total=row.items_total, done=row.items_started - row.items_open, failed=row.items_failed
        )
    return msgspec.convert(
        {
            **_fields(row),
            "items": items,
            "attempts": [_attempt_view(one) for one in attempts],
            "wait": wait,
            "queue_position": None,
        },
        StepView,
        from_attributes=True,
    )


def _attempt_view(row: model.Attempt) -> AttemptView:
    return msgspec.convert({**_fields(row), "worker": row.worker_name}, AttemptView, from_attributes=True)


def _fields(row: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
