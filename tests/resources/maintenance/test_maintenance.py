"""Maintenance and drained lanes: nothing new begins, and everything goes on afterwards."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from app.engine.engine import Engine
from app.engine.gates import Gates
from app.flow.messages import Lane, Register
from app.kit.ids import WorkerId
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.workers import service as workers
from app.server.edge import Edge
from app.store.database import Database, Scope
from tests.people import People, Person, problem

PATH = "/api/v1/maintenance"
LANES = "/api/v1/infrastructure/lanes"


def definition(kind: str) -> dict[str, object]:
    return {"schema": 1, "name": "Kept", "nodes": [{"id": "one", "type": kind, "with": {"value": 1}}]}


@pytest.fixture(autouse=True)
async def open_afterwards(database: Database) -> AsyncIterator[None]:
    yield
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute("DELETE FROM gates")


@pytest.fixture
async def boss(people: People) -> Person:
    return await people.member(is_super_admin=True)


@pytest.fixture
def engine(app: Edge) -> Engine:
    found: Engine = app.litestar.state.engine
    return found


async def begin(person: Person, kind: str) -> str:
    """Save a workflow of one step; its id."""
    answer = await person.client.post("/api/v1/workflows", json={"definition": definition(kind)})
    return str(answer.json()["id"])


async def test_nothing_new_starts_in_maintenance_and_everything_afterwards(boss: Person) -> None:
    workflow = await begin(boss, "core.set")
    said = (await boss.client.put(PATH, json={"message": "A new disk."})).json()
    assert said["is_on"] and said["message"] == "A new disk."

    refused = await boss.client.post("/api/v1/instances", json={"workflow_id": workflow})
    assert problem(refused, 503)["type"].endswith("in-maintenance")
    assert "“A new disk”" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert (await boss.client.get("/api/v1/instances")).status_code == 200, "what there is can be read"

    over = (await boss.client.delete(PATH)).json()
    assert over == {"is_on": False, "starts_at": None, "message": "", "said_by": None}
    started = await boss.client.post("/api/v1/instances", json={"workflow_id": workflow})
    assert started.json()["status"] == "completed"


async def test_announced_maintenance_is_seen_by_everybody_and_refuses_nothing_yet(
    boss: Person, people: People
) -> None:
    await boss.client.put(PATH, json={"in_s": 600, "message": "Update"})
    viewer = await people.member(Role.viewer)
    seen = (await viewer.client.get(PATH)).json()
    assert not seen["is_on"] and seen["message"] == "Update" and seen["said_by"]
    left_s = (datetime.fromisoformat(seen["starts_at"]) - datetime.now(UTC)).total_seconds()
    assert 0 < left_s <= 600
    workflow = await begin(boss, "core.set")
    started = await boss.client.post("/api/v1/instances", json={"workflow_id": workflow})
    assert started.status_code == 201


async def test_an_announcement_too_far_ahead_is_refused(boss: Person) -> None:
    assert problem(await boss.client.put(PATH, json={"in_s": 10**9}), 422)


async def test_a_drained_lane_hands_out_nothing_and_says_why(
    boss: Person, engine: Engine, database: Database, settings: Settings
) -> None:
    worker = await register(database, engine, settings)
    await boss.client.post(f"{LANES}/cpu/drain", json={"message": "new driver"})
    workflow = await begin(boss, "debug.work")
    instance = (await boss.client.post("/api/v1/instances", json={"workflow_id": workflow})).json()["id"]
    assert await engine.claim(worker, Lane.cpu) is None
    lanes = {one["lane"]: one for one in (await boss.client.get(LANES)).json()["items"]}
    assert lanes["cpu"]["is_drained"] and lanes["cpu"]["queued"] >= 1
    assert "“new driver”" in lanes["cpu"]["closed_because"]
    assert not lanes["gpu"]["is_drained"] and lanes["gpu"]["closed_because"] is None

    async with database.transaction(Scope.system()) as tx:
        await tx.execute("UPDATE attempts SET available_at = available_at - interval '1 minute'")
    await engine.explain_waits(set(Lane))
    waiting = (await boss.client.get(f"/api/v1/instances/{instance}")).json()
    assert waiting["status"] == "waiting" and "drained (“new driver”)" in waiting["reason"]

    await boss.client.post(f"{LANES}/cpu/resume")
    # Other tests' steps may stand before it.
    handed_out = [await engine.claim(worker, Lane.cpu) for _ in range(lanes["cpu"]["queued"])]
    assert instance in {str(job.instance_id) for job in handed_out if job is not None}


async def test_a_lane_that_is_drained_stays_so_when_maintenance_is_over(boss: Person) -> None:
    await boss.client.post(f"{LANES}/gpu/drain")
    await boss.client.put(PATH, json={})
    await boss.client.delete(PATH)
    lanes = (await boss.client.get(LANES)).json()["items"]
    assert [one["lane"] for one in lanes if one["closed_because"]] == ["gpu"]


async def test_an_unknown_lane_is_refused(boss: Person) -> None:
    assert problem(await boss.client.post(f"{LANES}/tpu/drain"), 422)


async def test_what_was_behind_a_gate_is_rung_for_when_it_opens(
    boss: Person, engine: Engine, database: Database
) -> None:
    await boss.client.post(f"{LANES}/cpu/drain")
    workflow = await begin(boss, "debug.work")
    instance = (await boss.client.post("/api/v1/instances", json={"workflow_id": workflow})).json()
    rung_at = "SELECT rung_at FROM attempts WHERE instance_id = %(id)s"
    async with database.transaction(Scope.system()) as tx:
        before = await tx.fetch_value(rung_at, instance)
    await boss.client.post(f"{LANES}/cpu/resume")
    async with database.transaction(Scope.system()) as tx:
        assert await tx.fetch_value(rung_at, instance) > before


async def test_other_processes_hear_of_a_gate_within_a_second(
    boss: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, now = Gates(), 1000.0
    monkeypatch.setattr("app.engine.gates.time.monotonic", lambda: now)
    async with database.transaction(Scope.system()) as tx:
        assert await elsewhere.closed_lanes(tx) == {}
    await boss.client.post(f"{LANES}/cpu/drain")
    async with database.transaction(Scope.system()) as tx:
        assert await elsewhere.closed_lanes(tx) == {}, "it believes what it read"
    now += 1.1
    async with database.transaction(Scope.system()) as tx:
        assert list(await elsewhere.closed_lanes(tx)) == [Lane.cpu]


async def register(database: Database, engine: Engine, settings: Settings) -> WorkerId:
    """A worker that may claim."""
    introduced = Register(name="w", host="h", pid=1, version="1", lanes=[], gpus=[], box_id=None)
    made = await workers.register(database, engine, settings, introduced)
    return WorkerId(made.worker_id)
