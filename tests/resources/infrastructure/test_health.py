"""Probes tell the truth: a part that is away shows, and only what matters closes the door."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from app.kit.clock import now
from app.kit.ids import new_id
from app.kit.settings import Settings
from app.kit.volume import ROOM_FILE, Reason, Room, RoomState, write
from app.resources.accounts.roles import Role
from app.resources.infrastructure import checks, facts, looking, noted, service
from app.resources.infrastructure.checks import (
    certificate,
    clock,
    daemon,
    gpus,
    lanes,
    storage,
    versions,
    workers,
)
from app.resources.infrastructure.checks import database as database_check
from app.resources.infrastructure.checks import redis as redis_check
from app.resources.infrastructure.facts import schema_wanted
from app.resources.infrastructure.looking import Box, Finding, degraded, healthy, look_around, worst
from app.resources.infrastructure.outside import FACT, Outside
from app.server.application import create_app
from app.store.bus import connect
from app.store.database import Database, Scope, Transaction, jsonb
from tests.lifespan import running
from tests.people import People, gathering, problem

AWAY = "urn:studio:problem:volume-away"
NOWHERE = "postgresql://studio_app:x@/studio?host=%2Fnowhere"


@pytest.fixture
async def box(settings: Settings, database: Database) -> Box:
    """One look at the session's box."""
    return Box(settings, database, connect(settings.redis.url))


@pytest.fixture(autouse=True)
async def no_workers(database: Database) -> None:
    """Workers belong to the box, and other tests leave some."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM workers")


async def add_worker(database: Database, *, seen_s_ago: float = 0.0, **more: object) -> str:
    """A worker as it is kept; its name."""
    row = {
        "name": f"w-{new_id().hex[-6:]}",
        "gpus": [],
        "status": {},
        "left": False,
        "version": "0.1.0",
    } | more
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            "INSERT INTO workers (id, name, host, pid, version, lanes, token_hash, gpus, status, "
            "last_seen_at, registered_at, left_at) VALUES (%(id)s, %(name)s, 'here', 1, %(version)s, "
            '\'[{"lane": "cpu", "slots": 2}]\', %(id)s::text::bytea, %(gpus)s, %(status)s, '
            "now() - make_interval(secs => %(ago)s), now() - make_interval(secs => %(ago)s + 60), "
            "CASE WHEN %(left)s THEN now() END)",
            {
                **row,
                "id": new_id(),
                "ago": seen_s_ago,
                "gpus": jsonb(row["gpus"]),
                "status": jsonb(row["status"]),
            },
        )
    return str(row["name"])


def assert_tells(finding: Finding | None, status: str, *words: str) -> None:
    """A finding of this status that says these words, with a remedy unless all is well."""
    assert finding is not None
    assert finding.status == status, finding
    assert bool(finding.remedy) == (status != "healthy"), finding
    for word in words:
        assert word in finding.detail, finding


async def test_a_well_box_says_so_to_everyone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "healthy"}
    assert (await client.get("/livez")).json() == {"status": "alive"}
    ready = (await client.get("/readyz")).json()
    assert {name: check["status"] for name, check in ready["checks"].items()} == {
        "database": "healthy",
        "migrations": "healthy",
        "redis": "healthy",
    }
    assert not any(check["facts"] for check in ready["checks"].values()), "numbers are for the super admin"
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
        away = problem(await client.get("/health"), 503)
        assert "database" in away["detail"] and away["remedy"]
        found = problem(await client.get("/readyz"), 503)
        assert found["checks"]["database"]["status"] == "unhealthy"
        assert found["checks"]["database"]["remedy"] in found["remedy"]
        assert found["checks"]["redis"]["status"] == "healthy"
        login = {"email": "a@example.org", "password": "x"}
        problem(await client.post("/api/v1/auth/login", json=login), 503)


async def test_a_database_that_is_silent_because_of_its_volume_is_told_as_that(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    lost = msgspec.structs.replace(
        settings, run_dir=tmp_path, database=msgspec.structs.replace(settings.database, app_url=NOWHERE)
    )
    write(
        tmp_path / ROOM_FILE, Room(state=RoomState.shut, reason=Reason.read_only, sentence="W.", remedy="M.")
    )
    app = create_app(lost)
    async with running(app), gathering(app, database, lost) as people:
        client = people.stranger()
        login = await client.post("/api/v1/auth/login", json={"email": "a@example.org", "password": "x"})
        refused = problem(login, 503)
        assert (refused["type"], refused["detail"], refused["remedy"]) == (AWAY, "W.", "M.")
        for path in ("/health", "/readyz"):
            away = problem(await client.get(path), 503)
            assert (away["detail"], away["remedy"]) == ("The database does not answer. W.", "M.")
        write(
            tmp_path / ROOM_FILE, Room(state=RoomState.closed, reason=Reason.full, sentence="F.", remedy="M.")
        )
        away = problem(await client.get("/health"), 503)
        assert away["detail"] == "The database does not answer.", "a full volume is no reason"


async def test_a_database_nobody_migrated_is_not_ready_and_says_why(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asks_what_is_not_there(tx: Transaction) -> None:
        await tx.fetch_value("SELECT version_num FROM alembic_version_of_another_box")

    monkeypatch.setattr(facts, "schema_present", asks_what_is_not_there)
    check = problem(await client.get("/readyz"), 503)["checks"]["migrations"]
    assert check["status"] == "unhealthy" and "missing" in check["detail"]


async def test_a_check_that_does_not_end_in_time_is_never_green_and_closes_the_door(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asks_for_ever(tx: Transaction) -> None:
        await tx.fetch_value("SELECT pg_sleep(30)")

    monkeypatch.setattr(facts, "schema_present", asks_for_ever)
    monkeypatch.setattr(looking, "PATIENCE_S", 0.5)
    found = problem(await client.get("/readyz"), 503)
    assert found["checks"]["migrations"]["status"] == "unknown"


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
        assert about["checks"]["redis"]["remedy"]


async def test_the_super_admin_sees_the_whole_box(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)
    full = (await chief.client.get("/api/v1/infrastructure/health/full")).json()
    always = {"database", "migrations", "redis", "workers", "lanes", "storage", "clock", "daemon", "versions"}
    assert always <= set(full["checks"])
    assert all(one["remedy"] for one in full["checks"].values() if one["status"] != "healthy")
    assert full["database"]["connections"] >= 1 and full["database"]["wal_bytes"] > 0
    assert full["database"]["schema"] == schema_wanted()
    assert full["redis"]["memory_used_bytes"] > 0
    room = full["storage"]
    # Otherwise a disk that is full for us would not look full, and the page would say two sizes.
    assert room["total_bytes"] == room["used_bytes"] + room["free_bytes"]
    assert full["checks"]["storage"]["facts"]["free_bytes"] == room["free_bytes"], "asked once a look"
    assert [lane["lane"] for lane in full["lanes"]] == ["cpu", "gpu"]
    short = (await chief.client.get("/api/v1/infrastructure/health")).json()
    assert set(short) == {"status", "checks"}
    about_workers = (await chief.client.get("/api/v1/infrastructure/health/workers")).json()
    assert about_workers["lanes"] and set(about_workers["checks"]) >= {"workers", "lanes"}


async def test_a_worker_that_misses_its_heartbeats_shows_within_a_lease_and_stays_told(
    box: Box, database: Database
) -> None:
    await add_worker(database)
    assert_tells(await workers.look(box), "healthy", "1 worker at work")
    late = await add_worker(database, seen_s_ago=20.5)
    assert_tells(await workers.look(again(box)), "degraded", late)
    gone = await add_worker(database, seen_s_ago=120, left=True, status={"went_silent": True})
    assert_tells(await workers.look(again(box)), "degraded", late, gone)
    await add_worker(database, name=gone)
    await add_worker(database, name=late, seen_s_ago=19)
    found = await workers.look(again(box))
    assert gone not in found.detail, "a successor of its name has come"
    await add_worker(database, name="polite", seen_s_ago=120, left=True)
    found = await workers.look(again(box))
    assert "polite" not in found.detail, "it said goodbye"


CARD = {"index": 0, "name": "L4", "memory_total_bytes": 24, "memory_used_bytes": 1}


async def test_a_card_that_stops_to_answer_is_told(box: Box, database: Database) -> None:
    assert await gpus.look(box) is None, "nothing to check without cards"
    await add_worker(database, gpus=[CARD], status={"gpus_at_start": 1})
    assert_tells(await gpus.look(again(box)), "healthy", "1 graphics card")
    lame = await add_worker(database, gpus=[CARD], status={"gpus_at_start": 2})
    assert_tells(await gpus.look(again(box)), "unhealthy", lame, "1 graphics card of")


@pytest.mark.parametrize("knowing", ["first", "last"])
async def test_an_error_of_a_card_is_told_though_only_one_worker_heard_of_it(
    box: Box, database: Database, knowing: str
) -> None:
    for name in ("first", "last"):
        card = CARD | ({"xid": 63} if name == knowing else {})
        await add_worker(database, name=name, gpus=[card], status={"gpus_at_start": 1})
    assert_tells(await gpus.look(box), "degraded", "L4 (card 0, Xid 63)")


async def test_a_worker_of_another_version_is_told(box: Box, database: Database) -> None:
    await add_worker(database, version="99.0")
    assert_tells(await versions.look(box), "degraded", "99.0")


async def test_work_that_nobody_takes_and_work_that_waits_long_are_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lane(**more: object) -> facts.LaneFacts:
        about = {
            "lane": "cpu",
            "queued": 3,
            "leased": 0,
            "oldest_wait_s": 5.0,
            "workers": 0,
            "slots": 0,
        } | more
        return msgspec.convert(about, facts.LaneFacts)

    async def told(*found: facts.LaneFacts) -> Finding:
        async def lane_facts(_: Box) -> list[facts.LaneFacts]:
            return list(found)

        monkeypatch.setattr(facts, "lane_facts", lane_facts)
        return await lanes.look(again(box))

    assert_tells(await told(lane()), "degraded", "no worker serves it")
    assert_tells(await told(lane(workers=1, oldest_wait_s=1900.0)), "degraded", "for 32 minutes")
    assert_tells(await told(lane(workers=1)), "healthy", "3 steps waiting")


async def test_a_volume_that_fills_is_told_with_what_fills_it(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(free_bytes: int) -> Finding:
        async def storage_facts(_: Box) -> facts.StorageFacts:
            return facts.StorageFacts(
                free_bytes=free_bytes,
                used_bytes=10**11 - free_bytes,
                total_bytes=10**11,
                blobs=1,
                blobs_bytes=10**10,
                kinds={"files": 10**10, "models": 9 * 10**10},
                measured_at=None,
            )

        monkeypatch.setattr(facts, "storage_facts", storage_facts)
        return await storage.look(again(box))

    assert_tells(await told(5 * 10**10), "healthy", "free")
    low = await told(9 * 10**9)
    assert_tells(low, "degraded")
    assert "models" in (low.remedy or "")
    assert_tells(await told(10**8), "unhealthy")


async def test_a_transaction_left_open_and_a_crowd_are_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await box.see(facts.database_facts)

    async def told(**more: object) -> Finding:
        async def database_facts(_: Box) -> facts.DatabaseFacts:
            return msgspec.structs.replace(found, **more)

        monkeypatch.setattr(facts, "database_facts", database_facts)
        return await database_check.look(again(box))

    assert_tells(await told(connections=99, connections_max=100), "degraded", "99 of 100")
    assert_tells(await told(oldest_transaction_s=3600.0), "degraded", "60 minutes")


async def test_a_redis_that_throws_keys_away_is_told(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await box.see(facts.redis_facts)

    async def redis_facts(_: Box) -> facts.RedisFacts:
        return msgspec.structs.replace(found, evicted_keys=7)

    monkeypatch.setattr(facts, "redis_facts", redis_facts)
    assert_tells(await redis_check.look(again(box)), "degraded", "7 keys")


async def test_a_certificate_is_judged_by_the_last_call_of_the_public_address(
    box: Box, database: Database
) -> None:
    assert await certificate.look(box) is None, "no https address"
    public = msgspec.structs.replace(box.settings, public_urls=("https://studio.example.org",))
    here = Box(public, database, box.redis)

    async def told(**known: object) -> Finding | None:
        async with database.transaction(Scope.nobody()) as tx:
            await noted.note(tx, FACT, {"host": "studio.example.org", **known})
        return await certificate.look(again(here))

    assert_tells(await told(host="elsewhere.example.org"), "unknown")
    assert_tells(await told(fault="self-signed certificate", is_refused=True), "unhealthy", "self-signed")
    assert_tells(await told(fault="no answer"), "unknown", "no answer")
    assert_tells(await told(expires_at=now() + timedelta(days=3)), "degraded")
    assert_tells(await told(expires_at=now() + timedelta(days=30)), "healthy")
    assert_tells(await told(expires_at=now() - timedelta(days=1)), "unhealthy", "ran out")


async def test_a_clock_that_nobody_vouches_for_is_not_taken_for_right(
    box: Box, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(ahead_s: float | None) -> Finding:
        async with database.transaction(Scope.nobody()) as tx:
            await noted.note(tx, FACT, Outside(host="studio.example.org", clock_ahead_s=ahead_s))
        return await clock.look(again(box))

    monkeypatch.setattr(clock, "is_kept", lambda: False)
    assert_tells(await told(None), "unknown")
    assert_tells(await told(0.7), "healthy", "studio.example.org")
    assert_tells(await told(-60.0), "unhealthy", "60 s behind studio.example.org")
    elsewhere = msgspec.structs.replace(box.settings.database, embedded=False)
    settings = msgspec.structs.replace(box.settings, database=elsewhere)
    asked = await clock.look(Box(settings, database, box.redis))
    assert_tells(asked, "unhealthy", "studio.example.org")
    await told(None)
    assert_tells(await clock.look(Box(settings, database, box.redis)), "healthy", "the database")
    monkeypatch.setattr(clock, "is_kept", lambda: True)
    assert_tells(await told(None), "healthy")


async def test_a_daemon_that_falls_silent_is_told(box: Box, database: Database) -> None:
    async def noted_before(seconds: float) -> Finding:
        async with database.transaction(Scope.nobody()) as tx:
            await noted.note(tx, "daemon", {"host": "here", "pid": 1, "version": "0.1.0"})
            await tx.execute(
                "UPDATE box_facts SET noted_at = now() - make_interval(secs => %(s)s) WHERE name = 'daemon'",
                {"s": seconds},
            )
        return await daemon.look(again(box))

    assert_tells(await noted_before(5), "healthy", "here")
    assert_tells(await noted_before(61), "unhealthy", "61 s")


def again(box: Box) -> Box:
    """Another look."""
    return Box(box.settings, box.database, box.redis)


def test_the_whole_is_as_well_as_its_worst_part_and_what_nobody_knows_is_not_well() -> None:
    fine, lame = healthy("Well."), degraded("Lame.", "Rest.")
    broken, dark = looking.unhealthy("Broken.", "Mend it."), looking.unknown("Dark.", "Make light.")
    assert worst({"a": fine}) == "healthy"
    assert worst({"a": fine, "b": dark}) == worst({"a": fine, "b": lame}) == "degraded"
    assert worst({"a": dark, "b": broken}) == "unhealthy"


async def test_a_check_that_fails_hides_none_of_the_others(box: Box) -> None:
    async def fails(_: Box) -> Finding:
        raise ValueError("no")

    async def fine(_: Box) -> Finding:
        return healthy("Well.")

    found = await look_around(box, {"fails": fails, "fine": fine})
    assert_tells(found["fails"], "unknown")
    assert_tells(found["fine"], "healthy")


CHECK = '''
"""A check for the test."""

from app.resources.infrastructure.looking import Box, Check, Finding, degraded


async def look(box: Box) -> Finding:
    return degraded("It rains.", "Take an umbrella.", drops=7)


CHECK = Check(name="weather", look=look)
'''


@pytest.fixture
def new_check(tmp_path: Path) -> Iterator[None]:
    """The file `weather.py` beside the other checks, for this test."""
    (tmp_path / "weather.py").write_text(CHECK)
    checks.__path__.append(str(tmp_path))
    looking.all_checks.cache_clear()
    yield
    checks.__path__.remove(str(tmp_path))
    sys.modules.pop(f"{checks.__name__}.weather", None)
    looking.all_checks.cache_clear()


@pytest.mark.usefixtures("new_check")
async def test_a_new_check_is_a_new_file_and_is_told_at_once(box: Box) -> None:
    found = (await service.health(box)).checks["weather"]
    assert (found.detail, found.remedy, found.facts) == ("It rains.", "Take an umbrella.", {"drops": 7})


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in looking.all_checks()]
    assert len(names) == len(set(names)) > 9
