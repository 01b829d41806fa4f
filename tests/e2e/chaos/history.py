"""The whole history of a box, read from its database when everything is over."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from app.store.database import Database, Scope

AT_ONCE: Final = 200  # instances in memory at the same time

_INSTANCES: Final = """
SELECT i.id, w.name AS workflow, i.status, i.outputs, i.error, i.event_seq, i.total_steps, i.open_steps,
       i.busy_steps, i.created_at, i.ended_at, i.parent_step_id, i.body, i.number, i.priority, i.source,
       i.concurrency_limit, i.on_limit, i.cancelled_by, v.definition
  FROM instances i JOIN workflows w ON w.id = i.workflow_id JOIN workflow_versions v ON v.id = i.version_id
 WHERE i.id > %(after)s ORDER BY i.id LIMIT %(most)s
"""
_STEPS: Final = """
SELECT id, instance_id, node_id, path, parent_id, ordinal, kind, lane, status, outputs, item, error,
       items_total, items_made, items_started, items_open, items_failed, attempts_used, times_lost,
       reused_from, wait, started_at, ended_at
  FROM steps WHERE instance_id = ANY(%(instances)s) ORDER BY instance_id, path
"""
_ATTEMPTS: Final = """
SELECT a.id, a.instance_id, a.step_id, a.number, a.lane, a.status, a.cause, a.fence, w.pid AS worker_pid,
       a.error, a.available_at, a.claimed_at, a.ended_at
  FROM attempts a LEFT JOIN workers w ON w.id = a.worker_id
 WHERE a.instance_id = ANY(%(instances)s) ORDER BY a.step_id, a.number
"""
_EVENTS: Final = """
SELECT instance_id, seq, type, step_id, data, at
  FROM events WHERE instance_id = ANY(%(instances)s) ORDER BY instance_id, seq
"""
_DELIVERIES: Final = (
    "SELECT webhook_id, delivery_key, status, instance_id FROM webhook_deliveries ORDER BY id"
)
_RUNS: Final = "SELECT schedule_id, due_at, outcome, instance_id FROM schedule_runs ORDER BY id"
_BLOBS: Final = "SELECT DISTINCT sha256 FROM assets"
_OPEN: Final = "SELECT count(*) FROM instances WHERE ended_at IS NULL"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's row."""

    id: UUID
    workflow: str
    status: str
    outputs: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    event_seq: int
    total_steps: int
    open_steps: int
    busy_steps: int
    created_at: datetime
    ended_at: datetime | None
    parent_step_id: UUID | None = None  # the step it runs for, if it runs for one
    body: str = ""  # the node whose steps it runs, if those are written into one
    number: int = 1
    priority: int = 0
    source: str = "api"  # who asked for it
    concurrency_limit: int | None = None
    on_limit: str | None = None
    cancelled_by: UUID | None = None  # the person who did, if one did
    definition: dict[str, Any] = {}  # of its version, whole

    @property
    def was_replaced(self) -> bool:
        """Whether it was cancelled because another instance took its place."""
        return self.status == "cancelled" and self.on_limit == "replace" and self.cancelled_by is None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step's row, or that of one item."""

    id: UUID
    instance_id: UUID
    node_id: str
    path: list[int] = []
    parent_id: UUID | None = None
    ordinal: int = 0
    kind: str
    lane: str
    status: str
    outputs: dict[str, Any] | None = None
    item: Any = None
    error: dict[str, Any] | None = None
    items_total: int | None = None
    items_made: int = 0
    items_started: int = 0
    items_open: int = 0
    items_failed: int = 0
    attempts_used: int = 0
    times_lost: int = 0
    reused_from: UUID | None = None  # the step whose outputs it was given instead of running
    wait: dict[str, Any] | None = None  # what it waits or waited for, with the answers
    started_at: datetime | None
    ended_at: datetime | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt's row, with the process that held it."""

    id: UUID
    instance_id: UUID
    step_id: UUID
    number: int
    lane: str
    status: str
    cause: str
    fence: int
    worker_pid: int | None = None
    error: dict[str, Any] | None = None
    available_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered fact."""

    instance_id: UUID
    seq: int
    type: str
    step_id: UUID | None = None
    data: dict[str, Any] = {}
    at: datetime


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A line in the log of a webhook."""

    webhook_id: UUID
    delivery_key: str | None
    status: str
    instance_id: UUID | None


class ScheduleRun(msgspec.Struct, frozen=True, kw_only=True):
    """A line in the journal of a schedule."""

    schedule_id: UUID
    due_at: datetime
    outcome: str
    instance_id: UUID | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the database knows of one instance."""

    instance: Instance
    steps: list[Step]
    attempts: list[Attempt]  # by step and number
    events: list[Event]  # by number

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """The nodes it runs, by id."""
        definition = self.instance.definition
        for name in self.instance.body.split("/") if self.instance.body else ():
            (within,) = (node for node in definition["nodes"] if node["id"] == name)
            definition = within["with"]["body"]
        return {node["id"]: node for node in definition["nodes"]}


R = TypeVar("R", Step, Attempt, Event)


async def read_histories(database: Database) -> AsyncIterator[History]:
    """One after the other, the oldest first."""
    after = UUID(int=0)
    while True:
        async with database.transaction(Scope.system()) as tx:
            rows = await tx.fetch_all(_INSTANCES, {"after": after, "most": AT_ONCE})
            if not rows:
                return
            ids: dict[str, Any] = {"instances": [row["id"] for row in rows]}
            steps = msgspec.convert(await tx.fetch_all(_STEPS, ids), list[Step])
            attempts = msgspec.convert(await tx.fetch_all(_ATTEMPTS, ids), list[Attempt])
            events = msgspec.convert(await tx.fetch_all(_EVENTS, ids), list[Event])
        steps_of, attempts_of, events_of = by_instance(steps), by_instance(attempts), by_instance(events)
        for instance in msgspec.convert(rows, list[Instance]):
            yield History(
                instance=instance,
                steps=steps_of[instance.id],
                attempts=attempts_of[instance.id],
                events=events_of[instance.id],
            )
        after = rows[-1]["id"]


def by_instance(rows: Iterable[R]) -> defaultdict[UUID, list[R]]:
    """The rows of each instance, in the order they came."""
    found: defaultdict[UUID, list[R]] = defaultdict(list)
    for row in rows:
        found[row.instance_id].append(row)
    return found


async def count_open(database: Database) -> int:
    """How many instances have not ended."""
    async with database.transaction(Scope.system()) as tx:
        return int(await tx.fetch_value(_OPEN))


async def read_deliveries(database: Database) -> list[Delivery]:
    """The logs of all webhooks, the oldest line first."""
    async with database.transaction(Scope.system()) as tx:
        return msgspec.convert(await tx.fetch_all(_DELIVERIES), list[Delivery])


async def read_schedule_runs(database: Database) -> list[ScheduleRun]:
    """The journals of all schedules, the oldest line first."""
    async with database.transaction(Scope.system()) as tx:
        return msgspec.convert(await tx.fetch_all(_RUNS), list[ScheduleRun])


async def read_blobs(database: Database) -> set[str]:
    """The sha256 of every file the box says it has."""
    async with database.transaction(Scope.system()) as tx:
        return {row["sha256"] for row in await tx.fetch_all(_BLOBS)}
