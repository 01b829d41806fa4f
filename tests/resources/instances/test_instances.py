"""Instances over HTTP: started on checked inputs, listed, looked into, cancelled, and nobody else's."""

import io
from secrets import token_hex
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from app.engine.engine import Engine
from app.flow.messages import ErrorClass, LogLine
from app.kit.ids import OrganizationId, new_id
from app.resources.accounts.roles import Role
from app.resources.instances import model
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Scope
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, Shelf, World, document, node
from tests.people import People, Person, problem

NUMBER = {"n": {"type": "number", "label": "A number"}}
SUM = document(
    node("twice", "core.set", with_={"value": "{{ inputs.n + inputs.n }}"}),
    inputs=NUMBER,
    outputs={"n": "{{ steps.twice.outputs.value }}"},
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
    shelf = Shelf()
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=shelf, callbacks=ADDRESSES)
    return World(database, engine, OrganizationId(person.organization_id), shelf)


async def save(client: httpx.AsyncClient, definition: dict[str, Any]) -> str:
    """A workflow of this document; its id."""
    answer = await client.post("/api/v1/workflows", json={"definition": definition})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def start(client: httpx.AsyncClient, workflow: str, **more: Any) -> dict[str, Any]:
    """An instance that could be started."""
    answer = await client.post("/api/v1/instances", json={"workflow_id": workflow, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def read(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    """What stands at an address under /api/v1/instances."""
    answer = await client.get(f"/api/v1/instances{address}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_inline_workflow_has_ended_when_the_answer_comes(client: httpx.AsyncClient) -> None:
    made = await start(client, await save(client, SUM), inputs={"n": 21})
    assert (made["status"], made["number"], made["outputs"]) == ("completed", 1, {"n": 42})
    assert made["progress"] == {"steps_total": 1, "steps_done": 1}
    assert await read(client, f"/{made['id']}") == made


async def test_inputs_that_do_not_fit_are_refused_one_by_one(client: httpx.AsyncClient) -> None:
    workflow = await save(client, SUM)
    body = {"workflow_id": workflow, "inputs": {"n": "many", "m": 1}}
    found = problem(await client.post("/api/v1/instances", json=body), 422)
    assert {one["field"] for one in found["complaints"]} == {"inputs.n", "inputs.m"}
    assert (await read(client, f"?workflow_id={workflow}"))["items"] == []


async def test_a_missing_workflow_or_version_is_said_so(client: httpx.AsyncClient) -> None:
    body = {"workflow_id": str(new_id()), "inputs": {}}
    problem(await client.post("/api/v1/instances", json=body), 404)
    unknown = {"workflow_id": await save(client, SUM), "version": 7, "inputs": {"n": 1}}
    problem(await client.post("/api/v1/instances", json=unknown), 404)


async def test_an_older_version_can_be_run(client: httpx.AsyncClient) -> None:
    workflow = await save(client, SUM)
    newer = {**SUM, "outputs": {}}
    await client.put(f"/api/v1/workflows/{workflow}/definition", json={"definition": newer})
    latest = await start(client, workflow, inputs={"n": 1})
    older = await start(client, workflow, inputs={"n": 1}, version=1)
    assert (latest["version"], latest["outputs"]) == (2, {})
    assert (older["version"], older["outputs"], older["number"]) == (1, {"n": 2}, 2)


async def test_a_repeated_start_with_the_same_key_starts_once(client: httpx.AsyncClient) -> None:
    body = {"workflow_id": await save(client, SUM), "inputs": {"n": 1}}
    headers = {"idempotency-key": "press twice"}
    first = await client.post("/api/v1/instances", json=body, headers=headers)
    again = await client.post("/api/v1/instances", json=body, headers=headers)
    assert first.json() == again.json()
    assert len((await read(client, f"?workflow_id={body['workflow_id']}"))["items"]) == 1


async def test_an_asset_is_named_by_its_id_and_must_be_of_the_organization(
    client: httpx.AsyncClient, people: People
) -> None:
    workflow = await save(
        client,
        document(
            node("keep", "core.set", with_={"value": "{{ inputs.file }}"}),
            inputs={"file": {"type": "file"}},
            outputs={"file": "{{ steps.keep.outputs.value }}"},
        ),
    )
    upload = {"file": ("notes.txt", b"some notes", "text/plain")}
    asset = (await client.post("/api/v1/assets", files=upload)).json()
    made = await start(client, workflow, inputs={"file": {"asset": asset["id"]}})
    kept = made["outputs"]["file"]
    assert (kept["asset"], kept["name"], kept["sha256"]) == (asset["id"], "notes.txt", asset["sha256"])
    stranger = (await people.member(Role.owner)).client
    foreign = (await stranger.post("/api/v1/assets", files=upload)).json()
    body = {"workflow_id": workflow, "inputs": {"file": {"asset": foreign["id"]}}}
    found = problem(await client.post("/api/v1/instances", json=body), 422)
    assert foreign["id"] in found["complaints"][0]["message"]


async def test_a_drawing_is_no_picture_to_compute_with_and_is_refused_at_the_start(
    client: httpx.AsyncClient,
) -> None:
    drawing = {"file": ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml")}
    asset = (await client.post("/api/v1/assets", files=drawing)).json()
    assert (asset["kind"], asset["mime"]) == ("file", "image/svg+xml")
    photo = {"photo": {"type": "image", "label": "Photo"}}
    workflow = await save(client, document(SHRINK_PHOTO, inputs=photo))
    body = {"workflow_id": workflow, "inputs": {"photo": {"asset": asset["id"]}}}
    (complaint,) = problem(await client.post("/api/v1/instances", json=body), 422)["complaints"]
    assert complaint["field"] == "inputs.photo"
    assert complaint["message"] == "“Photo” wants an image; “logo.svg” is image/svg+xml."


SHRINK_PHOTO = node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 8})
SHRINK = node("small", "image.transform", with_={"image": "{{ inputs.data }}", "width": 8})
FORGERIES = {
    "json input": [SHRINK],
    "core.set": [
        node("kept", "core.set", with_={"value": "{{ inputs.data }}"}),
        node("small", "image.transform", with_={"image": "{{ steps.kept.outputs.value }}", "width": 8}),
    ],
    "map in an expression": [
        node(
            "small",
            "image.transform",
            with_={
                "image": "{{ {'asset': inputs.data.asset, 'name': 'x', 'mime': 'image/png', "
                "'size_bytes': 1, 'sha256': inputs.data.sha256} }}",
                "width": 8,
            },
        )
    ],
    "fan-out": [
        node(
            "small",
            "image.transform",
            each="{{ [inputs.data] }}",
            with_={"image": "{{ item }}", "width": 8},
        )
    ],
}


@pytest.mark.parametrize("nodes", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("names", ["nothing", "the foreign file"])
async def test_a_file_value_of_ones_own_making_opens_no_foreign_bytes(
    client: httpx.AsyncClient, people: People, theirs: World, nodes: list[dict[str, Any]], names: str
) -> None:
    stranger = (await people.member(Role.owner)).client
    foreign = await upload_picture(stranger)
    forged = {
        "asset": "x" if names == "nothing" else foreign["id"],
        "name": "x",
        "mime": "image/png",
        "size_bytes": 1,
        "sha256": foreign["sha256"],
    }
    workflow = await save(client, document(*nodes, inputs={"data": {"type": "json"}}))
    made = await start(client, workflow, inputs={"data": forged})
    assert (made["status"], made["error"]["class"]) == ("failed", "bad_input")
    assert "there is no file with the id" in made["error"]["message"]
    assert await theirs.worker().claim() is None


async def test_a_file_value_is_what_its_asset_is_whatever_else_it_claims(
    client: httpx.AsyncClient, people: People, theirs: World
) -> None:
    own, foreign = await upload_picture(client), await upload_picture((await people.member()).client, "red")
    claimed = {"asset": own["id"], "mime": "image/png", "sha256": foreign["sha256"]}
    workflow = await save(client, document(SHRINK, inputs={"data": {"type": "json"}}))
    await start(client, workflow, inputs={"data": claimed})
    job = await theirs.worker().must_claim()
    assert job.inputs["image"] == {
        "asset": own["id"],
        **{name: own[name] for name in ("name", "mime", "size_bytes", "sha256")},
    }


async def upload_picture(client: httpx.AsyncClient, colour: str = "blue") -> dict[str, Any]:
    """A small picture among somebody's files."""
    content = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(content, "PNG")
    answer = await client.post("/api/v1/assets", files={"file": ("a.png", content.getvalue(), "image/png")})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_lists_page_and_narrow(client: httpx.AsyncClient, theirs: World) -> None:
    sums, works = await save(client, SUM), await save(client, document(node("work")))
    for _ in range(3):
        await start(client, sums, inputs={"n": 1})
    open_one = await start(client, works)
    first = await read(client, "?limit=2")
    second = await read(client, f"?limit=2&cursor={first['next_cursor']}")
    assert first["items"][0]["id"] == open_one["id"]
    assert len(first["items"]) == len(second["items"]) == 2
    assert second["next_cursor"] is None
    assert {one["workflow_id"] for one in (await read(client, f"?workflow_id={sums}"))["items"]} == {sums}
    waiting = (await read(client, "?status=pending&status=running"))["items"]
    assert [one["id"] for one in waiting] == [open_one["id"]]
    assert "inputs" not in waiting[0]


async def test_steps_show_tries_progress_and_errors(client: httpx.AsyncClient, theirs: World) -> None:
    work = node("work", retry={"max": 1, "backoff_s": 0})
    made = await start(
        client, await save(client, document(node("first", "core.set", with_={"value": 1}), work))
    )
    hand = theirs.worker()
    job = await hand.must_claim()
    await hand.report(job, progress_fraction=0.5, progress_message="Half way")
    await hand.fail(job, ErrorClass.transient, "Not now.")
    again = await hand.must_claim()
    await hand.report(
        again, progress_fraction=0.25, logs=[LogLine(at="2026-11-23T22:00:00Z", level="info", message="hi")]
    )
    steps = (await read(client, f"/{made['id']}/steps"))["items"]
    assert {step["node_id"] for step in steps} == {"first", "work"}
    (shown,) = [step for step in steps if step["node_id"] == "work"]
    assert (shown["status"], shown["progress_fraction"], shown["attempts_used"]) == ("running", 0.25, 1)
    assert [one["status"] for one in shown["attempts"]] == ["failed", "leased"]
    assert shown["attempts"][0]["error"]["message"] == "Not now."
    logs = (await read(client, f"/{made['id']}/steps/{shown['id']}/logs"))["items"]
    assert [line["message"] for line in logs] == ["hi"]
    assert (await read(client, f"/{made['id']}/steps/{shown['id']}/logs?after={logs[0]['id']}"))[
        "items"
    ] == []


async def test_the_items_of_a_fan_out_come_in_pages_of_their_own(
    client: httpx.AsyncClient, theirs: World
) -> None:
    definition = document(
        node("spread", each="{{ inputs.list }}", with_={"value": "{{ item }}"}),
        inputs={"list": {"type": "json"}},
    )
    made = await start(client, await save(client, definition), inputs={"list": list(range(5))})
    (step,) = (await read(client, f"/{made['id']}/steps"))["items"]
    assert step["items"] == {"total": 5, "done": 0, "failed": 0}
    await theirs.drain()
    first = await read(client, f"/{made['id']}/steps?parent={step['id']}&limit=3")
    rest = await read(client, f"/{made['id']}/steps?parent={step['id']}&cursor={first['next_cursor']}")
    assert [item["path"] for item in first["items"] + rest["items"]] == [[0], [1], [2], [3], [4]]
    assert [item["outputs"]["value"] for item in rest["items"]] == [3, 4]
    (step,) = (await read(client, f"/{made['id']}/steps"))["items"]
    assert step["items"] == {"total": 5, "done": 5, "failed": 0}
    problem(await client.get(f"/api/v1/instances/{made['id']}/steps?cursor=walrus"), 400)


async def test_events_are_asked_for_behind_a_number(client: httpx.AsyncClient) -> None:
    made = await start(client, await save(client, SUM), inputs={"n": 1})
    events = (await read(client, f"/{made['id']}/events"))["items"]
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert made["event_seq"] == 3
    assert events[1]["data"]["node"] == "twice"
    assert (await read(client, f"/{made['id']}/events?after=2"))["items"] == events[2:]
    assert (await read(client, f"/{made['id']}/events?after=1&limit=1"))["items"] == events[1:2]


async def test_cancel_ends_it_and_says_by_whom(client: httpx.AsyncClient, person: Person) -> None:
    made = await start(client, await save(client, document(node("work"))))
    ended = (await client.post(f"/api/v1/instances/{made['id']}/cancel")).json()
    assert (ended["status"], UUID(ended["cancelled_by"])) == ("cancelled", person.user_id)
    done = await start(client, await save(client, SUM), inputs={"n": 1})
    problem(await client.post(f"/api/v1/instances/{done['id']}/cancel"), 409)


async def test_pause_and_resume_say_by_whom(client: httpx.AsyncClient, theirs: World, person: Person) -> None:
    made = await start(client, await save(client, document(node("work"))))
    for _ in range(2):
        paused = (await client.post(f"/api/v1/instances/{made['id']}/pause")).json()
        assert (paused["status"], paused["reason"]) == ("waiting", "Paused by editor.")
        assert (paused["pause"]["by"], paused["pause"]["name"]) == (str(person.user_id), "editor")
    (step,) = (await read(client, f"/{made['id']}/steps"))["items"]
    assert [one["status"] for one in step["attempts"]] == ["paused"]
    assert step["queue_position"] is None
    assert await theirs.worker().claim() is None
    for _ in range(2):
        resumed = (await client.post(f"/api/v1/instances/{made['id']}/resume")).json()
        assert (resumed["status"], resumed["reason"], resumed["pause"]) == ("pending", None, None)
    assert await theirs.drain() == 1
    for move in ("pause", "resume"):
        problem(await client.post(f"/api/v1/instances/{made['id']}/{move}"), 409)


async def test_one_step_is_cancelled_by_somebody(client: httpx.AsyncClient, theirs: World) -> None:
    definition = document(node("a", on_error="continue"), node("b"))
    made = await start(client, await save(client, definition))
    steps = {one["node_id"]: one for one in (await read(client, f"/{made['id']}/steps"))["items"]}
    address = f"/api/v1/instances/{made['id']}/steps/{steps['a']['id']}/cancel"
    ended = (await client.post(address)).json()
    assert (ended["status"], ended["error"]["message"]) == ("cancelled", "Cancelled by editor.")
    assert (await client.post(address)).status_code == 200
    assert await theirs.drain() == 1
    assert (await read(client, f"/{made['id']}"))["status"] == "completed"
    problem(await client.post(f"/api/v1/instances/{made['id']}/steps/{steps['b']['id']}/cancel"), 409)
    problem(await client.post(f"/api/v1/instances/{made['id']}/steps/{new_id()}/cancel"), 404)


async def test_another_organization_finds_none_of_it(client: httpx.AsyncClient, people: People) -> None:
    made = await start(client, await save(client, SUM), inputs={"n": 1})
    stranger = (await people.member(Role.owner)).client
    for address in ("", "/steps", "/events", f"/steps/{new_id()}/logs"):
        problem(await stranger.get(f"/api/v1/instances/{made['id']}{address}"), 404)
    for move in ("cancel", "pause", "resume"):
        problem(await stranger.post(f"/api/v1/instances/{made['id']}/{move}"), 404)
    assert (await read(stranger, ""))["items"] == []


async def test_a_viewer_watches_but_starts_and_cancels_nothing(
    client: httpx.AsyncClient, people: People, person: Person
) -> None:
    workflow = await save(client, document(node("work")))
    made = await start(client, workflow)
    viewer = (await people.member(Role.viewer, person.organization_id)).client
    assert (await read(viewer, f"/{made['id']}"))["id"] == made["id"]
    problem(await viewer.post("/api/v1/instances", json={"workflow_id": workflow, "inputs": {}}), 403)
    for move in ("cancel", "pause", "resume"):
        problem(await viewer.post(f"/api/v1/instances/{made['id']}/{move}"), 403)


async def test_what_a_step_runs_stands_under_its_instance_and_not_among_the_runs(
    client: httpx.AsyncClient,
) -> None:
    inner = await save(client, SUM)
    outer = await save(
        client,
        document(
            node("sub", "core.workflow", with_={"workflow": inner, "inputs": {"n": "{{ inputs.n }}"}}),
            inputs=NUMBER,
            outputs={"n": "{{ steps.sub.outputs.n }}"},
        ),
    )
    run = await start(client, outer, inputs={"n": 2})
    run = (await client.get(f"/api/v1/instances/{run['id']}")).json()  # it went on after that answer
    assert (run["status"], run["outputs"], run["parent_id"]) == ("completed", {"n": 4}, None)
    listed = (await client.get("/api/v1/instances", params={"workflow_id": inner})).json()["items"]
    assert listed == []
    (child,) = (await client.get("/api/v1/instances", params={"parent": run["id"]})).json()["items"]
    (step,) = (await client.get(f"/api/v1/instances/{run['id']}/steps")).json()["items"]
    for step_id, expected in ((step["id"], 1), (run["id"], 0)):
        wanted = {"parent": run["id"], "parent_step": step_id}
        assert len((await client.get("/api/v1/instances", params=wanted)).json()["items"]) == expected
    assert (child["workflow_id"], child["source"], child["parent_id"], child["parent_step_id"]) == (
        inner,
        "workflow",
        run["id"],
        step["id"],
    )


async def test_a_workflow_cannot_run_one_of_another_organization(
    client: httpx.AsyncClient, people: People
) -> None:
    stranger = await people.member(Role.editor)
    foreign = await save(stranger.client, SUM)
    definition = document(node("sub", "core.workflow", with_={"workflow": foreign, "inputs": {"n": 1}}))
    answer = await client.post("/api/v1/workflows", json={"definition": definition})
    assert answer.status_code == 422
    (complaint,) = answer.json()["complaints"]
    assert complaint["message"] == f"There is no workflow with the id {foreign} here."
    seen = (await client.post("/api/v1/workflows/validate", json={"definition": definition})).json()
    assert seen["errors"] == [complaint]


async def test_a_step_that_waits_for_a_worker_tells_its_place(
    client: httpx.AsyncClient, theirs: World
) -> None:
    workflow = await save(client, document(node("work")))
    runs = [await start(client, workflow) for _ in range(3)]
    places = []
    for run in runs:
        (step,) = (await client.get(f"/api/v1/instances/{run['id']}/steps")).json()["items"]
        places.append(step["queue_position"])
    assert places == [1, 2, 3]
    await theirs.worker().must_claim()
    (step,) = (await client.get(f"/api/v1/instances/{runs[0]['id']}/steps")).json()["items"]
    assert (step["status"], step["queue_position"]) == ("running", None)


async def test_a_plan_tells_what_a_start_would_do_and_starts_nothing(
    client: httpx.AsyncClient, theirs: World
) -> None:
    workflow = await save(
        client,
        document(
            node("first", "core.set", with_={"value": "{{ inputs.n + 1.0 }}"}),
            node("work", name="Working", with_={"value": "{{ steps.first.outputs.value }}"}),
            node("many", each="{{ inputs.list }}", needs=["work"], with_={"value": "{{ item }}"}),
            node("never", needs=["work"], when="{{ steps.first.outputs.value > 100.0 }}"),
            node("show", "debug.gpu_work", needs=["many"]),
            inputs={**NUMBER, "list": {"type": "json", "default": [1, 2, 3]}},
        ),
    )
    answer = await client.post("/api/v1/instances/plan", json={"workflow_id": workflow, "inputs": {"n": 1}})
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert (plan["version"], plan["inputs"]) == (1, {"n": 1, "list": [1, 2, 3]})
    assert [(one["id"], one["wave"], one["fate"], one["items"]) for one in plan["steps"]] == [
        ("first", 1, "runs", None),
        ("work", 2, "runs", None),
        ("many", 3, "runs", 3),
        ("never", 3, "skipped", None),
        ("show", 4, "runs", None),
    ]
    assert (plan["steps"][1]["name"], plan["steps"][1]["after"]) == ("Working", ["first"])
    lanes = {one["lane"]: one["steps"] for one in plan["lanes"]}
    assert lanes == {"cpu": ["work", "many", "never"], "gpu": ["show"]}
    assert (await read(client, ""))["items"] == []
    for body in ({"workflow_id": workflow, "inputs": {"n": "x"}}, {"workflow_id": workflow, "inputs": {}}):
        problem(await client.post("/api/v1/instances/plan", json=body), 422)
    problem(
        await client.post("/api/v1/instances/plan", json={"workflow_id": str(new_id()), "inputs": {}}), 404
    )


async def test_a_plan_misses_a_file_that_is_gone(client: httpx.AsyncClient) -> None:
    definition = document(
        node("keep", "core.set", with_={"value": "{{ inputs.file }}"}), inputs={"file": {"type": "file"}}
    )
    body = {"workflow_id": await save(client, definition), "inputs": {"file": {"asset": str(new_id())}}}
    found = problem(await client.post("/api/v1/instances/plan", json=body), 422)
    assert "there is no file" in found["complaints"][0]["message"]


async def test_a_page_of_steps_ends_where_their_values_grow_large(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "PAGE_BYTES", 1_000)
    definition = document(
        node("fan", "core.set", each="{{ inputs.list }}", with_={"value": "{{ item }}"}),
        inputs={"list": {"type": "json"}},
    )
    values = [*(token_hex(2_000) for _ in range(3)), 1, 2]
    made = await start(client, await save(client, definition), inputs={"list": values})
    (fan,) = (await read(client, f"/{made['id']}/steps"))["items"]
    address = f"/{made['id']}/steps?parent={fan['id']}"
    page = await read(client, address)
    seen = [[item["path"][0] for item in page["items"]]]
    while page["next_cursor"] is not None:
        page = await read(client, f"{address}&cursor={page['next_cursor']}")
        seen.append([item["path"][0] for item in page["items"]])
    assert seen == [[0], [1], [2], [3, 4]]
