"""Facts about the box, asked of the parts themselves: Postgres, Redis, the queues, workers and the volume.

Each is a function of the `Box` that is looked at; `box.see(database_facts)` asks once a look.
"""

import asyncio
import functools
import platform
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from app.flow.messages import Gpu, Lane
from app.kit.settings import Settings
from app.kit.version import studio_version
from app.kit.volume import ROOM_FILE, VOLUME_FILE, Mode, Room, RoomState, Volume, read
from app.resources.infrastructure.looking import Box
from app.resources.infrastructure.noted import Noted, Notes
from app.resources.workers import model as workers
from app.resources.workers.model import HeldRow, WorkerRow
from app.resources.workers.schemas import HeldAttempt
from app.store.database import Row, Scope, Transaction

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
MISSING_FOR_S: Final = 3600.0  # so long a worker that went silent is told, should it not come back


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Postgres, as it says itself."""

    version: str
    size_bytes: int
    connections: int
    connections_max: int
    oldest_transaction_s: float  # 0 when nobody else is in one
    wal_bytes: int | None  # None: this login may not ask
    started_at: datetime
    schema: str
    schema_wanted: str


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Redis, as it says itself."""

    version: str
    memory_used_bytes: int
    memory_max_bytes: int | None  # None: no limit set
    evicted_keys: int  # since it started
    clients: int
    uptime_s: int


class LaneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What waits on a lane and who takes from it."""

    lane: Lane
    queued: int
    leased: int
    oldest_wait_s: float | None
    workers: int
    slots: int


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One worker, as it reported last. `gpus_missing`: cards that it began with and no longer sees."""

    id: str
    name: str
    host: str
    version: str
    lanes: dict[str, int]
    is_alive: bool
    last_seen_at: datetime
    memory_used_bytes: int | None
    gpus: list[Gpu]
    gpus_missing: int
    attempts: list[HeldAttempt]


class MissingWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that went silent, and no other of its name has come since."""

    name: str
    last_seen_at: datetime


class VolumeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the last boot saw the volume do, and what it chose because of it."""

    mode: Mode
    promise: str
    file_system: str
    missing: list[str]  # what the file system cannot do, in words
    fsync_s: float | None


class StorageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The volume, what may be used of it, and what takes how much."""

    volume: VolumeFacts | None = None  # None: no boot has looked at it
    state: RoomState = RoomState.open
    sentence: str = ""  # why nothing new is taken in; empty while it is
    remedy: str = ""
    risk: str = ""  # what could be lost now that could not be lost else
    free_bytes: int
    used_bytes: int
    total_bytes: int
    quota_bytes: int | None = None
    reserve_bytes: int = 0
    blobs: int
    blobs_bytes: int
    kinds: dict[str, int]  # bytes by kind; the folders as the daemon measured them last
    measured_at: datetime | None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Which programs these are."""

    studio: str
    python: str
    postgres: str
    redis: str | None
    workers: dict[str, str]  # by name


_LANES: Final = """
SELECT lane,
       count(*) FILTER (WHERE status = 'queued' AND available_at <= now()) AS queued,
       count(*) FILTER (WHERE status = 'leased') AS leased,
       extract(epoch FROM now() - min(available_at) FILTER (
           WHERE status = 'queued' AND available_at <= now()))::float8 AS oldest_wait_s
  FROM attempts WHERE status IN ('queued', 'leased') GROUP BY lane
"""
_INSTANCES: Final = """
SELECT status, count(*) AS n FROM instances WHERE status IN ('pending', 'running', 'waiting') GROUP BY status
"""


@functools.cache
def schema_wanted() -> str:
    """The newest revision this version carries; its files are named by their revisions, in order."""
    return max(file.stem for file in MIGRATIONS.glob("[0-9]*.py"))


async def schema_present(tx: Transaction) -> str | None:
    """The revision the database is at."""
    found: str | None = await tx.fetch_value("SELECT version_num FROM alembic_version")
    return found


async def ask_database(box: Box) -> None:
    """Raises DatabaseUnavailable when it does not answer."""
    async with box.database.transaction(Scope.nobody()) as tx:
        await tx.fetch_value("SELECT 1")


async def ask_redis(box: Box) -> None:
    """Raises RedisError or OSError when it does not answer."""
    if not await box.redis.ping():
        raise RedisError("no answer to PING")


async def database_facts(box: Box) -> DatabaseFacts:
    """Version, size, connections, the oldest transaction and the log of changes."""
    async with box.database.transaction(Scope.nobody()) as tx:
        row = await tx.fetch_one(
            """
            SELECT current_setting('server_version') AS version,
                   pg_database_size(current_database()) AS size_bytes,
                   (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
                   current_setting('max_connections')::int AS connections_max,
                   coalesce((SELECT extract(epoch FROM clock_timestamp() - min(xact_start))
                               FROM pg_stat_activity
                              WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0)::float8
                       AS oldest_transaction_s,
                   CASE WHEN pg_has_role('pg_monitor', 'USAGE')
                        THEN (SELECT sum(size)::bigint FROM pg_ls_waldir()) END AS wal_bytes,
                   pg_postmaster_start_time() AS started_at
            """
        )
        present = await schema_present(tx)
    return DatabaseFacts(**(row or {}), schema=present or "none", schema_wanted=schema_wanted())


async def redis_facts(box: Box) -> RedisFacts:
    """Version, memory and clients. Raises RedisError or OSError."""
    said: dict[str, Any] = await box.redis.info()
    return RedisFacts(
        version=str(said["redis_version"]),
        memory_used_bytes=int(said["used_memory"]),
        memory_max_bytes=int(said.get("maxmemory", 0)) or None,
        evicted_keys=int(said.get("evicted_keys", 0)),
        clients=int(said["connected_clients"]),
        uptime_s=int(said["uptime_in_seconds"]),
    )


class AtWork(msgspec.Struct, frozen=True, kw_only=True):
    """Who works and what there is to do, at one moment: what most looks want to know of the engine."""

    workers: list[WorkerRow]
    missing: list[MissingWorker]
    held: list[HeldRow]
    lanes: dict[str, Row]
    instances: dict[str, int]  # those that have not ended, by status


async def at_work(box: Box) -> AtWork:
    """In one transaction, because a look is taken every few seconds."""
    async with box.database.transaction(Scope.system()) as tx:
        rows = await workers.list_present(tx)
        return AtWork(
            workers=rows,
            missing=[
                msgspec.convert(row, MissingWorker) for row in await workers.list_missing(tx, MISSING_FOR_S)
            ],
            held=await workers.held_by(tx, [row.id for row in rows]),
            lanes={row["lane"]: row for row in await tx.fetch_all(_LANES)},
            instances={row["status"]: row["n"] for row in await tx.fetch_all(_INSTANCES)},
        )


async def worker_rows(box: Box) -> list[WorkerRow]:
    """Every worker that has not left."""
    return (await box.see(at_work)).workers


async def missing_workers(box: Box) -> list[MissingWorker]:
    """Workers that went silent within the last hour, without a successor."""
    return (await box.see(at_work)).missing


async def worker_facts(box: Box) -> list[WorkerFacts]:
    """Workers as the super admin sees them, with everything they hold."""
    now = await box.see(at_work)
    return [
        WorkerFacts(
            id=str(row.id),
            name=row.name,
            host=row.host,
            version=row.version,
            lanes={one.lane.value: one.slots for one in row.lanes},
            is_alive=row.is_alive,
            last_seen_at=row.last_seen_at,
            memory_used_bytes=row.status.get("memory_used_bytes"),
            gpus=row.gpus,
            gpus_missing=max(0, row.status.get("gpus_at_start", 0) - len(row.gpus)),
            attempts=[HeldAttempt.of(one) for one in now.held if one.worker_id == row.id],
        )
        for row in now.workers
    ]


async def cards(box: Box) -> list[Gpu]:
    """Every card once: several workers of one host see the same.

    An error of the driver is heard only by those that were there, so whoever tells of one is believed.
    """
    found: dict[tuple[str, int], Gpu] = {}
    for worker in await box.see(worker_rows):
        for card in worker.gpus if worker.is_alive else ():
            key = worker.host, card.index
            if key not in found or found[key].xid is None:
                found[key] = card
    return [found[key] for key in sorted(found)]


async def lane_facts(box: Box) -> list[LaneFacts]:
    """The two lanes that workers serve, from the attempts themselves."""
    now = await box.see(at_work)
    found = []
    for lane in (Lane.cpu, Lane.gpu):
        row = now.lanes.get(lane.value, {})
        slots = [
            one.slots for worker in now.workers if worker.is_alive for one in worker.lanes if one.lane is lane
        ]
        found.append(
            LaneFacts(
                lane=lane,
                queued=row.get("queued", 0),
                leased=row.get("leased", 0),
                oldest_wait_s=row.get("oldest_wait_s"),
                workers=len(slots),
                slots=sum(slots),
            )
        )
    return found


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon measured on the volume; see `survey.py`."""

    folders: dict[str, int]  # bytes by kind
    blobs: int
    blobs_bytes: int


async def notes(box: Box) -> Notes:
    """What the daemon has found out."""
    async with box.database.transaction(Scope.nobody()) as tx:
        return await Notes.read(tx)


async def survey(box: Box) -> Noted[Survey] | None:
    """The last one; None on a box that has not measured yet."""
    return (await box.see(notes)).recall("storage", Survey)


async def storage_facts(box: Box) -> StorageFacts:
    """Free and used space now, and what takes how much of it."""
    found, room = await asyncio.to_thread(_volume, box.settings)
    last, database = await box.see(survey), await box.see(database_facts)
    kinds = {"database": database.size_bytes}
    if database.wal_bytes is not None:
        kinds["database log"] = database.wal_bytes
    if last is not None:
        kinds |= {"files": last.value.blobs_bytes, **last.value.folders}
    return StorageFacts(
        volume=None if found is None else _volume_facts(found),
        state=room.state,
        sentence=room.sentence,
        remedy=room.remedy,
        risk=room.risk,
        free_bytes=room.free_bytes,
        used_bytes=room.used_bytes,
        total_bytes=room.total_bytes,
        quota_bytes=room.quota_bytes,
        reserve_bytes=room.reserve_bytes,
        blobs=last.value.blobs if last else 0,
        blobs_bytes=last.value.blobs_bytes if last else 0,
        kinds=kinds,
        measured_at=last.noted_at if last else None,
    )


async def versions(box: Box) -> Versions:
    """Of everything that has one."""
    try:
        redis: str | None = (await box.see(redis_facts)).version
    except (RedisError, OSError):
        redis = None
    return Versions(
        studio=studio_version(),
        python=platform.python_version(),
        postgres=(await box.see(database_facts)).version.split(" ", 1)[0],
        redis=redis,
        workers={row.name: row.version for row in await box.see(worker_rows)},
    )


def _volume(settings: Settings) -> tuple[Volume | None, Room]:
    """What the boot wrote of the volume; without a boot what the file system says."""
    room = read(settings.run_dir / ROOM_FILE, Room)
    if room is None:
        usage = shutil.disk_usage(settings.workspace)
        # Not the whole disk: what the file system keeps for root is free for nobody here.
        total = usage.used + usage.free
        room = Room(free_bytes=usage.free, used_bytes=usage.used, total_bytes=total)
    return read(settings.run_dir / VOLUME_FILE, Volume), room


def _volume_facts(found: Volume) -> VolumeFacts:
    return VolumeFacts(
        mode=found.mode,
        promise=found.promise,
        file_system=found.probe.file_system,
        missing=found.probe.missing(),
        fsync_s=found.probe.fsync_s,
    )
