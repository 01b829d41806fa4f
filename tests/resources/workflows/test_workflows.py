"""Workflows: saved whole or not at all, versions that never change, pages that join up."""

import asyncio
import copy
from typing import Any

import httpx
import psycopg
import pytest

from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from app.resources.workflows.samples import document as picture_story
from app.store.database import Database, Scope
from tests.people import People, Person, problem


def document(name: str = "Words", value: str = "here") -> dict[str, Any]:
    node = {"id": "word", "type": "core.set", "with": {"value": value}}
    return {"schema": 1, "name": name, "nodes": [node], "outputs": {}}


@pytest.fixture
async def editor(people: People) -> Person:
    return await people.member(Role.editor)


@pytest.fixture
def client(editor: Person) -> httpx.AsyncClient:
    return editor.client


async def save(client: httpx.AsyncClient, definition: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/workflows", json={"definition": definition, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_workflow_comes_back_as_it_was_written(client: httpx.AsyncClient) -> None:
    made = await save(client, picture_story(), name="My story", description="Photos to film")
    read = (await client.get(f"/api/v1/workflows/{made['id']}")).json()
    assert read == made
    assert (read["name"], read["version"], read["is_sample"]) == ("My story", 1, False)
    assert read["definition"] == picture_story()
    # The order of the keys too: people look at what they wrote.
    assert list(read["definition"]) == list(picture_story())
    assert list(read["definition"]["nodes"][0]) == list(picture_story()["nodes"][0])


async def test_without_a_name_it_takes_the_documents(client: httpx.AsyncClient) -> None:
    assert (await save(client, document("From inside")))["name"] == "From inside"
    nameless = {key: value for key, value in document().items() if key != "name"}
    answer = await client.post("/api/v1/workflows", json={"definition": nameless})
    assert problem(answer, 422)["complaints"]


async def test_a_document_with_mistakes_is_refused_with_every_one(client: httpx.AsyncClient) -> None:
    wrong = picture_story()
    wrong["nodes"][0]["type"] = "image.transfrom"
    wrong["nodes"][1]["with"]["images"] = "{{ steps.framez.outputs.image }}"
    wrong["outputs"]["film"] = "{{ steps.film.outputs.sound }}"
    saved = problem(await client.post("/api/v1/workflows", json={"definition": wrong}), 422)
    looked = (await client.post("/api/v1/workflows/validate", json={"definition": wrong})).json()
    assert saved["complaints"] == looked["errors"]
    assert len(looked["errors"]) >= 3
    assert {"frames", "film"} <= {one.get("node") for one in looked["errors"]}
    assert any(one.get("column") for one in looked["errors"])
    assert all(one["message"] for one in looked["errors"])
    assert (await client.get("/api/v1/workflows")).json()["items"] == []


@pytest.mark.parametrize(
    "definition", [None, 1, "text", [], {}, {"schema": 2}, {"schema": 1, "nodes": "none"}]
)
async def test_any_json_may_be_looked_at(client: httpx.AsyncClient, definition: Any) -> None:
    answer = await client.post("/api/v1/workflows/validate", json={"definition": definition})
    assert answer.status_code == 200
    assert answer.json()["errors"]


async def test_a_document_under_the_pen_is_told_what_may_be_written(client: httpx.AsyncClient) -> None:
    wrong = picture_story()
    wrong["nodes"][1]["with"]["title"] = "{{ steps.frames.ou"
    body = {"definition": wrong, "position": {"node": "film", "field": "with.title", "column": 19}}
    answer = (await client.post("/api/v1/workflows/validate", json=body)).json()
    assert answer["errors"]
    scope = answer["scope"]
    assert (scope["wants"]["type"], scope["start"], scope["end"]) == ("text", 4, 19)
    assert {"name": "steps.frames.outputs.image", "type": "image[]"}.items() <= scope["names"][0].items()
    assert scope["functions"] == []
    body["position"] = {"node": "film", "field": "with.title"}
    scope = (await client.post("/api/v1/workflows/validate", json=body)).json()["scope"]
    assert any(one["signature"] == "text.upper() → text" for one in scope["functions"])
    body["position"] = {"field": 3}
    problem(await client.post("/api/v1/workflows/validate", json=body), 422)


async def test_a_cycle_is_refused_by_name(client: httpx.AsyncClient) -> None:
    wrong = document()
    wrong["nodes"] = [
        {"id": "hen", "type": "core.set", "with": {"value": "{{ steps.egg.outputs.value }}"}},
        {"id": "egg", "type": "core.set", "with": {"value": "{{ steps.hen.outputs.value }}"}},
    ]
    text = str(problem(await client.post("/api/v1/workflows", json={"definition": wrong}), 422)["complaints"])
    assert "hen" in text
    assert "egg" in text


async def test_saving_makes_versions_and_saving_the_same_makes_none(client: httpx.AsyncClient) -> None:
    made = await save(client, document())
    path = f"/api/v1/workflows/{made['id']}/definition"
    again = await client.put(path, json={"definition": document()})
    assert again.json()["version"] == 1
    second = await client.put(path, json={"definition": document(value="there"), "note": "moved"})
    assert second.json()["version"] == 2
    versions = (await client.get(f"/api/v1/workflows/{made['id']}/versions")).json()["items"]
    assert [(one["number"], one["note"]) for one in versions] == [(2, "moved"), (1, "")]
    first = (await client.get(f"/api/v1/workflows/{made['id']}/versions/1")).json()
    assert first["definition"] == document()
    problem(await client.get(f"/api/v1/workflows/{made['id']}/versions/3"), 404)


async def test_a_draft_may_be_empty_but_nothing_does_not_replace_what_runs(
    client: httpx.AsyncClient,
) -> None:
    made = await save(client, document())
    path = f"/api/v1/workflows/{made['id']}"
    for nothing in ({"schema": 1, "nodes": []}, {"schema": 1, "name": "Words"}):
        refused = problem(await client.put(f"{path}/definition", json={"definition": nothing}), 422)
        assert refused["complaints"][0]["field"] == "nodes"
        assert "draft" in refused["detail"]
    draft = {"definition": {"schema": 1, "nodes": []}, "publish": False}
    kept = (await client.put(f"{path}/definition", json=draft)).raise_for_status().json()
    assert (kept["version"], kept["draft_version"]) == (1, 2)
    problem(await client.post(f"{path}/versions/2/publish", json={}), 422)
    assert (await client.get(path)).json()["definition"] == document()


async def test_a_new_workflow_may_be_empty_and_says_so_when_it_is_run(client: httpx.AsyncClient) -> None:
    made = await save(client, {"schema": 1, "name": "Nothing yet", "nodes": []})
    run = {"workflow_id": made["id"], "inputs": {}}
    assert "no steps yet" in problem(await client.post("/api/v1/instances", json=run), 409)["detail"]
    path = f"/api/v1/workflows/{made['id']}/definition"
    await client.put(path, json={"definition": document()})
    assert (await client.post("/api/v1/instances", json=run)).status_code == 201


async def test_nobodys_newer_version_is_written_over(client: httpx.AsyncClient) -> None:
    made = await save(client, document())
    path = f"/api/v1/workflows/{made['id']}/definition"
    await client.put(path, json={"definition": document(value="two"), "base_version": 1})
    late = await client.put(path, json={"definition": document(value="mine"), "base_version": 1})
    assert problem(late, 409)["version"] == 2


async def test_saves_at_once_get_numbers_of_their_own(client: httpx.AsyncClient) -> None:
    made = await save(client, document())
    path = f"/api/v1/workflows/{made['id']}/definition"
    answers = await asyncio.gather(
        *(client.put(path, json={"definition": document(value=f"v{number}")}) for number in range(6))
    )
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5, 6, 7]


async def test_a_written_version_cannot_be_changed_even_by_a_bug(
    client: httpx.AsyncClient, editor: Person, database: Database
) -> None:
    await save(client, document())
    with pytest.raises(psycopg.errors.RaiseException, match="immutable"):
        async with database.transaction(Scope.organization(editor.organization_id)) as tx:
            await tx.execute("UPDATE workflow_versions SET note = 'other'")


async def test_renaming_changes_what_is_given_and_no_more(client: httpx.AsyncClient) -> None:
    made = await save(client, document(), description="kept")
    changed = (await client.patch(f"/api/v1/workflows/{made['id']}", json={"name": "New"})).json()
    assert (changed["name"], changed["description"], changed["version"]) == ("New", "kept", 1)
    problem(await client.patch(f"/api/v1/workflows/{made['id']}", json={"name": ""}), 422)
    found = problem(await client.patch(f"/api/v1/workflows/{made['id']}", json={"nmae": "x"}), 422)
    sentence = "There is no field “nmae” here. Did you mean “name”?"
    assert found["complaints"] == [{"field": "nmae", "message": sentence}]


async def test_a_deleted_workflow_is_gone(client: httpx.AsyncClient) -> None:
    made = await save(client, document())
    path = f"/api/v1/workflows/{made['id']}"
    assert (await client.delete(path)).status_code == 204
    for answer in (
        await client.get(path),
        await client.delete(path),
        await client.patch(path, json={"name": "x"}),
        await client.put(f"{path}/definition", json={"definition": document(value="x")}),
        await client.get(f"{path}/versions"),
    ):
        problem(answer, 404)
    assert (await client.get("/api/v1/workflows")).json()["items"] == []


async def test_pages_join_up_without_gap_or_double(client: httpx.AsyncClient) -> None:
    made = [(await save(client, document(f"Number {number}")))["id"] for number in range(7)]
    seen, cursor = [], None
    while True:
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        answer = (await client.get("/api/v1/workflows", params=params)).json()
        seen += [one["id"] for one in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    problem(await client.get("/api/v1/workflows", params={"cursor": "!!"}), 400)
    problem(await client.get("/api/v1/workflows", params={"limit": 0}), 422)


async def test_a_repeated_call_makes_one_workflow(client: httpx.AsyncClient) -> None:
    body, key = {"definition": document()}, {"idempotency-key": str(new_id())}
    answers = await asyncio.gather(
        *(client.post("/api/v1/workflows", json=body, headers=key) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = copy.deepcopy(body)
    other["definition"]["name"] = "Another"
    problem(await client.post("/api/v1/workflows", json=other, headers=key), 422)
    failed: dict[str, object] = {"definition": {}}
    new_key = {"idempotency-key": str(new_id())}
    problem(await client.post("/api/v1/workflows", json=failed, headers=new_key), 422)
    # A call that failed left nothing behind: its key is free for the mended one.
    assert (await client.post("/api/v1/workflows", json=body, headers=new_key)).status_code == 201


async def test_keys_of_two_people_do_not_meet(people: People, editor: Person) -> None:
    colleague = await people.member(Role.editor, editor.organization_id)
    key = {"idempotency-key": "the same words"}
    body = {"definition": document()}
    mine = await editor.client.post("/api/v1/workflows", json=body, headers=key)
    theirs = await colleague.client.post("/api/v1/workflows", json=body, headers=key)
    assert mine.json()["id"] != theirs.json()["id"]
