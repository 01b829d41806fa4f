"""Facts about the box, asked of the parts themselves: Postgres, Redis, the queues, workers and the volume."""

import asyncio
import functools
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.flow.messages import Gpu, Lane
from app.kit.settings import Settings
from app.resources.workers import model as workers
from app.resources.workers.model import WorkerRow
from app.store.database import Database, Scope, Transaction

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
PROBE_TIMEOUT_S = 2.0  # a probe that hangs is worse than one that fails


class DatabaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Postgres, as it says itself."""

    version: str
    size_bytes: int
    connections: int
    connections_max: int
    started_at: datetime
    schema: str
    schema_wanted: str


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Redis, as it says itself."""

    version: str
    memory_used_bytes: int
    memory_max_bytes: int | None  # None: no limit set
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
    """One worker, as it reported last."""

    id: str
    name: str
    host: str
    version: str
    lanes: dict[str, int]
    is_alive: bool
    last_seen_at: datetime
    memory_used_bytes: int | None
    gpus: list[Gpu]


class StorageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The volume, and what the files of the box take of it."""

    free_bytes: int
    used_bytes: int
    total_bytes: int
    blobs: int
    blobs_bytes: int


@functools.cache
def schema_wanted() -> str:
    """The newest revision this version carries; its files are named by their revisions, in order."""
    return max(file.stem for file in MIGRATIONS.glob("[0-9]*.py"))


async def schema_present(tx: Transaction) -> str | None:
    """The revision the database is at."""
    found: str | None = await tx.fetch_value("SELECT version_num FROM alembic_version")
    return found


async def ask_database(database: Database) -> None:
    """Raises DatabaseUnavailable (or TimeoutError) when it does not answer."""
    async with asyncio.timeout(PROBE_TIMEOUT_S), database.transaction(Scope.nobody()) as tx:
        await tx.fetch_value("SELECT 1")


async def ask_redis(redis: Redis) -> None:
    """Raises RedisError, OSError or TimeoutError when it does not answer."""
    async with asyncio.timeout(PROBE_TIMEOUT_S):
        if not await redis.ping():
            raise RedisError("no answer to PING")


async def database_facts(tx: Transaction) -> DatabaseFacts:
    """Version, size and connections."""
    row = await tx.fetch_one(
        """
        SELECT current_setting('server_version') AS version,
               pg_database_size(current_database()) AS size_bytes,
               (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
               current_setting('max_connections')::int AS connections_max,
               pg_postmaster_start_time() AS started_at
        """
    )
    present = await schema_present(tx)
    return DatabaseFacts(**(row or {}), schema=present or "none", schema_wanted=schema_wanted())


async def redis_facts(redis: Redis) -> RedisFacts:
    """Version, memory and clients. Raises RedisError, OSError or TimeoutError."""
    async with asyncio.timeout(PROBE_TIMEOUT_S):
        said: dict[str, Any] = await redis.info()
    return RedisFacts(
        version=str(said["redis_version"]),
        memory_used_bytes=int(said["used_memory"]),
        memory_max_bytes=int(said.get("maxmemory", 0)) or None,
        clients=int(said["connected_clients"]),
        uptime_s=int(said["uptime_in_seconds"]),
    )


async def worker_rows(tx: Transaction) -> list[WorkerRow]:
    """Every worker that has not left."""
    return await workers.list_present(tx)


def worker_facts(rows: list[WorkerRow]) -> list[WorkerFacts]:
    """Workers as the super admin sees them."""
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
        )
        for row in rows
    ]


async def lane_facts(tx: Transaction, rows: list[WorkerRow]) -> list[LaneFacts]:
    """The two lanes that workers serve, from the attempts themselves; needs the system scope."""
    counted = {
        row["lane"]: row
        for row in await tx.fetch_all(
            """
            SELECT lane,
                   count(*) FILTER (WHERE status = 'queued' AND available_at <= now()) AS queued,
                   count(*) FILTER (WHERE status = 'leased') AS leased,
                   extract(epoch FROM now() - min(available_at) FILTER (
                       WHERE status = 'queued' AND available_at <= now()))::float8 AS oldest_wait_s
              FROM attempts WHERE status IN ('queued', 'leased') GROUP BY lane
            """
        )
    }
    found = []
    for lane in (Lane.cpu, Lane.gpu):
        row = counted.get(lane.value, {})
        slots = [one.slots for worker in rows if worker.is_alive for one in worker.lanes if one.lane is lane]
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


async def storage_facts(tx: Transaction, settings: Settings) -> StorageFacts:
    """Free and used space of the volume, and the sum of all stored files."""
    usage = await asyncio.to_thread(shutil.disk_usage, settings.workspace)
    row = await tx.fetch_one("SELECT count(*) AS n, coalesce(sum(size_bytes), 0)::bigint AS size FROM blobs")
    return StorageFacts(
        free_bytes=usage.free,
        used_bytes=usage.used,
        # Not the whole disk: what the file system keeps for root is free for nobody here.
        total_bytes=usage.used + usage.free,
        blobs=row["n"] if row else 0,
        blobs_bytes=row["size"] if row else 0,
    )
