"""From facts to a judgement: healthy, degraded or unhealthy, each with a sentence."""

import asyncio

from psycopg.errors import UndefinedTable
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.flow.messages import Gpu
from app.flow.wording import count, size
from app.kit.errors import StudioError, Unavailable
from app.kit.settings import Settings
from app.resources.infrastructure import facts
from app.resources.infrastructure.facts import DatabaseFacts, LaneFacts, RedisFacts, StorageFacts, WorkerFacts
from app.resources.infrastructure.schemas import Check, FullHealth, Health, RedisHealth, Status, WorkersHealth
from app.store.database import Database, Scope

SILENT = (RedisError, OSError, TimeoutError)
SPACE_LOW_BYTES = 2 * 1024**3  # a film or two; below this, steps begin to fail


class NotReady(Unavailable):
    """This box is not ready to serve."""


class Unhealthy(Unavailable):
    """This box is not healthy."""


async def refuse_unhealthy(database: Database) -> None:
    """Raises Unhealthy when the database does not answer: without it nothing works."""
    try:
        await facts.ask_database(database)
    except (StudioError, TimeoutError) as exc:
        raise Unhealthy("The database does not answer.") from exc


async def readiness(database: Database, redis: Redis) -> Health:
    """Whether to send people here. Raises NotReady with every reason.

    A silent Redis costs latency and nothing else, so it is told but does not close the door.
    """
    checks = {
        "database": await _database_check(database),
        "migrations": await _migrations_check(database),
        "redis": await _redis_check(redis),
    }
    faults = [check.detail for check in checks.values() if check.status == "unhealthy"]
    if faults:
        raise NotReady(" ".join(dict.fromkeys(faults)), checks=checks)
    return Health(status=worst(checks), checks=checks)


async def full(database: Database, redis: Redis, settings: Settings) -> FullHealth:
    """Every fact, and what it means. Raises DatabaseUnavailable: without it there is nothing to tell."""
    async with database.transaction(Scope.system()) as tx:
        about_database = await facts.database_facts(tx)
        rows = await facts.worker_rows(tx)
        lanes = await facts.lane_facts(tx, rows)
        storage = await facts.storage_facts(tx, settings)
    about_redis = await redis_health(redis)
    workers = facts.worker_facts(rows)
    checks = {
        "database": _connections_check(about_database),
        "migrations": _schema_check(about_database.schema, about_database.schema_wanted),
        "redis": Check(status=about_redis.status, detail=about_redis.detail),
        "workers": _workers_check(workers, lanes),
        "storage": _storage_check(storage),
    }
    return FullHealth(
        status=worst(checks),
        checks=checks,
        database=about_database,
        redis=about_redis.facts,
        storage=storage,
        workers=workers,
        lanes=lanes,
        gpus=_cards(workers),
    )


async def redis_health(redis: Redis) -> RedisHealth:
    """Redis, or why it does not answer."""
    try:
        found: RedisFacts = await facts.redis_facts(redis)
    except SILENT:
        return RedisHealth(status="degraded", detail=REDIS_SILENT, facts=None)
    detail = f"Redis {found.version}, {size(found.memory_used_bytes)}, {count(found.clients, 'client')}."
    return RedisHealth(status="healthy", detail=detail, facts=found)


async def workers_health(database: Database) -> WorkersHealth:
    """Who works, and what waits."""
    async with database.transaction(Scope.system()) as tx:
        rows = await facts.worker_rows(tx)
        lanes = await facts.lane_facts(tx, rows)
    workers = facts.worker_facts(rows)
    check = _workers_check(workers, lanes)
    return WorkersHealth(status=check.status, detail=check.detail, workers=workers, lanes=lanes)


def worst(checks: dict[str, Check]) -> Status:
    """The whole is as well as its worst part."""
    found: set[Status] = {check.status for check in checks.values()}
    if "unhealthy" in found:
        return "unhealthy"
    return "degraded" if "degraded" in found else "healthy"


REDIS_SILENT = "Redis does not answer; steps still run, only later."


async def _database_check(database: Database) -> Check:
    try:
        await facts.ask_database(database)
    except (StudioError, TimeoutError):
        return Check(status="unhealthy", detail="The database does not answer.")
    return Check(status="healthy", detail="The database answers.")


async def _migrations_check(database: Database) -> Check:
    try:
        async with asyncio.timeout(facts.PROBE_TIMEOUT_S), database.transaction(Scope.nobody()) as tx:
            return _schema_check(await facts.schema_present(tx), facts.schema_wanted())
    except UndefinedTable:  # nobody has migrated this database yet
        return _schema_check(None, facts.schema_wanted())
    except (StudioError, TimeoutError):
        return Check(status="unhealthy", detail="The database does not answer.")


async def _redis_check(redis: Redis) -> Check:
    try:
        await facts.ask_redis(redis)
    except SILENT:
        return Check(status="degraded", detail=REDIS_SILENT)
    return Check(status="healthy", detail="Redis answers.")


def _schema_check(present: str | None, wanted: str) -> Check:
    if present == wanted:
        return Check(status="healthy", detail=f"The schema is {wanted}.")
    return Check(
        status="unhealthy",
        detail=f"The schema is {present or 'missing'}, this version wants {wanted}; restart Studio.",
    )


def _connections_check(found: DatabaseFacts) -> Check:
    detail = (
        f"Postgres {found.version}, {size(found.size_bytes)}, "
        f"{found.connections} of {found.connections_max} connections."
    )
    is_crowded = found.connections > 0.9 * found.connections_max
    return Check(status="degraded" if is_crowded else "healthy", detail=detail)


def _workers_check(workers: list[WorkerFacts], lanes: list[LaneFacts]) -> Check:
    alive = sum(worker.is_alive for worker in workers)
    starved = [lane.lane.value for lane in lanes if lane.queued and not lane.workers]
    if starved:
        waits = " and ".join(starved)
        return Check(status="degraded", detail=f"Steps wait on the {waits} lane, and no worker serves it.")
    silent = [worker.name for worker in workers if not worker.is_alive]
    if silent:
        return Check(status="degraded", detail=f"Not heard of for a while: {', '.join(silent)}.")
    if not alive:
        return Check(status="degraded", detail="No worker is registered.")
    queued = sum(lane.queued for lane in lanes)
    return Check(status="healthy", detail=f"{alive} at work, {count(queued, 'step')} waiting.")


def _storage_check(found: StorageFacts) -> Check:
    detail = f"{size(found.free_bytes)} of {size(found.total_bytes)} free."
    return Check(status="degraded" if found.free_bytes < SPACE_LOW_BYTES else "healthy", detail=detail)


def _cards(workers: list[WorkerFacts]) -> list[Gpu]:
    """Every card once: several workers of one host see the same."""
    cards = {(worker.host, card.index): card for worker in workers if worker.is_alive for card in worker.gpus}
    return [cards[key] for key in sorted(cards)]
