"""Answering over HTTP: who may, how often, with what; two at once, after the end, a year later."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.engine.engine import Engine
from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Scope
from app.store.queue import Bells
from tests.asking import answer, approve, begin, instance_of, step_of
from tests.engine.world import ADDRESSES, Shelf, node
from tests.people import People, Person, problem
from tests.resources.instances.test_instances import upload_picture

YES, NO = {"decision": "approved"}, {"decision": "rejected"}


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    """Somebody who may build and run."""
    return await people.member(Role.editor)


@pytest.fixture
def client(person: Person) -> httpx.AsyncClient:
    """That person's client."""
    return person.client


async def test_an_approval_shows_what_it_asks_and_goes_on_when_given(
    client: httpx.AsyncClient, person: Person
) -> None:
    made = await begin(
        client,
        approve(text="Look well.", value=7),
        node("after", "core.set", with_={"value": "{{ steps.ask.outputs.value }}"}),
        outputs={"n": "{{ steps.after.outputs.value }}"},
    )
    assert (made["status"], made["reason"]) == ("waiting", "Waiting for an approval: Publish?")
    step = await step_of(client, made)
    assert step["wait"] == {
        "kind": "person",
        "request": {
            "ask": "approval", "question": "Publish?", "text": "Look well.", "approvals": 1, "rejections": 1,
            "keep": None,
        },
        "answers": [], "until": None, "may_answer": True, "refusal": None,
        "address": None,
    }  # fmt: skip
    said = await answer(client, made, step, {**YES, "comment": "Good."})
    assert said.status_code == 200, said.text
    done = said.json()
    assert (done["status"], done["wait"], done["outputs"]["answered_by"]) == ("completed", None, ["editor"])
    assert (await instance_of(client, made))["outputs"] == {"n": 7}


async def test_a_rejection_ends_the_run_with_who_and_why(client: httpx.AsyncClient) -> None:
    made = await begin(client, approve())
    await answer(client, made, await step_of(client, made), {**NO, "comment": "Not yet."})
    ended = await instance_of(client, made)
    assert (ended["status"], ended["error"]["class"]) == ("failed", "refused")
    assert ended["error"]["message"] == "editor rejected “Publish?”. Not yet."


async def test_a_rejection_may_take_a_way_of_its_own(client: httpx.AsyncClient) -> None:
    made = await begin(
        client,
        approve(on_reject="go_on"),
        node("publish", "core.set", needs=["ask.approved"], with_={"value": 1}),
        node("sorry", "core.set", needs=["ask.rejected"], with_={"value": 2}),
    )
    await answer(client, made, await step_of(client, made), NO)
    assert (await step_of(client, made, "publish"))["status"] == "skipped"
    assert (await step_of(client, made, "sorry"))["status"] == "completed"


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_answer_what_it_is_asked_and_sees_so(
    client: httpx.AsyncClient, person: Person, people: People, role: Role
) -> None:
    made = await begin(client, approve())
    other = await people.member(role, person.organization_id)
    step = await step_of(other.client, made)
    may = role.covers(Role.editor)
    assert (step["wait"]["may_answer"], step["wait"]["refusal"] is None) == (may, may)
    said = await answer(other.client, made, step, YES)
    if may:
        assert said.status_code == 200
    else:
        found = problem(said, 403)
        assert (found["type"], found["detail"]) == ("urn:studio:problem:not-asked", step["wait"]["refusal"])
        assert (await step_of(client, made))["wait"]["answers"] == []


async def test_people_are_asked_by_name_whatever_their_role(
    client: httpx.AsyncClient, person: Person, people: People
) -> None:
    viewer = await people.member(Role.viewer, person.organization_id)
    made = await begin(client, approve(people=[viewer.email.upper()]))
    step = await step_of(client, made)
    problem(await answer(client, made, step, YES), 403)
    assert (await answer(viewer.client, made, step, YES)).status_code == 200


async def test_the_requester_may_be_left_out(
    client: httpx.AsyncClient, person: Person, people: People
) -> None:
    made = await begin(client, approve(exclude_requester=True))
    step = await step_of(client, made)
    assert "somebody else" in problem(await answer(client, made, step, YES), 403)["detail"]
    other = await people.member(Role.editor, person.organization_id)
    assert (await answer(other.client, made, step, YES)).status_code == 200


async def test_a_quorum_counts_each_person_once(
    client: httpx.AsyncClient, person: Person, people: People
) -> None:
    made = await begin(client, approve(approvals=2))
    step = await step_of(client, made)
    first = (await answer(client, made, step, YES)).json()
    assert (first["status"], first["wait"]["answers"][0]["name"]) == ("waiting", "editor")
    assert (first["wait"]["may_answer"], "already" in first["wait"]["refusal"]) == (False, True)
    assert problem(await answer(client, made, step, YES), 409)["type"].endswith("answered-already")
    other = await people.member(Role.admin, person.organization_id)
    assert (await answer(other.client, made, step, YES)).json()["outputs"]["answered_by"] == [
        "editor",
        "admin",
    ]


@pytest.mark.parametrize("approvals", [1, 2])
async def test_of_two_who_answer_at_the_same_moment_none_is_lost_and_none_too_many(
    client: httpx.AsyncClient, person: Person, people: People, approvals: int
) -> None:
    made = await begin(client, approve(approvals=approvals))
    step = await step_of(client, made)
    other = await people.member(Role.editor, person.organization_id)
    said = await asyncio.gather(*(answer(one, made, step, YES) for one in (client, other.client)))
    assert sorted(one.status_code for one in said) == ([200, 409] if approvals == 1 else [200, 200])
    done = await step_of(client, made)
    assert (done["status"], len(done["outputs"]["answered_by"])) == ("completed", approvals)
    assert (await instance_of(client, made))["status"] == "completed"


async def test_a_repeated_answer_with_its_key_is_the_same_answer(client: httpx.AsyncClient) -> None:
    made = await begin(client, approve(approvals=2))
    step = await step_of(client, made)
    headers = {"idempotency-key": "press twice"}
    first = await answer(client, made, step, YES, **headers)
    again = await answer(client, made, step, YES, **headers)
    assert first.json() == again.json()
    assert len((await step_of(client, made))["wait"]["answers"]) == 1


@pytest.mark.parametrize(
    "value", [None, "approved", {"decision": "maybe"}, {**YES, "kept": [0]}, {**YES, "x": 1}]
)
async def test_an_answer_that_does_not_fit_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, value: Any
) -> None:
    made = await begin(client, approve())
    step = await step_of(client, made)
    assert problem(await answer(client, made, step, value), 422)["complaints"]
    assert await step_of(client, made) == step


async def test_pictures_are_kept_by_choice(client: httpx.AsyncClient) -> None:
    pictures = [await upload_picture(client, colour) for colour in ("red", "green", "blue")]
    made = await begin(
        client,
        approve(choices="{{ inputs.photos }}", keep_max=2),
        inputs={"photos": {"type": "image[]"}},
        given={"photos": [{"asset": one["id"]} for one in pictures]},
        outputs={"kept": "{{ steps.ask.outputs.kept }}"},
    )
    step = await step_of(client, made)
    assert [one["asset"] for one in step["inputs"]["choices"]] == [one["id"] for one in pictures]
    assert step["wait"]["request"]["keep"] == {"min": 1, "max": 2}
    await answer(client, made, step, {**YES, "kept": [2, 0]})
    kept = (await instance_of(client, made))["outputs"]["kept"]
    assert [one["asset"] for one in kept] == [pictures[0]["id"], pictures[2]["id"]]


FORM = node(
    "ask",
    "human.form",
    with_={
        "question": "What should it say?",
        "fields": {"caption": {"type": "text", "max": 5}, "photo": {"type": "image", "default": None}},
    },
)


async def test_a_form_hands_on_its_values_and_the_facts_of_its_files(client: httpx.AsyncClient) -> None:
    made = await begin(client, FORM, outputs={"values": "{{ steps.ask.outputs.values }}"})
    step = await step_of(client, made)
    assert step["wait"]["request"]["fields"] == FORM["with"]["fields"]
    found = problem(await answer(client, made, step, {"caption": "too long", "more": 1}), 422)
    assert {one["field"] for one in found["complaints"]} == {"inputs.caption", "inputs.more"}
    picture = await upload_picture(client)
    said = await answer(client, made, step, {"caption": "Hi", "photo": {"asset": picture["id"]}})
    assert said.status_code == 200, said.text
    values = (await instance_of(client, made))["outputs"]["values"]
    assert values["caption"] == "Hi"
    assert (values["photo"]["sha256"], values["photo"]["name"]) == (picture["sha256"], "a.png")


async def test_a_form_takes_no_file_of_another_organization(
    client: httpx.AsyncClient, people: People
) -> None:
    made = await begin(client, FORM)
    step = await step_of(client, made)
    foreign = await upload_picture((await people.member(Role.owner)).client)
    forged = {
        "asset": foreign["id"],
        **{key: foreign[key] for key in ("name", "mime", "size_bytes", "sha256")},
    }
    found = problem(await answer(client, made, step, {"caption": "Hi", "photo": forged}), 422)
    assert foreign["id"] in found["complaints"][0]["message"]


async def test_a_step_that_stopped_its_run_is_started_by_an_operator(
    client: httpx.AsyncClient, person: Person, people: People
) -> None:
    made = await begin(client, node("ask", "core.set", mode="stop", with_={"value": 1}))
    step = await step_of(client, made)
    assert (step["wait"]["kind"], step["wait"]["may_answer"]) == ("start", True)
    viewer = await people.member(Role.viewer, person.organization_id)
    assert "operator" in (await step_of(viewer.client, made))["wait"]["refusal"]
    address = f"/api/v1/instances/{made['id']}/steps/{step['id']}"
    problem(await viewer.client.post(f"{address}/start"), 403)
    problem(await client.post(f"{address}/answer", json={"value": 1}), 409)
    operator = await people.member(Role.operator, person.organization_id)
    assert (await operator.client.post(f"{address}/start")).json()["status"] == "completed"
    problem(await client.post(f"{address}/start"), 409)
    events = (await client.get(f"/api/v1/instances/{made['id']}/events")).json()["items"]
    (told,) = [event for event in events if event["type"] == "step.answered"]
    assert (told["data"]["by"], told["data"]["name"]) == (str(operator.user_id), "operator")


async def test_a_run_that_is_cancelled_while_it_waits_takes_no_answer(client: httpx.AsyncClient) -> None:
    made = await begin(client, approve())
    step = await step_of(client, made)
    await client.post(f"/api/v1/instances/{made['id']}/cancel")
    assert problem(await answer(client, made, step, YES), 409)["type"].endswith("instance-already-finished")
    ended = await step_of(client, made)
    assert (ended["status"], ended["wait"]) == ("cancelled", None)


async def test_another_organization_answers_nothing(client: httpx.AsyncClient, people: People) -> None:
    made = await begin(client, approve())
    step = await step_of(client, made)
    stranger = (await people.member(Role.owner)).client
    problem(await answer(stranger, made, step, YES), 404)
    problem(await stranger.post(f"/api/v1/instances/{made['id']}/steps/{step['id']}/start"), 404)
    problem(await answer(client, made, {"id": new_id()}, YES), 404)
    other = await begin(client, approve())
    problem(await answer(client, other, step, YES), 404)


async def test_a_year_later_and_after_a_restart_it_still_waits(
    client: httpx.AsyncClient, database: Database, bus: Bus
) -> None:
    made = await begin(client, approve())
    step = await step_of(client, made)
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            """UPDATE steps SET created_at = now() - interval '366 days',
                                started_at = now() - interval '366 days' WHERE id = %(id)s""",
            {"id": step["id"]},
        )
    await sweeper(database, bus).sweep()
    assert (await step_of(client, made))["status"] == "waiting"
    assert (await answer(client, made, step, YES)).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("otherwise", "status"), [("approve", "completed"), ("reject", "failed"), ("fail", "failed")]
)
async def test_when_time_is_up_the_sweep_lets_the_default_count(
    client: httpx.AsyncClient, database: Database, bus: Bus, otherwise: str, status: str
) -> None:
    made = await begin(client, approve(within_s=3600, otherwise=otherwise, value=1))
    step = await step_of(client, made)
    assert step["wait"]["until"] is not None
    async with database.transaction(Scope.system()) as tx:
        late = "UPDATE steps SET due_at = now() - interval '1 s' WHERE id = %(id)s"
        await tx.execute(late, {"id": step["id"]})
    await sweeper(database, bus).sweep()
    assert (await instance_of(client, made))["status"] == status
    problem(await answer(client, made, step, YES), 409)


def sweeper(database: Database, bus: Bus) -> Engine:
    """An engine that knows nothing of what was: as after a restart."""
    return Engine(database, catalog(), Bells(bus.redis), bus, assets=Shelf(), callbacks=ADDRESSES)
