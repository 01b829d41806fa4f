"""Schedules and their journal as rows, and every question asked of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.storable import storable
from app.flow.states import InstanceStatus
from app.flow.timing import Misfire, Timing
from app.kit.codec import encode_text
from app.kit.ids import InstanceId, OrganizationId, UserId, WorkflowId, new_id
from app.resources.assets.service import note_uses
from app.resources.paging import Page
from app.store.database import Transaction


class Overlap(StrEnum):
    """What becomes of a time while the run before is still going: run beside it, leave it out, or wait."""

    allow = "allow"
    skip = "skip"
    queue = "queue"


class Outcome(StrEnum):
    """What a schedule did when a time had come."""

    started = "started"
    skipped = "skipped"
    queued = "queued"
    refused = "refused"


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a schedule's journal, and how the instance it started is now."""

    due_at: datetime
    outcome: Outcome
    reason: str | None
    instance_id: InstanceId | None
    instance_status: InstanceStatus | None
    at: datetime


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When a workflow runs by itself, and on what. `next_at`: None while it is off, or never again."""

    id: UUID
    workflow_id: WorkflowId
    workflow_name: str
    name: str
    timing: Timing
    inputs: dict[str, Any]
    misfire: Misfire
    overlap: Overlap
    is_enabled: bool
    stopped_because: str | None
    refusals: int
    next_at: datetime | None
    queued_for: datetime | None
    last_instance: InstanceId | None
    created_by: UserId | None
    created_at: datetime
    updated_at: datetime
    last_run: LastRun | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a schedule's journal."""

    id: UUID
    due_at: datetime
    outcome: Outcome
    reason: str | None
    instance_id: InstanceId | None
    instance_status: InstanceStatus | None
    started_by: UserId | None
    at: datetime


class Due(msgspec.Struct, frozen=True):
    """A schedule whose time has come, and whose it is."""

    id: UUID
    organization_id: OrganizationId


_OPEN: Final = "status IN ('pending', 'running', 'waiting')"
_SCHEDULE: Final = """
SELECT s.id, s.workflow_id, w.name AS workflow_name, s.name, s.timing, s.inputs, s.misfire, s.overlap,
       s.is_enabled, s.stopped_because, s.refusals, s.next_at, s.queued_for, s.last_instance, s.created_by,
       s.created_at, s.updated_at,
       (SELECT jsonb_build_object(
                   'due_at', r.due_at, 'outcome', r.outcome, 'reason', r.reason, 'at', r.at,
                   'instance_id', r.instance_id, 'instance_status', i.status)
          FROM schedule_runs r LEFT JOIN instances i ON i.id = r.instance_id
         WHERE r.schedule_id = s.id ORDER BY r.id DESC LIMIT 1) AS last_run
  FROM schedules s JOIN workflows w ON w.id = s.workflow_id
"""
_RUN: Final = """
SELECT r.id, r.due_at, r.outcome, r.reason, r.instance_id, i.status AS instance_status, r.started_by, r.at
  FROM schedule_runs r LEFT JOIN instances i ON i.id = r.instance_id
"""
_CHANGEABLE: Final = (
    "name",
    "timing",
    "inputs",
    "misfire",
    "overlap",
    "is_enabled",
    "stopped_because",
    "refusals",
    "next_at",
    "queued_for",
    "last_instance",
)


async def count_schedules(tx: Transaction) -> int:
    """How many the organization has."""
    return int(
        await tx.fetch_value(
            "SELECT count(*) FROM schedules WHERE organization_id = %(organization)s",
            {"organization": tx.organization_id},
        )
    )


async def list_schedules(tx: Transaction, page: Page, workflow_id: UUID | None) -> list[Schedule]:
    """One page and one row more, newest first; perhaps of one workflow."""
    narrowed = "AND s.workflow_id = %(workflow)s" if workflow_id else ""
    rows = await tx.fetch_all(
        f"{_SCHEDULE} WHERE s.organization_id = %(organization)s AND s.id < %(before)s {narrowed} "
        "ORDER BY s.id DESC LIMIT %(rows)s",
        {"organization": tx.organization_id, "workflow": workflow_id, **page.params},
    )
    return [_read(row) for row in rows]


async def find_schedule(tx: Transaction, schedule_id: UUID, *, lock: bool = False) -> Schedule | None:
    """One schedule of the organization; `lock` holds it until the end of the transaction."""
    row = await tx.fetch_one(
        f"{_SCHEDULE} WHERE s.id = %(id)s AND s.organization_id = %(organization)s "
        f"{'FOR UPDATE OF s' if lock else ''}",
        {"id": schedule_id, "organization": tx.organization_id},
    )
    return None if row is None else _read(row)


async def add_schedule(
    tx: Transaction,
    *,
    workflow_id: UUID,
    name: str,
    timing: Timing,
    inputs: dict[str, Any],
    misfire: Misfire,
    overlap: Overlap,
    next_at: datetime | None,
    is_enabled: bool,
    created_by: UUID,
) -> UUID:
    """A new schedule; its id."""
    schedule_id = new_id()
    await tx.execute(
        "INSERT INTO schedules (id, organization_id, workflow_id, name, timing, inputs, misfire, overlap, "
        "is_enabled, next_at, created_by) "
        "VALUES (%(id)s, %(organization)s, %(workflow)s, %(name)s, %(timing)s, %(inputs)s, %(misfire)s, "
        "%(overlap)s, %(is_enabled)s, %(next_at)s, %(created_by)s)",
        {
            "id": schedule_id,
            "organization": tx.organization_id,
            "workflow": workflow_id,
            "name": name,
            "timing": encode_text(timing),
            "inputs": storable(inputs),
            "misfire": misfire,
            "overlap": overlap,
            "is_enabled": is_enabled,
            "next_at": next_at,
            "created_by": created_by,
        },
    )
    await note_uses(tx, inputs, schedule_id)
    return schedule_id


async def save_schedule(tx: Transaction, schedule: Schedule, *, is_edit: bool = False) -> None:
    """Write back a schedule that the caller holds locked; `is_edit`: a person changed it."""
    values = {name: getattr(schedule, name) for name in _CHANGEABLE}
    assignments = ", ".join(f"{name} = %({name})s" for name in _CHANGEABLE)
    edited = ", updated_at = now()" if is_edit else ""
    await tx.execute(
        f"UPDATE schedules SET {assignments}{edited} WHERE id = %(id)s",  # noqa: S608  constant names
        {
            **values,
            "id": schedule.id,
            "timing": encode_text(schedule.timing),
            "inputs": storable(schedule.inputs),
        },
    )
    if is_edit:
        await note_uses(tx, schedule.inputs, schedule.id)


async def remove_schedule(tx: Transaction, schedule_id: UUID) -> bool:
    """Forget a schedule and its journal; what it started stays."""
    return bool(
        await tx.execute(
            "DELETE FROM schedules WHERE id = %(id)s AND organization_id = %(organization)s",
            {"id": schedule_id, "organization": tx.organization_id},
        )
    )


async def list_due(tx: Transaction, limit: int) -> list[Due]:
    """The schedules whose time has come, longest overdue first; needs the system scope.

    Also those whose queued time may run now, because the run before has ended.
    """
    rows = await tx.fetch_all(
        f"""
        (SELECT id, organization_id FROM schedules
          WHERE is_enabled AND next_at <= now() ORDER BY next_at LIMIT %(limit)s)
        UNION
        (SELECT s.id, s.organization_id FROM schedules s
          WHERE s.queued_for IS NOT NULL AND s.is_enabled
            AND NOT EXISTS (SELECT FROM instances i WHERE i.id = s.last_instance AND i.{_OPEN})
          LIMIT %(limit)s)
        """,  # noqa: S608  a constant
        {"limit": limit},
    )
    return [msgspec.convert(row, Due) for row in rows]


async def claim(tx: Transaction, schedule_id: UUID) -> Schedule | None:
    """A schedule to fire, locked; None when another daemon has it, or somebody changed it meanwhile."""
    row = await tx.fetch_one(
        f"{_SCHEDULE} WHERE s.id = %(id)s AND s.is_enabled "
        "AND (s.next_at <= now() OR s.queued_for IS NOT NULL) FOR UPDATE OF s SKIP LOCKED",
        {"id": schedule_id},
    )
    return None if row is None else _read(row)


async def database_time(tx: Transaction) -> datetime:
    """The moment that decides what is due."""
    moment: datetime = await tx.fetch_value("SELECT now()")
    return moment


async def is_open(tx: Transaction, instance_id: UUID | None) -> bool:
    """Whether this instance has not ended yet."""
    return bool(
        await tx.fetch_value(
            f"SELECT true FROM instances WHERE id = %(id)s AND {_OPEN}",  # noqa: S608  a constant
            {"id": instance_id},
        )
    )


async def add_run(
    tx: Transaction,
    schedule_id: UUID,
    *,
    due_at: datetime,
    outcome: Outcome,
    reason: str | None = None,
    instance_id: UUID | None = None,
    started_by: UUID | None = None,
) -> UUID:
    """One more line in the journal; its id."""
    run_id = new_id()
    await tx.execute(
        "INSERT INTO schedule_runs (id, organization_id, schedule_id, due_at, outcome, reason, instance_id, "
        "started_by) VALUES (%(id)s, %(organization)s, %(schedule)s, %(due_at)s, %(outcome)s, %(reason)s, "
        "%(instance)s, %(started_by)s)",
        {
            "id": run_id,
            "organization": tx.organization_id,
            "schedule": schedule_id,
            "due_at": due_at,
            "outcome": outcome,
            "reason": reason,
            "instance": instance_id,
            "started_by": started_by,
        },
    )
    return run_id


async def get_run(tx: Transaction, run_id: UUID) -> Run:
    """A line that was just written."""
    row = await tx.fetch_one(f"{_RUN} WHERE r.id = %(id)s", {"id": run_id})
    return msgspec.convert(row, Run)


async def list_runs(tx: Transaction, schedule_id: UUID, page: Page) -> list[Run]:
    """One page of the journal and one row more, newest first."""
    rows = await tx.fetch_all(
        f"{_RUN} WHERE r.schedule_id = %(schedule)s AND r.organization_id = %(organization)s "
        "AND r.id < %(before)s ORDER BY r.id DESC LIMIT %(rows)s",
        {"schedule": schedule_id, "organization": tx.organization_id, **page.params},
    )
    return [msgspec.convert(row, Run) for row in rows]


async def forget_old_runs(tx: Transaction, keep: int) -> int:
    """Keep the newest lines of each journal; needs the system scope."""
    return await tx.execute(
        """
        DELETE FROM schedule_runs r
         USING schedules s CROSS JOIN LATERAL (
               SELECT id FROM schedule_runs WHERE schedule_id = s.id ORDER BY id DESC OFFSET %(keep)s LIMIT 1
         ) newest_old
         WHERE r.schedule_id = s.id AND r.id <= newest_old.id
        """,
        {"keep": keep},
    )


def _read(row: dict[str, Any]) -> Schedule:
    return msgspec.convert(row, Schedule)
