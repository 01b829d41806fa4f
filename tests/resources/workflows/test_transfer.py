"""Out of a box as one file and into another: with all it runs, without its secrets, or not at all."""

import json
from typing import Any

import httpx
import pytest

from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from app.resources.workflows.samples import document as picture_story
from app.steps.discovery import catalog
from tests.people import People, Person, problem


def words(value: str = "here", name: str = "Words") -> dict[str, Any]:
    node = {"id": "word", "type": "core.set", "with": {"value": value}}
    return {
        "schema": 1,
        "name": name,
        "nodes": [node],
        "outputs": {"word": "{{ steps.word.outputs.value }}"},
    }


def calling(workflow_id: str, name: str = "Caller", **more: Any) -> dict[str, Any]:
    node = {"id": "inner", "type": "core.workflow", "with": {"workflow": workflow_id, **more}}
    return {
        "schema": 1,
        "name": name,
        "nodes": [node],
        "outputs": {"word": "{{ steps.inner.outputs.word }}"},
    }


async def save(client: httpx.AsyncClient, definition: dict[str, Any]) -> str:
    answer = await client.post("/api/v1/workflows", json={"definition": definition})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def export(client: httpx.AsyncClient, workflow_id: str, **query: int) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/workflows/{workflow_id}/export", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def take_in(client: httpx.AsyncClient, file: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/workflows/import", json=file)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def outcome(client: httpx.AsyncClient, workflow_id: str) -> Any:
    answer = await client.post("/api/v1/instances", json={"workflow_id": workflow_id})
    assert answer.status_code == 201, answer.text
    return answer.json()["outputs"]


async def names(client: httpx.AsyncClient) -> list[str]:
    return [one["name"] for one in (await client.get("/api/v1/workflows")).json()["items"]]


@pytest.fixture
async def here(people: People) -> Person:
    return await people.member(Role.editor)


@pytest.fixture
async def there(people: People) -> Person:
    return await people.member(Role.editor)


async def test_a_workflow_goes_from_one_organization_to_another(here: Person, there: Person) -> None:
    made = await here.client.post(
        "/api/v1/workflows",
        json={"definition": picture_story(), "name": "Mine", "description": "Photos to film"},
    )
    answer = await here.client.get(f"/api/v1/workflows/{made.json()['id']}/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="mine.studio.json"'
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.startswith('{\n  "format": "studio.workflow",\n  "format_version": 1,')
    file = answer.json()
    version = catalog()["image.transform"].version
    assert {"kind": "image.transform", "version": version} in file["needs"]["steps"]
    imported = await take_in(there.client, file)
    assert (imported["name"], imported["description"]) == ("Mine", "Photos to film")
    assert imported["definition"] == picture_story()
    assert list(imported["definition"]) == list(picture_story())
    assert (imported["version"], imported["remarks"], imported["brought"]) == (1, [], [])
    assert imported["id"] != made.json()["id"]


async def test_the_published_version_is_exported_or_the_one_that_is_asked_for(here: Person) -> None:
    workflow_id = await save(here.client, words("one"))
    path = f"/api/v1/workflows/{workflow_id}/definition"
    await here.client.put(path, json={"definition": words("two"), "publish": False})
    assert (await export(here.client, workflow_id))["definition"] == words("one")
    assert (await export(here.client, workflow_id, version=2))["definition"] == words("two")
    url = f"/api/v1/workflows/{workflow_id}/export"
    problem(await here.client.get(url, params={"version": 3}), 404)
    problem(await here.client.get(url, params={"version": 0}), 422)


async def test_the_workflows_it_runs_come_along_and_run_there(here: Person, there: Person) -> None:
    deepest = await save(here.client, words("from the depth"))
    middle = await save(here.client, calling(deepest, "Middle"))
    top = await save(here.client, calling(middle, "Top"))
    file = await export(here.client, top)
    assert [one["name"] for one in file["workflows"]] == ["Middle", "Words"]
    imported = await take_in(there.client, file)
    assert [one["name"] for one in imported["brought"]] == ["Middle", "Words"]
    assert sorted(await names(there.client)) == ["Middle", "Top", "Words"]
    instance = await there.client.post("/api/v1/instances", json={"workflow_id": imported["id"]})
    assert instance.status_code == 201
    text = json.dumps([imported, *(await everything(there.client))])
    assert deepest not in text
    assert middle not in text


async def everything(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    items = (await client.get("/api/v1/workflows")).json()["items"]
    return [(await client.get(f"/api/v1/workflows/{one['id']}")).json() for one in items]


async def test_a_workflow_that_is_here_already_is_used_as_it_is(here: Person) -> None:
    inner = await save(here.client, words())
    outer = await save(here.client, calling(inner))
    again = await take_in(here.client, await export(here.client, outer))
    assert again["brought"] == []
    assert again["definition"] == calling(inner)


async def test_one_that_has_moved_on_here_comes_again_as_it_was(here: Person) -> None:
    inner = await save(here.client, words())
    outer = await save(here.client, calling(inner))
    file = await export(here.client, outer)
    await here.client.put(f"/api/v1/workflows/{inner}/definition", json={"definition": words("changed")})
    again = await take_in(here.client, file)
    assert [one["name"] for one in again["brought"]] == ["Words"]
    copy = again["brought"][0]["id"]
    assert again["definition"] == calling(copy)
    assert await outcome(here.client, copy) == {"word": "here"}


async def test_a_certain_version_that_is_run_stays_certain(here: Person, there: Person) -> None:
    inner = await save(here.client, words("one"))
    await here.client.put(f"/api/v1/workflows/{inner}/definition", json={"definition": words("two")})
    outer = await save(here.client, calling(inner, version=1))
    imported = await take_in(there.client, await export(here.client, outer))
    copy = imported["brought"][0]["id"]
    assert imported["definition"] == calling(copy, version=1)
    assert await outcome(there.client, copy) == {"word": "one"}


async def test_workflows_that_run_one_another_come_over_together(here: Person, there: Person) -> None:
    one = await save(here.client, words())
    other = await save(here.client, calling(one, "Other"))
    await here.client.put(f"/api/v1/workflows/{one}/definition", json={"definition": calling(other, "One")})
    imported = await take_in(there.client, await export(here.client, one))
    assert imported["definition"] == calling(imported["brought"][0]["id"], "One")
    back = (await there.client.get(f"/api/v1/workflows/{imported['brought'][0]['id']}")).json()
    assert back["definition"] == calling(imported["id"], "Other")


async def test_a_bare_definition_is_imported(here: Person) -> None:
    assert (await take_in(here.client, words(name="Bare")))["name"] == "Bare"
    nameless = {key: value for key, value in words().items() if key != "name"}
    found = problem(await here.client.post("/api/v1/workflows/import", json=nameless), 422)
    assert found["complaints"][0]["field"] == "name"


async def test_the_same_file_twice_makes_two_workflows(here: Person) -> None:
    first, second = [await take_in(here.client, words()) for _ in range(2)]
    assert first["id"] != second["id"]
    key = {"idempotency-key": str(new_id())}
    repeated = [
        await here.client.post("/api/v1/workflows/import", json=words(), headers=key) for _ in range(2)
    ]
    assert repeated[0].json()["id"] == repeated[1].json()["id"]


async def test_a_file_with_step_types_that_are_not_here_is_refused_with_each(
    here: Person, there: Person
) -> None:
    inner = await save(here.client, words())
    file = await export(here.client, await save(here.client, calling(inner)))
    file["definition"]["nodes"].append({"id": "paint", "type": "paint.oil"})
    file["workflows"][0]["definition"]["nodes"][0]["type"] = "sculpt.clay"
    refused = problem(await there.client.post("/api/v1/workflows/import", json=file), 422)
    messages = [one["message"] for one in refused["complaints"]]
    assert any("There is no step type “paint.oil”" in message for message in messages)
    assert any(message.startswith("In “Words”: There is no step type “sculpt.clay”") for message in messages)
    assert refused["detail"].endswith("nothing was imported.")
    assert await names(there.client) == []


async def test_what_is_no_workflow_file_is_refused_by_name(here: Person) -> None:
    path = "/api/v1/workflows/import"
    later = {"format": "studio.workflow", "format_version": 9}
    bodies: list[Any] = [[], "text", {}, {"format": "other"}, later]
    for body in bodies:
        refused = problem(await here.client.post(path, json=body), 422)
        assert refused["complaints"]


async def test_a_file_beyond_all_bounds_is_refused_with_the_bound(here: Person) -> None:
    file = words()
    file["ui"] = {"padding": "x" * 17 * 1024**2}
    refused = problem(await here.client.post("/api/v1/workflows/import", json=file), 413)
    assert "16 MiB" in refused["detail"]
