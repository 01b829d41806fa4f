"""The inbox: what waits for people, whose turn it is, and that it is told of at once."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.engine.announce import organization_channel
from app.kit.codec import decode_any
from app.resources.accounts.roles import Role
from app.store.bus import Bus
from tests.asking import answer, approve, begin, instance_of, step_of
from tests.engine.world import document, node
from tests.patience import PATIENCE_S
from tests.people import People, Person

YES = {"decision": "approved"}


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    """Somebody who may build and run."""
    return await people.member(Role.editor)


@pytest.fixture
def client(person: Person) -> httpx.AsyncClient:
    """That person's client."""
    return person.client


async def inbox(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    """The open questions as this client sees them."""
    found = await client.get(f"/api/v1/approvals{query}")
    assert found.status_code == 200, found.text
    page: dict[str, Any] = found.json()
    return page


async def test_what_waits_for_people_is_listed_until_it_is_answered(
    client: httpx.AsyncClient, person: Person
) -> None:
    asked = await begin(client, approve(value="x" * 1000, within_s=60))
    stopped = await begin(client, node("go", "core.set", mode="stop", with_={"value": 1}))
    await begin(client, node("timer", "core.delay", with_={"seconds": 600}))
    first, second = (await inbox(client))["items"]
    assert (first["instance_id"], first["kind"], first["node_id"]) == (stopped["id"], "start", "go")
    assert (second["instance_id"], second["kind"], second["request"]["question"]) == (
        asked["id"], "person", "Publish?",
    )  # fmt: skip
    assert (second["requester"], second["answers"], second["may_answer"]) == ("editor", 0, True)
    assert second["until"] is not None
    (of_one,) = (await inbox(client, f"?instance_id={asked['id']}"))["items"]
    assert of_one == second
    shown = (await client.get(f"/api/v1/instances/{asked['id']}/steps/{of_one['id']}")).json()
    assert shown == await step_of(client, asked)
    await answer(client, asked, await step_of(client, asked), YES)
    assert [one["instance_id"] for one in (await inbox(client))["items"]] == [stopped["id"]]
    await client.post(f"/api/v1/instances/{stopped['id']}/cancel")
    assert (await inbox(client))["items"] == []


async def test_it_says_whether_the_reader_may_answer_and_why_not(
    client: httpx.AsyncClient, person: Person, people: People
) -> None:
    await begin(client, approve(exclude_requester=True))
    await begin(client, node("go", "core.set", mode="stop", with_={"value": 1}))
    viewer = await people.member(Role.viewer, person.organization_id)
    other = await people.member(Role.editor, person.organization_id)
    for reader, may in (
        (client, [True, False]),
        (viewer.client, [False, False]),
        (other.client, [True, True]),
    ):
        items = (await inbox(reader))["items"]
        assert [one["may_answer"] for one in items] == may
        assert [one["refusal"] is None for one in items] == may


async def test_the_items_of_a_fan_out_are_questions_of_their_own_and_come_in_pages(
    client: httpx.AsyncClient,
) -> None:
    made = await begin(client, {**approve(value="{{ item }}"), "each": [1, 2, 3]})
    first = await inbox(client, "?limit=2")
    rest = await inbox(client, f"?limit=2&cursor={first['next_cursor']}")
    assert sorted(one["path"] for one in first["items"] + rest["items"]) == [[0], [1], [2]]
    assert rest["next_cursor"] is None
    for one in first["items"] + rest["items"]:
        await answer(client, made, {"id": one["id"]}, YES)
    assert (await step_of(client, made))["outputs"]["value"] == [1, 2, 3]


async def test_what_a_step_runs_asks_for_the_run_above_it_too(client: httpx.AsyncClient) -> None:
    inner = document(approve(), outputs={"value": "{{ steps.ask.outputs.decision }}"})
    called = (await client.post("/api/v1/workflows", json={"definition": inner})).json()["id"]
    call = node("call", "core.workflow", with_={"workflow": called, "inputs": {}})
    middle = (await client.post("/api/v1/workflows", json={"definition": document(call)})).json()["id"]
    above = await begin(
        client,
        approve("first"),
        {**node("run", "core.workflow", with_={"workflow": middle, "inputs": {}}), "each": [1, 2]},
    )
    beside = await begin(client, approve())
    page = await inbox(client, f"?instance_id={above['id']}&limit=2")
    rest = await inbox(client, f"?instance_id={above['id']}&limit=2&cursor={page['next_cursor']}")
    asked = page["items"] + rest["items"]
    assert sorted(one["node_id"] for one in asked) == ["ask", "ask", "first"]
    assert beside["id"] not in {one["instance_id"] for one in asked}
    for one in asked:
        await answer(client, {"id": one["instance_id"]}, {"id": one["id"]}, YES)
    assert (await inbox(client, f"?instance_id={above['id']}"))["items"] == []
    assert (await instance_of(client, above))["status"] == "completed"


async def test_another_organization_sees_none_of_it(client: httpx.AsyncClient, people: People) -> None:
    await begin(client, approve())
    assert (await inbox((await people.member(Role.owner)).client))["items"] == []


async def test_whoever_follows_the_organization_hears_of_a_question_and_of_its_answer(
    client: httpx.AsyncClient, person: Person, bus: Bus
) -> None:
    async with bus.listen(organization_channel(person.organization_id)) as messages:

        async def heard(wanted: str) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    message = await messages.get_message(ignore_subscribe_messages=True, timeout=1.0)
                    if message and wanted in {event["type"] for event in decode_any(message["data"])}:
                        return

        # The second way leaves the instance running, so that nothing but the step tells of the question.
        made = await begin(client, approve(approvals=2), node("work"))
        await heard("step.waiting")
        await answer(client, made, await step_of(client, made), YES)
        await heard("step.answered")
