"""What people see of workers."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.flow.messages import Gpu, LaneSlots
from app.resources.paging import OnePage
from app.resources.workers.model import HeldRow, WorkerRow


class HeldAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """A step a worker is busy with; only those of your own organization are listed."""

    attempt_id: UUID
    instance_id: UUID
    step_id: UUID
    node_id: str
    kind: str
    lane: str
    claimed_at: datetime

    @classmethod
    def of(cls, row: HeldRow) -> "HeldAttempt":
        """A row as people see it."""
        return cls(
            attempt_id=row.attempt_id,
            instance_id=row.instance_id,
            step_id=row.step_id,
            node_id=row.node_id,
            kind=row.kind,
            lane=row.lane,
            claimed_at=row.claimed_at,
        )


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """One worker. `is_alive`: it was heard of within the last 20 s."""

    id: UUID
    name: str
    host: str
    version: str
    lanes: list[LaneSlots]
    gpus: list[Gpu]
    memory_used_bytes: int | None
    resident_models: list[str]
    registered_at: datetime
    last_seen_at: datetime
    is_alive: bool
    attempts: list[HeldAttempt]

    @classmethod
    def of(cls, row: WorkerRow, held: list[HeldRow]) -> "WorkerView":
        """A row as people see it."""
        return cls(
            id=row.id,
            name=row.name,
            host=row.host,
            version=row.version,
            lanes=row.lanes,
            gpus=row.gpus,
            memory_used_bytes=row.status.get("memory_used_bytes"),
            resident_models=row.status.get("resident_models", []),
            registered_at=row.registered_at,
            last_seen_at=row.last_seen_at,
            is_alive=row.is_alive,
            attempts=[HeldAttempt.of(one) for one in held],
        )


class Workers(msgspec.Struct, frozen=True, kw_only=True):
    """Every worker that has not left."""

    items: list[WorkerView]
    next_cursor: OnePage = None


class ReportTaken(msgspec.Struct, frozen=True, kw_only=True):
    """`ok` is False when the attempt is no longer the worker's."""

    ok: bool
