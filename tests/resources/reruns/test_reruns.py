"""Running again over HTTP: retried, from a step, on other values, by whom, and refused in words."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.engine.engine import Engine
from app.kit.ids import OrganizationId, new_id
from app.resources.accounts.roles import Role
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Scope
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, Shelf, World, document, node
from tests.people import People, Person, problem
from tests.resources.instances.test_instances import read, save, start, upload_picture

CHAIN = document(
    node("a", with_={"value": "{{ inputs.n }}"}),
    node("b", with_={"value": "{{ steps.a.outputs.value }}"}),
    inputs={"n": {"type": "number", "default": 1}, "title": {"type": "text", "default": ""}},
    outputs={"b": "{{ steps.b.outputs.value }}"},
)
SPREAD = document(
    node("fan", each="{{ inputs.list }}", with_={"value": "{{ item }}"}),
    node("all", "core.set", with_={"value": "{{ steps.fan.outputs.value }}"}),
    inputs={"list": {"type": "json"}},
    outputs={"all": "{{ steps.all.outputs.value }}"},
)


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
    """The engine's world in that person's organization, to work by hand."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM instances")
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=Shelf(), callbacks=ADDRESSES)
    return World(database, engine, OrganizationId(person.organization_id), Shelf())


async def again(client: httpx.AsyncClient, address: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """A new instance that goes on from an old one."""
    answer = await client.post(f"/api/v1/instances/{address}", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def steps_of(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its steps by node."""
    return {step["node_id"]: step for step in (await read(client, f"/{made['id']}/steps"))["items"]}


async def failed_once(client: httpx.AsyncClient, theirs: World) -> dict[str, Any]:
    """An instance whose second step has failed."""
    made = await start(client, await save(client, CHAIN), inputs={"n": 5})
    hand = theirs.worker()
    await hand.complete(await hand.must_claim(), 5)
    await hand.fail(await hand.must_claim())
    return made


async def test_a_retry_is_a_new_instance_that_keeps_what_was_done(
    client: httpx.AsyncClient, theirs: World, person: Person
) -> None:
    old = await failed_once(client, theirs)
    made = await again(client, f"{old['id']}/retry")
    assert (made["origin_id"], made["origin_number"], made["number"]) == (old["id"], 1, 2)
    assert (made["source"], made["rerun"]["failures"], made["inputs"]) == ("retry", True, old["inputs"])
    before, after = await steps_of(client, old), await steps_of(client, made)
    assert after["a"]["reused_from"] == {
        "step_id": before["a"]["id"],
        "instance_id": old["id"],
        "number": 1,
    }
    assert (after["a"]["status"], after["b"]["status"]) == ("completed", "queued")
    assert after["b"]["reused_from"] is None
    assert await theirs.drain() == 1
    assert (await read(client, f"/{made['id']}"))["outputs"] == {"b": 5}
    listed = (await read(client, f"?origin={old['id']}"))["items"]
    assert [one["id"] for one in listed] == [made["id"]]


async def test_the_same_key_retries_once(client: httpx.AsyncClient, theirs: World) -> None:
    old = await failed_once(client, theirs)
    key = {"idempotency-key": "pressed twice"}
    first = await client.post(f"/api/v1/instances/{old['id']}/retry", json={}, headers=key)
    second = await client.post(f"/api/v1/instances/{old['id']}/retry", json={}, headers=key)
    assert first.json() == second.json()
    assert len((await read(client, f"?origin={old['id']}"))["items"]) == 1


async def test_what_runs_or_has_nothing_to_retry_is_refused_in_words(
    client: httpx.AsyncClient, theirs: World
) -> None:
    made = await start(client, await save(client, CHAIN))
    found = problem(await client.post(f"/api/v1/instances/{made['id']}/retry"), 409)
    assert "has not ended" in found["detail"]
    await theirs.drain()
    found = problem(await client.post(f"/api/v1/instances/{made['id']}/retry"), 409)
    assert "Nothing in this run failed" in found["detail"]
    problem(await client.post(f"/api/v1/instances/{new_id()}/retry"), 404)


async def test_a_step_runs_again_by_its_name_or_its_own_address(
    client: httpx.AsyncClient, theirs: World
) -> None:
    old = await start(client, await save(client, CHAIN))
    await theirs.drain()
    for address, body in (
        ("rerun", {"from": ["b"]}),
        (f"steps/{(await steps_of(client, old))['b']['id']}/rerun", None),
    ):
        made = await again(client, f"{old['id']}/{address}", body)
        assert made["rerun"]["steps"] == ["b"]
        assert {name: step["status"] for name, step in (await steps_of(client, made)).items()} == {
            "a": "completed",
            "b": "queued",
        }
    found = problem(await client.post(f"/api/v1/instances/{old['id']}/rerun", json={"from": ["c"]}), 422)
    assert found["complaints"][0]["field"] == "from[0]"


async def test_other_inputs_are_checked_and_run_what_asks_for_them(
    client: httpx.AsyncClient, theirs: World
) -> None:
    old = await start(client, await save(client, CHAIN), inputs={"n": 3, "title": "Old"})
    await theirs.drain()
    refused = await client.post(f"/api/v1/instances/{old['id']}/rerun", json={"inputs": {"n": "x", "m": 1}})
    assert {one["field"] for one in problem(refused, 422)["complaints"]} == {"inputs.n", "inputs.m"}
    made = await again(client, f"{old['id']}/rerun", {"inputs": {"n": 4}})
    assert made["inputs"] == {"n": 4, "title": "Old"}
    assert await theirs.drain() == 2
    made = await again(client, f"{old['id']}/rerun", {"inputs": {"title": "New"}, "keep": True})
    assert (made["status"], made["outputs"]) == ("completed", {"b": 3})
    made = await again(client, f"{old['id']}/rerun", {"inputs": {"n": None}})
    assert made["inputs"]["n"] == 1


async def test_one_item_runs_again_on_other_values(client: httpx.AsyncClient, theirs: World) -> None:
    old = await start(client, await save(client, SPREAD), inputs={"list": ["a", "b", "c"]})
    await theirs.drain()
    fan = (await steps_of(client, old))["fan"]
    items = (await read(client, f"/{old['id']}/steps?parent={fan['id']}"))["items"]
    made = await again(client, f"{old['id']}/steps/{items[1]['id']}/rerun", {"with": {"value": "B"}})
    assert made["rerun"]["items"] == [{"step": "fan", "index": 1}]
    shown = (await steps_of(client, made))["fan"]
    assert (shown["items"], shown["items_kept"]) == ({"total": 3, "done": 2, "failed": 0}, 2)
    await theirs.drain()
    assert (await read(client, f"/{made['id']}"))["outputs"] == {"all": ["a", "B", "c"]}
    edited = (await read(client, f"/{made['id']}/steps?parent={shown['id']}"))["items"][1]
    assert edited["edited"]["inputs"] == {"value": "B"}
    assert edited["reused_from"] is None
    body = {"items": [{"step": "fan", "index": 9}, {"step": "fan", "index": 0, "with": {"valeu": 1}}]}
    found = problem(await client.post(f"/api/v1/instances/{old['id']}/rerun", json=body), 422)
    assert "Did you mean “value”?" in found["complaints"][0]["message"]


async def test_a_step_runs_again_on_other_values_and_says_whose(
    client: httpx.AsyncClient, theirs: World, person: Person
) -> None:
    old = await failed_once(client, theirs)
    step = (await steps_of(client, old))["b"]["id"]
    for address, body in (
        ("rerun", {"with": {"b": {"value": "mended"}}}),
        (f"steps/{step}/rerun", {"with": {"value": "mended"}}),
    ):
        made = await again(client, f"{old['id']}/{address}", body)
        assert made["rerun"]["values"] == ["b"]
        shown = (await steps_of(client, made))["b"]
        assert (shown["edited"]["by"], shown["edited"]["name"]) == (str(person.user_id), "editor")
        assert (shown["edited"]["before"], shown["edited"]["inputs"]) == ({"value": 5}, {"value": "mended"})
        await theirs.drain()
        assert (await read(client, f"/{made['id']}"))["outputs"] == {"b": "mended"}
    planned = await client.post(
        f"/api/v1/instances/{old['id']}/rerun/plan", json={"with": {"a": {"value": 1}}}
    )
    assert (planned.json()["kept"], planned.json()["run"]) == ([], ["a", "b"])
    wrong = {"with": {"b": {"value": 1, "valeu": 1}, "c": {}}}
    found = problem(await client.post(f"/api/v1/instances/{old['id']}/rerun", json=wrong), 422)
    assert "Did you mean “value”?" in found["complaints"][0]["message"]
    both = {"with": {"value": 1}, "outputs": {"value": 1}}
    problem(await client.post(f"/api/v1/instances/{old['id']}/steps/{step}/rerun", json=both), 422)


async def test_a_whole_fan_out_takes_no_values_and_an_item_no_outputs(
    client: httpx.AsyncClient, theirs: World
) -> None:
    old = await start(client, await save(client, SPREAD), inputs={"list": ["a"]})
    await theirs.drain()
    fan = (await steps_of(client, old))["fan"]
    (item,) = (await read(client, f"/{old['id']}/steps?parent={fan['id']}"))["items"]
    for step, body in ((fan, {"with": {"value": 1}}), (item, {"outputs": {"value": 1}})):
        address = f"/api/v1/instances/{old['id']}/steps/{step['id']}/rerun"
        problem(await client.post(address, json=body), 422)
    problem(await client.post(f"/api/v1/instances/{old['id']}/steps/{new_id()}/rerun"), 404)


async def test_outputs_by_hand_say_by_whom_and_what_stood_there(
    client: httpx.AsyncClient, theirs: World, person: Person
) -> None:
    old = await failed_once(client, theirs)
    made = await again(client, f"{old['id']}/rerun", {"outputs": {"a": {"value": "right"}}})
    step = (await steps_of(client, made))["a"]
    assert step["outputs"] == {"value": "right", "number": 1}
    assert (step["edited"]["by"], step["edited"]["name"]) == (str(person.user_id), "editor")
    assert step["edited"]["before"] == {"value": 5, "number": 1}
    events = (await read(client, f"/{made['id']}/events"))["items"]
    assert [one["data"]["by"] for one in events if one["type"] == "step.edited"] == [str(person.user_id)]
    job = await theirs.worker().must_claim()
    assert job.inputs["value"] == "right"
    body = {"outputs": {"a": {"number": "many"}}}
    found = problem(await client.post(f"/api/v1/instances/{old['id']}/rerun", json=body), 422)
    assert (found["complaints"][0]["node"], found["complaints"][0]["field"]) == ("a", "outputs.number")


async def test_a_plan_tells_what_is_kept_from_another_version_of_its_type(
    client: httpx.AsyncClient, theirs: World
) -> None:
    old = await failed_once(client, theirs)
    await theirs.execute("UPDATE steps SET type_version = 7 WHERE node_id = 'a'")
    address = f"/api/v1/instances/{old['id']}/rerun/plan"
    kept = (await client.post(address, json={"from": ["b"]})).json()
    assert (kept["kept"], kept["outdated"]) == (["a"], [{"step": "a", "ran_on": 7, "now": 1}])
    renewed = (await client.post(address, json={"from": ["b"], "version": "newest"})).json()
    assert (renewed["run"], renewed["outdated"]) == (["a", "b"], [])
    made = await again(client, f"{old['id']}/retry", {"version": "newest"})
    assert (await steps_of(client, made))["a"]["status"] == "queued"


async def test_giving_values_needs_an_editor(
    client: httpx.AsyncClient, theirs: World, people: People, person: Person
) -> None:
    old = await failed_once(client, theirs)
    operator = (await people.member(Role.operator, person.organization_id)).client
    step = (await steps_of(client, old))["a"]["id"]
    for address, body in (
        ("rerun", {"outputs": {"a": {"value": 1}}}),
        ("rerun", {"with": {"a": {"value": 1}}}),
        ("rerun", {"items": [{"step": "a", "index": 0, "with": {"value": 1}}]}),
        (f"steps/{step}/rerun", {"with": {"value": 1}}),
        (f"steps/{step}/rerun", {"outputs": {"value": 1}}),
    ):
        found = problem(await operator.post(f"/api/v1/instances/{old['id']}/{address}", json=body), 403)
        assert "editor" in found["detail"]
    assert (await again(operator, f"{old['id']}/retry"))["origin_id"] == old["id"]


async def test_a_file_by_hand_must_be_one_of_the_organization(
    client: httpx.AsyncClient, theirs: World, people: People
) -> None:
    definition = document(
        node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 8}),
        node("see", "core.set", with_={"value": "{{ steps.small.outputs.image.name }}"}),
        inputs={"photo": {"type": "image"}},
        outputs={"name": "{{ steps.see.outputs.value }}"},
    )
    photo = await upload_picture(client)
    old = await start(client, await save(client, definition), inputs={"photo": {"asset": photo["id"]}})
    await client.post(f"/api/v1/instances/{old['id']}/cancel")
    foreign = await upload_picture((await people.member(Role.owner)).client)
    for wrong in (foreign["id"], "x"):
        given = {"image": {"asset": wrong, "mime": "image/png"}, "width": 8, "height": 8}
        answer = await client.post(f"/api/v1/instances/{old['id']}/rerun", json={"outputs": {"small": given}})
        assert wrong in problem(answer, 422)["complaints"][0]["message"]
    given = {"image": {"asset": photo["id"]}, "width": 8, "height": 8}
    made = await again(client, f"{old['id']}/rerun", {"outputs": {"small": given}})
    assert (made["status"], made["outputs"]) == ("completed", {"name": "a.png"})
    assert (await steps_of(client, made))["small"]["outputs"]["image"]["sha256"] == photo["sha256"]


async def test_the_newest_version_is_what_a_start_runs(client: httpx.AsyncClient, theirs: World) -> None:
    old = await failed_once(client, theirs)
    newer = document(
        node("a", with_={"value": "{{ inputs.n }}"}),
        node("b", "core.set", with_={"value": "{{ steps.a.outputs.value }}"}),
        inputs={"n": {"type": "number"}, "extra": {"type": "text", "default": "x"}},
        outputs={"b": "{{ steps.b.outputs.value }}"},
    )
    address = f"/api/v1/workflows/{old['workflow_id']}/definition"
    assert (await client.put(address, json={"definition": newer})).status_code == 200
    same = await again(client, f"{old['id']}/retry", {"version": "same"})
    assert (same["version"], same["status"]) == (1, "pending")
    made = await again(client, f"{old['id']}/retry", {"version": "newest"})
    assert (made["version"], made["status"], made["outputs"]) == (2, "completed", {"b": 5})
    assert made["inputs"] == {"n": 5, "extra": "x"}
    await client.delete(f"/api/v1/workflows/{old['workflow_id']}")
    problem(await client.post(f"/api/v1/instances/{old['id']}/retry"), 404)


async def test_a_plan_says_what_would_be_kept_and_starts_nothing(
    client: httpx.AsyncClient, theirs: World
) -> None:
    old = await start(client, await save(client, SPREAD), inputs={"list": ["a", "b", "c"]})
    await theirs.drain()
    address = f"/api/v1/instances/{old['id']}/rerun/plan"
    body = {"items": [{"step": "fan", "index": 0}]}
    assert (await client.post(address, json=body)).json() == {
        "version": 1,
        "kept": [],
        "edited": [],
        "parts": [{"step": "fan", "items_total": 3, "items_run": 1}],
        "outdated": [],
        "run": ["all"],
    }
    assert (await client.post(address, json={"from": ["all"]})).json()["kept"] == ["fan"]
    assert (await client.post(address)).json()["run"] == ["fan", "all"]
    problem(await client.post(address, json={"from": ["al"]}), 422)
    assert len((await read(client, ""))["items"]) == 1


async def test_a_body_of_another_form_is_refused(client: httpx.AsyncClient, theirs: World) -> None:
    old = await failed_once(client, theirs)
    for body in (
        {"from": "b"},
        {"step": "b"},
        {"items": [{"step": "b", "index": -1}]},
        {"version": "older"},
        {"from": ["x"] * 201},
    ):
        problem(await client.post(f"/api/v1/instances/{old['id']}/rerun", json=body), 422)


async def test_nobody_elses_instance_is_run_again(
    client: httpx.AsyncClient, theirs: World, people: People, person: Person
) -> None:
    old = await failed_once(client, theirs)
    stranger = (await people.member(Role.owner)).client
    viewer = (await people.member(Role.viewer, person.organization_id)).client
    step = (await steps_of(client, old))["a"]["id"]
    for address in ("retry", "rerun", "rerun/plan", f"steps/{step}/rerun"):
        problem(await stranger.post(f"/api/v1/instances/{old['id']}/{address}"), 404)
        problem(await viewer.post(f"/api/v1/instances/{old['id']}/{address}"), 403)
