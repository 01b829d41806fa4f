"""Instances, steps and events as people read them. Only the engine writes these tables."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.rows import Edit, Event, InstanceError, Pause
from app.flow.messages import StepError
from app.flow.rerun import Wished
from app.flow.states import AttemptStatus, InstanceStatus, StepStatus
from app.flow.waits import Waiting, WaitKind
from app.kit.ids import InstanceId, StepId, VersionId, WorkflowId
from app.resources.paging import Page
from app.store.database import Transaction


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance without its values."""

    id: InstanceId
    number: int
    workflow_id: WorkflowId
    workflow_name: str
    version: int
    version_id: VersionId
    status: InstanceStatus
    reason: str | None
    error: InstanceError | None
    source: str
    priority: int
    event_seq: int
    total_steps: int
    open_steps: int
    parent_id: InstanceId | None
    parent_step_id: StepId | None
    body: str
    origin_id: InstanceId | None
    origin_number: int | None
    pause: Pause | None
    created_by: UUID | None
    cancelled_by: UUID | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class InstanceWithValues(Instance, frozen=True, kw_only=True):
    """An instance with what went in and what came out."""

    inputs: dict[str, Any]
    outputs: dict[str, Any] | None
    rerun: Wished | None
    details_gone_at: datetime | None


class Reused(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step ran that was taken over. `instance_id`, `number`: None when that was cleared away."""

    step_id: UUID
    instance_id: UUID | None = None
    number: int | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step or an item of a fan-out."""

    id: StepId
    node_id: str
    path: list[int]
    parent_id: StepId | None
    ordinal: int
    kind: str
    lane: str
    status: StepStatus
    reason: str | None
    inputs: dict[str, Any] | None
    outputs: dict[str, Any] | None
    error: StepError | None
    items_total: int | None
    items_started: int
    items_open: int
    items_failed: int
    items_kept: int | None
    attempts_used: int
    times_lost: int
    progress_fraction: float | None
    progress_message: str | None
    due_at: datetime | None
    wait_kind: WaitKind | None
    wait: Waiting | None  # only while the step waits
    reused_from: Reused | None
    edited: Edit | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a step asks or asked. `created_by`: who started its instance."""

    wait_kind: WaitKind | None
    wait: Waiting | None
    created_by: UUID | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a step."""

    step_id: StepId
    number: int
    status: AttemptStatus
    cause: str
    worker_id: UUID | None
    worker_name: str | None
    error: StepError | None
    available_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line a step wrote."""

    id: int
    level: str
    message: str
    at: datetime


_INSTANCE: Final = (
    "i.id, i.number, i.workflow_id, w.name AS workflow_name, v.number AS version, i.version_id, i.status, "
    "i.reason, i.error, i.source, i.priority, i.event_seq, i.total_steps, i.open_steps, i.parent_id, "
    "i.parent_step_id, i.body, i.origin_id, o.number AS origin_number, i.pause, i.created_by, "
    "i.cancelled_by, "
    "i.created_at, i.started_at, i.ended_at"
)
_FROM: Final = (
    "FROM instances i JOIN workflows w ON w.id = i.workflow_id "
    "JOIN workflow_versions v ON v.id = i.version_id "
    "LEFT JOIN instances o ON o.id = i.origin_id"
)
_STEP: Final = (
    "id, node_id, path, parent_id, ordinal, kind, lane, status, reason, inputs, outputs, error, items_total, "
    "items_started, items_open, items_failed, items_kept, attempts_used, times_lost, progress_fraction, "
    "progress_message, due_at, wait_kind, CASE WHEN status = 'waiting' THEN wait END AS wait, edited, "
    "CASE WHEN reused_from IS NOT NULL THEN jsonb_build_object('step_id', reused_from) || coalesce("
    "(SELECT jsonb_build_object('instance_id', i.id, 'number', i.number) FROM steps o "
    "JOIN instances i ON i.id = o.instance_id WHERE o.id = steps.reused_from), "
    "jsonb_build_object()) END AS reused_from, "
    "created_at, started_at, ended_at"
)

_TOP: Final = "parent_id IS NULL"
# The node is named too, because it stands between parent and place in the index.
_ITEMS: Final = "parent_id = %(parent)s AND node_id = (SELECT node_id FROM steps WHERE id = %(parent)s)"
# One row more than the page holds tells that there is more; so do rows that its values leave no room for.
_STEPS: Final = f"""
WITH found AS (
    SELECT id, sum(coalesce(pg_column_size(inputs), 0) + coalesce(pg_column_size(outputs), 0)) OVER (
               ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_bytes
      FROM (SELECT id, ordinal, inputs, outputs FROM steps
             WHERE instance_id = %(id)s AND {{whose}} AND ordinal > %(after)s
             ORDER BY ordinal LIMIT %(limit)s + 1) AS s
)
SELECT {_STEP}, (SELECT count(*) FROM found) AS found FROM steps
 WHERE id IN (SELECT id FROM found WHERE coalesce(before_bytes, 0) <= %(bytes)s)
 ORDER BY ordinal LIMIT %(limit)s
"""  # noqa: S608  constant column lists
PAGE_BYTES = 4_000_000  # of the values on one page of steps, as they are stored: some 20 MB of JSON

# The organization is named although row-level security says it too: it leads the index.
_LIST: Final = f"""
SELECT {_INSTANCE} {_FROM}
 WHERE i.organization_id = %(organization)s AND i.id < %(before)s AND {{narrowed}}
 ORDER BY i.id DESC LIMIT %(rows)s
"""
_RUNS: Final = "i.parent_id IS NULL"
_OF_PARENT: Final = "i.parent_id = %(parent)s"
_OF_ORIGIN: Final = "i.origin_id = %(origin)s"
_OF_STEP: Final = "i.parent_step_id = %(step)s"
_OF_WORKFLOW: Final = "i.workflow_id = %(workflow)s"
_OF_STATUS: Final = "i.status = ANY(%(statuses)s)"


async def find_version(tx: Transaction, workflow_id: UUID, number: int | None) -> VersionId | None:
    """A version of a workflow that is not deleted, the published one without a number."""
    found: VersionId | None = await tx.fetch_value(
        "SELECT v.id FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id "
        "AND v.number = coalesce(%(number)s::integer, w.published_version) "
        "WHERE w.id = %(workflow)s AND w.deleted_at IS NULL",
        {"workflow": workflow_id, "number": number},
    )
    return found


async def version_number(tx: Transaction, version_id: VersionId) -> int:
    """Which version of its workflow this is."""
    return int(
        await tx.fetch_value("SELECT number FROM workflow_versions WHERE id = %(id)s", {"id": version_id})
    )


async def list_instances(
    tx: Transaction,
    page: Page,
    *,
    workflow_id: UUID | None,
    parent_id: UUID | None,
    step_id: UUID | None,
    origin_id: UUID | None,
    statuses: list[InstanceStatus],
) -> list[Instance]:
    """One page and one row more, newest first; perhaps of one workflow or origin, or in some statuses only.

    What runs for a step of another instance is shown only among the children of that one or of that step.
    """
    wishes = (
        (_OF_STEP, step_id),
        (_OF_WORKFLOW, workflow_id),
        (_OF_ORIGIN, origin_id),
        (_OF_STATUS, statuses),
    )
    narrowed = " AND ".join(
        [_OF_PARENT if parent_id else _RUNS, *(part for part, wanted in wishes if wanted)]
    )
    rows = await tx.fetch_all(
        _LIST.format(narrowed=narrowed),
        {
            "organization": tx.organization_id,
            "workflow": workflow_id,
            "parent": parent_id,
            "step": step_id,
            "origin": origin_id,
            "statuses": list(statuses),
            **page.params,
        },
    )
    return [msgspec.convert(row, Instance) for row in rows]


async def find_instance(tx: Transaction, instance_id: UUID) -> InstanceWithValues | None:
    """One instance, whole."""
    row = await tx.fetch_one(
        f"SELECT {_INSTANCE}, i.inputs, i.outputs, i.rerun, i.details_gone_at {_FROM} WHERE i.id = %(id)s",
        {"id": instance_id},
    )
    return None if row is None else msgspec.convert(row, InstanceWithValues)


async def has_instance(tx: Transaction, instance_id: UUID) -> bool:
    """Whether this organization has such an instance."""
    return bool(await tx.fetch_value("SELECT true FROM instances WHERE id = %(id)s", {"id": instance_id}))


async def list_steps(
    tx: Transaction, instance_id: UUID, parent_id: UUID | None, *, after: int, limit: int
) -> tuple[list[Step], bool]:
    """The steps of an instance, each behind all it depends on, or the items of one fan-out; and whether there
    are more. At most `limit`, and fewer where their values are large.
    """
    rows = await tx.fetch_all(
        _STEPS.format(whose=_TOP if parent_id is None else _ITEMS),
        {"id": instance_id, "parent": parent_id, "after": after, "limit": limit, "bytes": PAGE_BYTES},
    )
    return [msgspec.convert(row, Step) for row in rows], bool(rows) and rows[0]["found"] > len(rows)


async def find_step(tx: Transaction, instance_id: UUID, step_id: UUID) -> Step | None:
    """One step, or item of a fan-out."""
    row = await tx.fetch_one(
        f"SELECT {_STEP} FROM steps WHERE id = %(step)s AND instance_id = %(id)s",  # noqa: S608  a constant
        {"id": instance_id, "step": step_id},
    )
    return None if row is None else msgspec.convert(row, Step)


async def outputs_of(tx: Transaction, instance_id: UUID, nodes: list[str]) -> dict[str, dict[str, Any]]:
    """What these nodes gave, where they gave anything."""
    rows = await tx.fetch_all(
        "SELECT node_id, outputs FROM steps WHERE instance_id = %(id)s AND parent_id IS NULL "
        "AND node_id = ANY(%(nodes)s) AND outputs IS NOT NULL",
        {"id": instance_id, "nodes": nodes},
    )
    return {row["node_id"]: row["outputs"] for row in rows}


async def find_question(tx: Transaction, instance_id: UUID, step_id: UUID) -> Question | None:
    """What a step asks."""
    row = await tx.fetch_one(
        "SELECT s.wait_kind, s.wait, i.created_by FROM steps s JOIN instances i ON i.id = s.instance_id "
        "WHERE s.id = %(step)s AND s.instance_id = %(id)s",
        {"id": instance_id, "step": step_id},
    )
    return None if row is None else msgspec.convert(row, Question)


async def requester_of(tx: Transaction, instance_id: UUID) -> UUID | None:
    """Who started an instance."""
    found: UUID | None = await tx.fetch_value(
        "SELECT created_by FROM instances WHERE id = %(id)s", {"id": instance_id}
    )
    return found


async def number_of(tx: Transaction, instance_id: UUID) -> int:
    """What people call an instance by."""
    return int(await tx.fetch_value("SELECT number FROM instances WHERE id = %(id)s", {"id": instance_id}))


async def attempts_of(tx: Transaction, step_ids: list[StepId]) -> list[Attempt]:
    """Every try at these steps, in order."""
    rows = await tx.fetch_all(
        """
        SELECT a.step_id, a.number, a.status, a.cause, a.worker_id, w.name AS worker_name, a.error,
               a.available_at, a.claimed_at, a.ended_at
          FROM attempts a LEFT JOIN workers w ON w.id = a.worker_id
         WHERE a.step_id = ANY(%(steps)s) ORDER BY a.step_id, a.number
        """,
        {"steps": step_ids},
    )
    return [msgspec.convert(row, Attempt) for row in rows]


async def list_events(tx: Transaction, instance_id: UUID, *, after: int, limit: int) -> list[Event]:
    """The events behind a number, in order."""
    rows = await tx.fetch_all(
        "SELECT seq, type, step_id, data, at FROM events "
        "WHERE instance_id = %(id)s AND seq > %(after)s ORDER BY seq LIMIT %(rows)s",
        {"id": instance_id, "after": after, "rows": limit},
    )
    return [msgspec.convert(row, Event) for row in rows]


async def list_logs(
    tx: Transaction, instance_id: UUID, step_id: UUID, *, after: int, limit: int
) -> list[LogLine]:
    """What a step wrote, in order."""
    rows = await tx.fetch_all(
        "SELECT id, level, message, at FROM step_logs WHERE instance_id = %(id)s AND step_id = %(step)s "
        "AND id > %(after)s ORDER BY id LIMIT %(rows)s",
        {"id": instance_id, "step": step_id, "after": after, "rows": limit},
    )
    return [msgspec.convert(row, LogLine) for row in rows]
