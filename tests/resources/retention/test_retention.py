"""How long what has ended is kept: chosen by an organization, told before, done in batches, seen by a box."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.engine import retention
from app.engine.engine import Engine
from app.kit.ids import OrganizationId
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.retention.model import Terms
from app.resources.retention.service import clear
from app.server.edge import Edge
from app.store.database import Database, Scope
from tests.people import People, Person, problem

PATH = "/api/v1/retention"
DEFINITION = {
    "schema": 1,
    "name": "Said",
    "nodes": [
        {"id": "said", "type": "core.set", "with": {"value": "hello"}},
        {"id": "again", "type": "core.set", "with": {"value": "{{ steps.said.outputs.value }}"}},
    ],
}


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.owner)


@pytest.fixture
def engine(app: Edge) -> Engine:
    found: Engine = app.litestar.state.engine
    return found


async def ended(person: Person, database: Database, *, days_ago: int, runs: int = 1) -> list[str]:
    """Runs that ended so long ago."""
    workflow = (await person.client.post("/api/v1/workflows", json={"definition": DEFINITION})).json()
    ids = []
    for _ in range(runs):
        answer = await person.client.post("/api/v1/instances", json={"workflow_id": workflow["id"]})
        assert answer.json()["status"] == "completed"
        ids.append(answer.json()["id"])
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            "UPDATE instances SET ended_at = now() - make_interval(days => %(days)s) WHERE id = ANY(%(ids)s)",
            {"days": days_ago, "ids": ids},
        )
    return ids


async def call(person: Person, method: str, path: str = "", **fields: Any) -> dict[str, Any]:
    answer = await person.client.request(method, f"{PATH}{path}", **fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_details_go_after_a_month_and_the_run_says_so(person: Person, database: Database) -> None:
    (run,) = await ended(person, database, days_ago=31)
    (young,) = await ended(person, database, days_ago=29)
    said = await call(person, "POST", "/preview")
    events = (await person.client.get(f"/api/v1/instances/{run}")).json()["event_seq"]
    assert said["details"] == {"instances": 1, "events": events, "log_lines": 0}
    assert said["runs"]["instances"] == 0
    cleared = await call(person, "POST", "/run")
    assert (cleared["gone"]["events"], cleared["is_done"]) == (events, True)
    view = (await person.client.get(f"/api/v1/instances/{run}")).json()
    assert view["details_gone_at"] is not None
    assert (await person.client.get(f"/api/v1/instances/{run}/events")).json()["items"] == []
    assert len((await person.client.get(f"/api/v1/instances/{run}/steps")).json()["items"]) == 2
    assert (await person.client.get(f"/api/v1/instances/{young}/events")).json()["items"]


async def test_a_run_goes_whole_when_its_time_has_come(person: Person, database: Database) -> None:
    (run,) = await ended(person, database, days_ago=366)
    said = await call(person, "POST", "/preview")
    assert (said["runs"]["instances"], said["runs"]["steps"]) == (1, 2)
    assert said["rows_bytes"] > 0
    await call(person, "POST", "/run")
    problem(await person.client.get(f"/api/v1/instances/{run}"), 404)
    left = await call(person, "POST", "/preview")
    assert (left["runs"]["instances"], left["details"]["events"]) == (0, 0)


async def test_terms_are_tried_before_they_are_chosen(person: Person, database: Database) -> None:
    await ended(person, database, days_ago=8)
    trial = {"instances_days": 7, "details_days": 7}
    assert (await call(person, "POST", "/preview", json=trial))["runs"]["instances"] == 1
    assert (await call(person, "GET"))["chosen_at"] is None
    for_ever = {"instances_days": None, "details_days": None, "audit_days": 365}
    assert (await call(person, "PUT", json=for_ever))["terms"] == for_ever
    assert (await call(person, "POST", "/run"))["gone"]["events"] == 0
    await call(person, "PUT", json=trial)
    assert (await call(person, "POST", "/run"))["gone"]["instances"] == 1


@pytest.mark.parametrize(
    "terms",
    [
        {"instances_days": 30, "details_days": 31},
        {"instances_days": 30, "details_days": None},
        {"instances_days": 0, "details_days": 1},
        {"instances_days": 30},
        {"instances_days": 30, "details_days": 30, "audit_days": 29},
    ],
)
async def test_terms_that_do_not_fit_are_refused(person: Person, terms: dict[str, Any]) -> None:
    answer = await person.client.put(PATH, json=terms)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)
    assert (await call(person, "GET"))["chosen_at"] is None


async def test_a_run_stays_as_long_as_one_that_goes_on_from_it(person: Person, database: Database) -> None:
    (first,) = await ended(person, database, days_ago=366)
    await person.client.post(f"/api/v1/instances/{first}/rerun", json={"from": ["again"]})
    said = (await call(person, "POST", "/preview"))["runs"]
    assert (said["instances"], said["held"]) == (0, 1)
    await call(person, "POST", "/run")
    assert (await person.client.get(f"/api/v1/instances/{first}")).status_code == 200
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        await tx.execute("UPDATE instances SET ended_at = now() - interval '366 days'")
    assert (await call(person, "POST", "/preview"))["runs"]["instances"] == 2
    assert (await call(person, "POST", "/run"))["gone"]["instances"] == 2


async def test_many_rows_go_in_batches_that_are_bounded_by_rows(
    person: Person, database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", 5)
    runs = await ended(person, database, days_ago=366, runs=4)
    deleted: list[int] = []
    delete = retention._clear_details_of

    async def watched(*arguments: Any) -> retention.Gone:
        gone = await delete(*arguments)
        deleted.append(len(arguments[2]))
        return gone

    monkeypatch.setattr(retention, "_clear_details_of", watched)
    terms = Terms(instances_days=365, details_days=30)
    cleared = await clear(database, engine, OrganizationId(person.organization_id), terms)
    assert cleared.gone.instances == len(runs)
    assert deleted == [1, 1, 1, 1], "each run has more than five events"


async def test_a_box_shows_every_organization_and_its_unused_bytes(
    people: People, person: Person, database: Database
) -> None:
    await ended(person, database, days_ago=366)
    chief = await people.member(Role.owner, is_super_admin=True)
    pages = [await call(chief, "GET", "/organizations", params={"limit": 5})]
    found = {one["id"]: one for one in pages[0]["items"]}
    assert found[str(person.organization_id)]["preview"]["runs"]["instances"] == 1
    unused = await call(chief, "GET", "/bytes")
    assert unused["grace_s"] == 48 * 3600
    assert (await call(chief, "POST", "/bytes/collect")).keys() == {"files", "bytes"}


async def test_the_command_line_tells_what_would_go_and_lets_it_go(
    person: Person, database: Database, settings: Settings
) -> None:
    await ended(person, database, days_ago=366)

    both = (
        "import sys; from app.admin.commands.retention import main; "
        "sys.exit(main(['preview', '--json']) or main(['run', '--json']))"
    )
    done = subprocess.run(  # noqa: ASYNC221  nothing else has to go on meanwhile
        [sys.executable, "-c", both],
        env=os.environ | {"WORKSPACE_PATH": str(settings.workspace), "STUDIO_RUN_DIR": str(settings.run_dir)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
    )
    said, went = [json.loads(line) for line in done.stdout.splitlines()]
    mine = {one["id"]: one for one in said["organizations"]}[str(person.organization_id)]
    assert mine["preview"]["runs"]["instances"] == 1
    assert went["gone"]["instances"] >= 1
    assert (await call(person, "POST", "/preview"))["runs"]["instances"] == 0
