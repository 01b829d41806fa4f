"""Workers as rows, and every question asked of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from app.flow.messages import LEASE_S, Gpu, Heartbeat, Lane, LaneSlots, Register
from app.kit.ids import WorkerId, new_id
from app.store.database import Row, Transaction, jsonb

ALIVE_S: Final = LEASE_S  # after four missed heartbeats a worker counts as silent


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One worker. `is_alive`: heard of within a lease."""

    id: WorkerId
    name: str
    host: str
    pid: int
    version: str
    lanes: list[LaneSlots]
    gpus: list[Gpu]
    status: dict[str, Any]
    registered_at: datetime
    last_seen_at: datetime
    left_at: datetime | None
    is_alive: bool


class HeldRow(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt a worker holds just now."""

    worker_id: UUID
    attempt_id: UUID
    instance_id: UUID
    step_id: UUID
    node_id: str
    kind: str
    lane: str
    claimed_at: datetime


_WORKER: Final = (
    "id, name, host, pid, version, lanes, gpus, status, registered_at, last_seen_at, left_at, "
    "left_at IS NULL AND last_seen_at > now() - make_interval(secs => %(alive_s)s) AS is_alive"
)


async def add(tx: Transaction, worker: Register, token_hash: bytes) -> WorkerId:
    """A new worker."""
    worker_id = WorkerId(new_id())
    # A worker that was started again on the same machine still misses the card that its predecessor lost.
    cards = await tx.fetch_value(
        "SELECT max((status->>'gpus_at_start')::int) FROM workers "
        "WHERE name = %(name)s AND process_table = %(table)s",
        {"name": worker.name, "table": worker.process_table},
    )
    await tx.execute(
        "INSERT INTO workers "
        "(id, name, host, pid, version, lanes, token_hash, gpus, status, box_id, process_table) "
        "VALUES (%(id)s, %(name)s, %(host)s, %(pid)s, %(version)s, %(lanes)s, %(token_hash)s, %(gpus)s, "
        "%(status)s, %(box_id)s, %(process_table)s)",
        {
            "id": worker_id,
            "name": worker.name,
            "host": worker.host,
            "pid": worker.pid,
            "version": worker.version,
            "lanes": jsonb(worker.lanes),
            "token_hash": token_hash,
            "gpus": jsonb(worker.gpus),
            "status": jsonb({"gpus_at_start": max(cards or 0, len(worker.gpus))}),
            "box_id": worker.box_id,
            "process_table": worker.process_table,
        },
    )
    return worker_id


async def present_in(tx: Transaction, process_table: str) -> list[tuple[WorkerId, int]]:
    """The workers of a process table that have not left, with their process ids."""
    rows = await tx.fetch_all(
        "SELECT id, pid FROM workers WHERE process_table = %(table)s AND left_at IS NULL",
        {"table": process_table},
    )
    return [(WorkerId(row["id"]), row["pid"]) for row in rows]


async def note_beat(tx: Transaction, worker_id: WorkerId, beat: Heartbeat) -> None:
    """A worker is alive, and this is how it is."""
    status = {"memory_used_bytes": beat.memory_used_bytes, "resident_models": beat.resident_models}
    await tx.execute(
        "UPDATE workers SET last_seen_at = now(), gpus = %(gpus)s, status = status || %(status)s "
        "WHERE id = %(id)s",
        {"id": worker_id, "gpus": jsonb(beat.gpus), "status": jsonb(status)},
    )


async def note_left(tx: Transaction, worker_id: WorkerId) -> bool:
    """A worker is gone; its token counts no longer. False when that was known."""
    return bool(
        await tx.execute(
            "UPDATE workers SET left_at = now() WHERE id = %(id)s AND left_at IS NULL", {"id": worker_id}
        )
    )


async def note_silent(tx: Transaction, after_s: float) -> list[tuple[WorkerId, str]]:
    """Workers not heard of for this long count as gone; which they are."""
    rows = await tx.fetch_all(
        "UPDATE workers SET left_at = now(), status = status || '{\"went_silent\": true}' "
        "WHERE left_at IS NULL AND last_seen_at < now() - make_interval(secs => %(after_s)s) "
        "RETURNING id, name",
        {"after_s": after_s},
    )
    return [(WorkerId(row["id"]), row["name"]) for row in rows]


async def forget_left(tx: Transaction, after_s: float) -> int:
    """Remove workers that left long ago; how many."""
    return await tx.execute(
        "DELETE FROM workers WHERE left_at < now() - make_interval(secs => %(after_s)s)", {"after_s": after_s}
    )


async def list_present(tx: Transaction) -> list[WorkerRow]:
    """Every worker that has not left, by name."""
    rows = await tx.fetch_all(
        f"SELECT {_WORKER} FROM workers WHERE left_at IS NULL ORDER BY name, id",  # noqa: S608  columns only
        {"alive_s": ALIVE_S},
    )
    return [msgspec.convert(row, WorkerRow) for row in rows]


async def list_missing(tx: Transaction, within_s: float) -> list[Row]:
    """Workers that went silent within this time, without a goodbye and without a successor of their name."""
    return await tx.fetch_all(
        """
        SELECT DISTINCT ON (name) name, last_seen_at FROM workers w
         WHERE left_at IS NOT NULL AND status @> '{"went_silent": true}'
           AND last_seen_at > now() - make_interval(secs => %(within_s)s)
           AND NOT EXISTS (SELECT FROM workers o WHERE o.name = w.name AND o.registered_at > w.registered_at)
         ORDER BY name, last_seen_at DESC
        """,
        {"within_s": within_s},
    )


async def held_by(tx: Transaction, worker_ids: Sequence[WorkerId]) -> list[HeldRow]:
    """What these workers do, as far as the transaction's organization may see it."""
    rows = await tx.fetch_all(
        "SELECT a.worker_id, a.id AS attempt_id, a.instance_id, a.step_id, s.node_id, s.kind, a.lane, "
        "a.claimed_at FROM attempts a JOIN steps s ON s.id = a.step_id "
        "WHERE a.status = 'leased' AND a.worker_id = ANY(%(workers)s) ORDER BY a.claimed_at",
        {"workers": list(worker_ids)},
    )
    return [msgspec.convert(row, HeldRow) for row in rows]


async def served_lanes(tx: Transaction) -> set[Lane]:
    """The lanes that some living worker takes work from."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT lane->>'lane' AS lane FROM workers, jsonb_array_elements(lanes) AS lane "
        "WHERE left_at IS NULL AND last_seen_at > now() - make_interval(secs => %(alive_s)s)",
        {"alive_s": ALIVE_S},
    )
    return {Lane(row["lane"]) for row in rows}


async def may_read(tx: Transaction, worker_id: WorkerId, sha256: str) -> bool:
    """Whether an attempt this worker holds names these bytes in its inputs, and its organization has them."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM attempts a JOIN steps s ON s.id = a.step_id "
            "WHERE a.worker_id = %(worker)s AND a.status = 'leased' "
            "AND jsonb_path_exists(s.inputs, '$.**.sha256 ? (@ == $sha256)', %(names)s) "
            "AND EXISTS (SELECT FROM assets f "
            "WHERE f.sha256 = %(sha256)s AND f.organization_id = s.organization_id))",
            {"worker": worker_id, "sha256": sha256, "names": jsonb({"sha256": sha256})},
        )
    )


async def holds_any(tx: Transaction, worker_id: WorkerId) -> bool:
    """Whether this worker holds any attempt at all."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM attempts WHERE worker_id = %(worker)s AND status = 'leased')",
            {"worker": worker_id},
        )
    )
