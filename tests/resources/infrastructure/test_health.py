"""Probes tell the truth: a part that is away shows, and only what matters closes the door."""

import httpx
import msgspec
import pytest

from app.flow.wording import size
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.infrastructure import facts
from app.resources.infrastructure.facts import schema_wanted
from app.server.application import create_app
from app.store.database import Database, Scope, Transaction
from tests.lifespan import running
from tests.people import People, gathering, problem

NOWHERE = "postgresql://studio_app:x@/studio?host=%2Fnowhere"


async def test_a_well_box_says_so_to_everyone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "healthy"}
    assert (await client.get("/livez")).json() == {"status": "alive"}
    ready = (await client.get("/readyz")).json()
    assert {name: check["status"] for name, check in ready["checks"].items()} == {
        "database": "healthy",
        "migrations": "healthy",
        "redis": "healthy",
    }
    assert (await client.head("/health")).status_code == 200


async def test_the_newest_migration_is_the_one_the_box_wants(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        assert await tx.fetch_value("SELECT version_num FROM alembic_version") == schema_wanted()


async def test_without_its_database_the_box_is_alive_but_not_ready(
    settings: Settings, database: Database
) -> None:
    lost = msgspec.structs.replace(
        settings, database=msgspec.structs.replace(settings.database, app_url=NOWHERE)
    )
    app = create_app(lost)
    async with running(app), gathering(app, database, lost) as people:
        client = people.stranger()
        assert (await client.get("/livez")).status_code == 200
        assert "database" in problem(await client.get("/health"), 503)["detail"]
        found = problem(await client.get("/readyz"), 503)
        assert found["checks"]["database"]["status"] == "unhealthy"
        assert found["checks"]["redis"]["status"] == "healthy"
        login = {"email": "a@example.org", "password": "x"}
        problem(await client.post("/api/v1/auth/login", json=login), 503)


async def test_a_database_nobody_migrated_is_not_ready_and_says_why(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asks_what_is_not_there(tx: Transaction) -> None:
        await tx.fetch_value("SELECT version_num FROM alembic_version_of_another_box")

    monkeypatch.setattr(facts, "schema_present", asks_what_is_not_there)
    check = problem(await client.get("/readyz"), 503)["checks"]["migrations"]
    assert check["status"] == "unhealthy" and "missing" in check["detail"]


async def test_a_schema_that_does_not_answer_in_time_is_not_ready(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asks_for_ever(tx: Transaction) -> None:
        await tx.fetch_value("SELECT pg_sleep(30)")

    monkeypatch.setattr(facts, "schema_present", asks_for_ever)
    monkeypatch.setattr(facts, "PROBE_TIMEOUT_S", 0.5)
    found = problem(await client.get("/readyz"), 503)
    assert found["checks"]["migrations"]["status"] == "unhealthy"


async def test_without_redis_the_box_stays_open_and_says_so(settings: Settings, database: Database) -> None:
    lost = msgspec.structs.replace(
        settings, redis=msgspec.structs.replace(settings.redis, url="unix:///nowhere/redis.sock")
    )
    app = create_app(lost)
    async with running(app), gathering(app, database, lost) as people:
        ready = await people.stranger().get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        chief = await people.member(is_super_admin=True)
        about = (await chief.client.get("/api/v1/infrastructure/health/redis")).json()
        assert (about["status"], about["facts"]) == ("degraded", None)


async def test_the_super_admin_sees_the_whole_box(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)
    full = (await chief.client.get("/api/v1/infrastructure/health/full")).json()
    assert set(full["checks"]) == {"database", "migrations", "redis", "workers", "storage"}
    assert full["database"]["connections"] >= 1
    assert full["database"]["schema"] == schema_wanted()
    assert full["redis"]["memory_used_bytes"] > 0
    storage = full["storage"]
    assert storage["free_bytes"] > 0
    # Otherwise a disk that is full for us would not look full, and the page would say two sizes.
    assert storage["total_bytes"] == storage["used_bytes"] + storage["free_bytes"]
    free, total = size(storage["free_bytes"]), size(storage["total_bytes"])
    assert full["checks"]["storage"]["detail"] == f"{free} of {total} free."
    assert [lane["lane"] for lane in full["lanes"]] == ["cpu", "gpu"]
    short = (await chief.client.get("/api/v1/infrastructure/health")).json()
    assert set(short) == {"status", "checks"}
    workers = (await chief.client.get("/api/v1/infrastructure/health/workers")).json()
    assert workers["lanes"]
