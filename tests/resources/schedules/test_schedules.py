"""Schedules: checked when saved, fired once whoever fires them, and plain about why they did not run."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from app.engine.engine import Engine
from app.kit.blobs import BlobFolder
from app.kit.ids import OrganizationId, new_id
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.periodic import Parts
from app.resources.schedules import jobs, model
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Row, Scope
from app.store.queue import Bells
from tests.engine.fixtures import bus
from tests.engine.world import ADDRESSES, Shelf, World, document, node
from tests.people import People, Person, problem

__all__ = ["bus"]

AT_NINE = {"kind": "cron", "expression": "0 9 * * *", "time_zone": "Europe/Berlin"}
MINUTELY = {"kind": "every", "seconds": 60}
WORD = document(
    node("word", "core.set", with_={"value": "{{ inputs.word }}"}),
    inputs={"word": {"type": "text", "max": 10}},
    outputs={"word": "{{ steps.word.outputs.value }}"},
)
WORK = document(node("work"))  # waits for a worker, so its instance stays open


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    """Somebody who may build and run."""
    return await people.member(Role.editor)


@pytest.fixture
def client(person: Person) -> httpx.AsyncClient:
    """That person's client."""
    return person.client


@pytest_asyncio.fixture
async def theirs(database: Database, bus: Bus, person: Person) -> World:
    """The engine's world in that person's organization; the only schedules of the box are theirs."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM schedules")
        await tx.execute("DELETE FROM instances")
    shelf = Shelf()
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=shelf, callbacks=ADDRESSES)
    return World(database, engine, OrganizationId(person.organization_id), shelf)


@pytest.fixture
def parts(theirs: World, settings: Settings, bus: Bus, tmp_path: Path) -> Parts:
    """What the daemon's job works with."""
    return Parts(
        settings=settings,
        database=theirs.database,
        engine=theirs.engine,
        blobs=BlobFolder(tmp_path, tmp_path),
        bus=bus,
    )


async def workflow(client: httpx.AsyncClient, definition: dict[str, Any]) -> str:
    answer = await client.post("/api/v1/workflows", json={"definition": definition})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def schedule(
    client: httpx.AsyncClient, definition: dict[str, Any] = WORK, timing: Any = None, **more: Any
) -> dict[str, Any]:
    """A schedule that could be saved."""
    body = {
        "workflow_id": await workflow(client, definition),
        "name": "Nightly",
        "timing": timing or MINUTELY,
        **more,
    }
    answer = await client.post("/api/v1/schedules", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def look(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/api/v1/schedules/{made['id']}")).json()
    return found


async def journal(client: httpx.AsyncClient, made: dict[str, Any]) -> list[dict[str, Any]]:
    """What it did, oldest first."""
    items: list[dict[str, Any]] = (await client.get(f"/api/v1/schedules/{made['id']}/runs")).json()["items"]
    return items[::-1]


async def let_pass(theirs: World, made: dict[str, Any], seconds: float = 1) -> None:
    """Let its next time have come this long ago."""
    await theirs.execute(
        "UPDATE schedules SET next_at = date_trunc('second', now()) - make_interval(secs => %(s)s), "
        "timing = CASE WHEN timing->>'kind' = 'every' THEN timing || jsonb_build_object("
        "'start_at', to_char(date_trunc('second', now() AT TIME ZONE 'UTC') - make_interval(secs => %(s)s), "
        '\'YYYY-MM-DD"T"HH24:MI:SS"Z"\')) ELSE timing END WHERE id = %(id)s',
        id=made["id"],
        s=seconds,
    )


async def started(theirs: World) -> list[Row]:
    return await theirs.rows("SELECT * FROM instances ORDER BY number")


async def test_a_schedule_is_kept_with_its_next_time_in_words(client: httpx.AsyncClient) -> None:
    made = await schedule(client, WORD, AT_NINE, inputs={"word": "hello"})
    assert made["words"] == "At 09:00 every day, Europe/Berlin"
    assert datetime.fromisoformat(made["next_at"]) > datetime.now(UTC)
    assert (made["misfire"], made["overlap"], made["is_enabled"]) == ("once", "skip", True)
    assert made["last_run"] is None
    assert await look(client, made) == made
    listed = (await client.get(f"/api/v1/schedules?workflow_id={made['workflow_id']}")).json()["items"]
    assert listed == [made]
    assert (await client.get(f"/api/v1/schedules?workflow_id={new_id()}")).json()["items"] == []


async def test_inputs_are_kept_as_given_with_the_names_of_their_files(client: httpx.AsyncClient) -> None:
    takes = document(
        node("keep", "core.set", with_={"value": "{{ inputs.file }}"}),
        inputs={"file": {"type": "file"}, "word": {"type": "text", "default": "the workflow's own"}},
    )
    upload = {"file": ("notes.txt", b"some notes", "text/plain")}
    asset = (await client.post("/api/v1/assets", files=upload)).json()
    made = await schedule(client, takes, inputs={"file": {"asset": asset["id"]}})
    assert set(made["inputs"]) == {"file"}
    assert (made["inputs"]["file"]["asset"], made["inputs"]["file"]["name"]) == (asset["id"], "notes.txt")
    run = (await client.post(f"/api/v1/schedules/{made['id']}/run")).json()
    assert run["instance_status"] == "completed"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timing": {"kind": "cron", "expression": "99 * * * *"}}, "timing.expression"),
        (
            {"timing": {"kind": "cron", "expression": "0 9 * * *", "time_zone": "Mars/Olympus"}},
            "timing.time_zone",
        ),
        ({"timing": {"kind": "every", "seconds": 1}}, "timing.seconds"),
        ({"timing": {"kind": "moon"}}, "timing.kind"),
        ({"inputs": {"word": 5}}, "inputs.word"),
        ({"inputs": {}}, "inputs.word"),
        ({"inputs": {"word": "hi", "wrod": "hi"}}, "inputs.wrod"),
        ({"name": ""}, "name"),
        ({"overlap": "both"}, "overlap"),
    ],
)
async def test_what_could_not_run_is_not_saved(
    client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    body = {
        "workflow_id": await workflow(client, WORD),
        "name": "Bad",
        "timing": AT_NINE,
        "inputs": {"word": "hi"},
        **change,
    }
    found = problem(await client.post("/api/v1/schedules", json=body), 422)
    assert field in {one.get("field") for one in found["complaints"]}, found
    assert (await client.get("/api/v1/schedules")).json()["items"] == []


async def test_a_missing_workflow_is_said_so(client: httpx.AsyncClient) -> None:
    body = {"workflow_id": str(new_id()), "name": "Bad", "timing": AT_NINE}
    problem(await client.post("/api/v1/schedules", json=body), 404)


async def test_a_repeated_call_makes_one_schedule(client: httpx.AsyncClient) -> None:
    body = {"workflow_id": await workflow(client, WORK), "name": "Once", "timing": MINUTELY}
    key = {"idempotency-key": "saved twice"}
    first, again = [await client.post("/api/v1/schedules", json=body, headers=key) for _ in range(2)]
    assert first.json() == again.json()


async def test_a_timing_can_be_looked_at_before_it_is_saved(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/api/v1/schedules/preview", json={"timing": AT_NINE, "count": 3})).json()
    times = [datetime.fromisoformat(one) for one in answer["times"]]
    assert len(times) == 3
    assert times == sorted(times)
    assert answer["words"] == "At 09:00 every day, Europe/Berlin"
    bad = {"timing": {"kind": "cron", "expression": "soon"}}
    problem(await client.post("/api/v1/schedules/preview", json=bad), 422)
    problem(await client.post("/api/v1/schedules/preview", json={"timing": AT_NINE, "count": 5000}), 422)


async def test_a_due_schedule_starts_its_workflow_and_moves_on(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client, WORD, MINUTELY, inputs={"word": "hello"})
    assert await jobs.fire_due(parts) == 0
    await let_pass(theirs, made)
    assert await jobs.fire_due(parts) == 1
    (instance,) = await started(theirs)
    assert (instance["source"], instance["status"], instance["created_by"]) == ("schedule", "completed", None)
    assert instance["outputs"] == {"word": "hello"}
    shown = await look(client, made)
    assert shown["last_run"]["outcome"] == "started"
    assert UUID(shown["last_run"]["instance_id"]) == instance["id"]
    assert shown["last_run"]["instance_status"] == "completed"
    assert datetime.fromisoformat(shown["next_at"]) > datetime.now(UTC)
    assert await jobs.fire_due(parts) == 0


async def test_two_daemons_fire_it_once(client: httpx.AsyncClient, theirs: World, parts: Parts) -> None:
    made = [await schedule(client) for _ in range(5)]
    for one in made:
        await let_pass(theirs, one)
    fired = await asyncio.gather(*(jobs.fire_due(parts) for _ in range(4)))
    assert sum(fired) == 5
    assert len(await started(theirs)) == 5
    for one in made:
        assert [line["outcome"] for line in await journal(client, one)] == ["started"]


async def test_a_fire_that_breaks_off_leaves_its_time_as_it_was(
    client: httpx.AsyncClient, theirs: World, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = await schedule(client), await schedule(client)
    await let_pass(theirs, broken, 2)
    await let_pass(theirs, fine)
    save = model.save_schedule

    async def save_all_but_one(tx: Any, one: Any, **more: Any) -> None:
        if str(one.id) == broken["id"]:
            raise ValueError("the power went out here")
        await save(tx, one, **more)

    with monkeypatch.context() as patched:
        patched.setattr(model, "save_schedule", save_all_but_one)
        assert await jobs.fire_due(parts) == 1
    assert len(await started(theirs)) == 1
    assert await journal(client, broken) == []
    assert await jobs.fire_due(parts) == 1
    assert len(await started(theirs)) == 2


@pytest.mark.parametrize(
    ("misfire", "runs", "outcomes"),
    [("skip", 0, ["skipped"]), ("once", 1, ["started"]), ("all", 4, ["started"] * 4)],
)
async def test_times_missed_while_the_box_was_off(  # noqa: PLR0917  pytest fills them in by name
    client: httpx.AsyncClient, theirs: World, parts: Parts, misfire: str, runs: int, outcomes: list[str]
) -> None:
    made = await schedule(
        client, WORD, {"kind": "every", "seconds": 3600}, inputs={"word": "hi"}, misfire=misfire
    )
    await let_pass(theirs, made, 3 * 3600 + 600)
    while await jobs.fire_due(parts):
        pass
    assert len(await started(theirs)) == runs
    told = await journal(client, made)
    assert [line["outcome"] for line in told] == outcomes
    if misfire == "skip":
        assert told[0]["reason"] == "4 times passed while nobody was there to run it."
    if misfire == "once":
        assert told[0]["reason"] == "3 times passed while nobody was there to run it."


@pytest.mark.parametrize(("overlap", "runs"), [("allow", 2), ("skip", 1), ("queue", 1)])
async def test_a_time_that_comes_while_the_run_before_goes_on(
    client: httpx.AsyncClient, theirs: World, parts: Parts, overlap: str, runs: int
) -> None:
    made = await schedule(client, overlap=overlap)
    for _ in range(2):
        await let_pass(theirs, made)
        await jobs.fire_due(parts)
    assert len(await started(theirs)) == runs
    second = (await journal(client, made))[1]
    assert second["outcome"] == {"allow": "started", "skip": "skipped", "queue": "queued"}[overlap]
    if overlap != "allow":
        assert "still going" in second["reason"]


async def test_a_queued_time_runs_when_the_run_before_has_ended_and_is_one_however_many_came(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client, overlap="queue")
    for _ in range(4):
        await let_pass(theirs, made)
        await jobs.fire_due(parts)
    assert [one["outcome"] for one in await journal(client, made)] == [
        *("started", "queued", "skipped", "skipped")
    ]
    assert (await look(client, made))["queued_for"] is not None
    assert await jobs.fire_due(parts) == 0
    await theirs.drain()
    assert await jobs.fire_due(parts) == 1
    assert len(await started(theirs)) == 2
    assert (await look(client, made))["queued_for"] is None
    assert await jobs.fire_due(parts) == 0


async def test_a_paused_schedule_does_nothing_and_catches_nothing_up(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client, misfire="all")
    path = f"/api/v1/schedules/{made['id']}"
    paused = (await client.patch(path, json={"is_enabled": False})).json()
    assert (paused["is_enabled"], paused["next_at"]) == (False, None)
    await let_pass(theirs, made, 600)
    assert await jobs.fire_due(parts) == 0
    on = (await client.patch(path, json={"is_enabled": True})).json()
    assert datetime.fromisoformat(on["next_at"]) > datetime.now(UTC)
    assert await jobs.fire_due(parts) == 0
    assert await started(theirs) == []


async def test_another_timing_counts_from_now(client: httpx.AsyncClient) -> None:
    made = await schedule(client)
    path = f"/api/v1/schedules/{made['id']}"
    changed = (await client.patch(path, json={"timing": AT_NINE, "name": "Mornings"})).json()
    assert (changed["name"], changed["timing"]) == ("Mornings", AT_NINE)
    assert changed["next_at"] != made["next_at"]
    kept = (await client.patch(path, json={"misfire": "skip"})).json()
    assert (kept["next_at"], kept["misfire"]) == (changed["next_at"], "skip")
    problem(await client.patch(path, json={"timing": {"kind": "cron", "expression": "x"}}), 422)
    problem(await client.patch(path, json={"workflow_id": str(new_id())}), 422)


async def test_inputs_that_no_longer_fit_are_told_and_stop_it_after_the_third_time(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client, WORD, inputs={"word": "hello"})
    narrower = {**WORD, "inputs": {"word": {"type": "text", "max": 2}}}
    await client.put(f"/api/v1/workflows/{made['workflow_id']}/definition", json={"definition": narrower})
    for _ in range(3):
        assert (await look(client, made))["is_enabled"] is True
        await let_pass(theirs, made)
        await jobs.fire_due(parts)
    shown = await look(client, made)
    assert (shown["is_enabled"], shown["next_at"]) == (False, None)
    assert "3 times in a row" in shown["stopped_because"]
    assert "at most 2" in shown["stopped_because"]
    (told,) = (await client.get("/api/v1/notifications")).json()["items"]
    assert shown["name"] in told["title"] and told["body"] == shown["stopped_because"]
    told = await journal(client, made)
    assert [line["outcome"] for line in told] == ["refused"] * 3
    path = f"/api/v1/schedules/{made['id']}"
    found = problem(await client.patch(path, json={"is_enabled": True}), 422)
    assert found["complaints"][0]["field"] == "inputs.word"
    mended = (await client.patch(path, json={"is_enabled": True, "inputs": {"word": "hi"}})).json()
    assert (mended["is_enabled"], mended["stopped_because"]) == (True, None)


async def test_a_start_in_between_forgives_earlier_refusals(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client, WORD, inputs={"word": "hello"})
    definition = f"/api/v1/workflows/{made['workflow_id']}/definition"
    narrower = {**WORD, "inputs": {"word": {"type": "text", "max": 2}}}
    for document_now in (narrower, narrower, WORD, narrower, narrower):
        await client.put(definition, json={"definition": document_now})
        await let_pass(theirs, made)
        await jobs.fire_due(parts)
    assert (await look(client, made))["is_enabled"] is True


async def test_a_deleted_workflow_stops_its_schedule_at_once_and_says_so(
    client: httpx.AsyncClient, theirs: World, parts: Parts
) -> None:
    made = await schedule(client)
    await client.delete(f"/api/v1/workflows/{made['workflow_id']}")
    await let_pass(theirs, made)
    await jobs.fire_due(parts)
    shown = await look(client, made)
    assert (shown["is_enabled"], "deleted" in shown["stopped_because"]) == (False, True)
    path = f"/api/v1/schedules/{made['id']}"
    problem(await client.patch(path, json={"is_enabled": True}), 410)
    problem(await client.post(f"{path}/run"), 410)
    assert (await client.delete(path)).status_code == 204


async def test_it_can_be_run_by_hand_beside_its_times(
    client: httpx.AsyncClient, theirs: World, person: Person
) -> None:
    made = await schedule(client, WORD, AT_NINE, inputs={"word": "now"}, is_enabled=False)
    run = (await client.post(f"/api/v1/schedules/{made['id']}/run")).json()
    assert (run["outcome"], run["instance_status"]) == ("started", "completed")
    assert UUID(run["started_by"]) == person.user_id
    (instance,) = await started(theirs)
    assert (instance["source"], instance["created_by"]) == ("schedule", person.user_id)
    starter = {"kind": "schedule", "id": made["id"], "name": made["name"], "entry_id": run["id"]}
    shown = (await client.get(f"/api/v1/instances/{instance['id']}")).json()
    assert shown["started_by"] == starter
    assert (await look(client, made))["next_at"] is None


async def test_a_deleted_schedule_is_gone_and_what_it_started_stays(
    client: httpx.AsyncClient, theirs: World
) -> None:
    made = await schedule(client, WORD, inputs={"word": "hi"})
    path = f"/api/v1/schedules/{made['id']}"
    await client.post(f"{path}/run")
    assert (await client.delete(path)).status_code == 204
    for answer in (
        await client.get(path),
        await client.delete(path),
        await client.patch(path, json={"name": "x"}),
        await client.post(f"{path}/run"),
        await client.get(f"{path}/runs"),
    ):
        problem(answer, 404)
    assert len(await started(theirs)) == 1


async def test_roles_look_run_and_change(client: httpx.AsyncClient, people: People, person: Person) -> None:
    made = await schedule(client)
    path = f"/api/v1/schedules/{made['id']}"
    viewer = (await people.member(Role.viewer, person.organization_id)).client
    operator = (await people.member(Role.operator, person.organization_id)).client
    assert (await viewer.get(path)).status_code == 200
    problem(await viewer.post(f"{path}/run"), 403)
    assert (await operator.post(f"{path}/run")).status_code == 201
    problem(await operator.patch(path, json={"is_enabled": False}), 403)


async def test_journals_keep_their_newest_lines(
    client: httpx.AsyncClient, theirs: World, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = await schedule(client, WORD, inputs={"word": "hi"}), await schedule(client)
    for _ in range(5):
        await client.post(f"/api/v1/schedules/{long['id']}/run")
    await client.post(f"/api/v1/schedules/{short['id']}/run")
    before = await journal(client, long)
    monkeypatch.setattr(jobs, "KEEP_RUNS", 2)
    assert await jobs.shorten_journals(parts) == 3
    assert await journal(client, long) == before[-2:]
    assert len(await journal(client, short)) == 1


async def test_the_journal_pages(client: httpx.AsyncClient, theirs: World) -> None:
    made = await schedule(client, WORD, inputs={"word": "hi"})
    for _ in range(3):
        await client.post(f"/api/v1/schedules/{made['id']}/run")
    path = f"/api/v1/schedules/{made['id']}/runs"
    first = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert len(first["items"]) == 2
    assert len(rest["items"]) == 1
    assert rest["next_cursor"] is None


def test_a_second_between_two_looks_is_short_enough() -> None:
    (fire, _) = jobs.JOBS
    assert timedelta(seconds=fire.every_s) <= timedelta(seconds=1)
