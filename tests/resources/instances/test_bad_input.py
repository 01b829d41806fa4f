"""Documents, inputs and expressions that mean harm, over HTTP: refused in words, and the box goes on."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.resources.accounts.roles import Role
from tests.people import People, problem

LONG = 10**400  # a whole number that no double holds


@pytest_asyncio.fixture
async def client(people: People) -> httpx.AsyncClient:
    """Of somebody who may build and run."""
    return (await people.member(Role.editor)).client


def document(value: Any, **fields: Any) -> dict[str, Any]:
    """A workflow that gives one value."""
    return {
        "schema": 1,
        "name": "Harm",
        "nodes": [{"id": "a", "type": "core.set", "with": {"value": value}, **fields}],
        "outputs": {"value": "{{ steps.a.outputs.value }}"},
        "inputs": {
            "list": {"type": "json", "default": []},
            "n": {"type": "number", "default": 1},
            "text": {"type": "text", "default": ""},
        },
    }


async def run(client: httpx.AsyncClient, raw: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """The instance of a workflow that could be saved."""
    saved = await client.post("/api/v1/workflows", json={"definition": raw})
    assert saved.status_code == 201, saved.text
    begun = await client.post("/api/v1/instances", json={"workflow_id": saved.json()["id"], "inputs": inputs})
    assert begun.status_code == 201, begun.text
    instance: dict[str, Any] = begun.json()
    return instance


async def test_a_body_nested_beyond_reason_is_refused_with_a_sentence(client: httpx.AsyncClient) -> None:
    deep = b'{"definition": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    answer = await client.post(
        "/api/v1/workflows/validate", content=deep, headers={"content-type": "application/json"}
    )
    assert "nested" in problem(answer, 400)["detail"]


@pytest.mark.parametrize(
    "raw",
    [
        document(1, timeout_s=LONG),
        document(1, priority=LONG),
        document(1, each={"range": {"to": LONG}}),
        {**document(1), "inputs": {"n": {"type": "number", "default": LONG}}},
        {"schema": 1, "nodes": [{"id": "a", "type": "core.delay", "with": {"seconds": -LONG}}]},
    ],
)
async def test_a_number_of_four_hundred_digits_is_refused_with_a_sentence(
    client: httpx.AsyncClient, raw: dict[str, Any]
) -> None:
    looked = await client.post("/api/v1/workflows/validate", json={"definition": raw})
    assert looked.status_code == 200, looked.text
    (error,) = looked.json()["errors"]
    assert error["message"].endswith("…."), error
    problem(await client.post("/api/v1/workflows", json={"definition": raw}), 422)


async def test_a_number_that_only_a_run_brings_fails_its_step_and_not_the_engine(
    client: httpx.AsyncClient,
) -> None:
    raw = document("{{ inputs.list[0] }}")
    raw["nodes"].append({"id": "b", "type": "core.delay", "with": {"seconds": "{{ inputs.list[0] }}"}})
    failed = await run(client, raw, list=[LONG])
    assert (failed["status"], failed["error"]["class"]) == ("failed", "bad_input")
    saved = await client.post("/api/v1/workflows", json={"definition": document(1)})
    body = {"workflow_id": saved.json()["id"], "inputs": {"n": LONG}}
    found = problem(await client.post("/api/v1/instances", json=body), 422)
    assert found["complaints"][0]["field"] == "inputs.n"


EXPLODING = [
    "{{ range(1, 1000000000) }}",
    "{{ 'x'.pad_start(1000000000) }}",
    "{{ inputs.text.replace('x', inputs.text) }}",
    "{{ inputs.list.map(a, inputs.list.map(b, inputs.list.map(c, a))) }}",
    "{{ inputs.list.exists(a, inputs.list.exists(b, inputs.text.lower() == 'y')) }}",
    "{{ " + ".map(a, a + a)".join(["inputs.list"] + [""] * 6) + " }}",
    "{{ inputs.text.regex_replace('x', inputs.text) }}",
]


@pytest.mark.parametrize("expression", EXPLODING)
async def test_an_expression_that_would_explode_fails_its_step_with_a_sentence(
    client: httpx.AsyncClient, expression: str
) -> None:
    failed = await run(client, document(expression), list=["x" * 100] * 1_500, text="x" * 100_000)
    assert (failed["status"], failed["error"]["class"]) == ("failed", "bad_input"), failed["error"]
    assert failed["error"]["message"].startswith("with.value, column 4: ")


async def test_lists_of_more_than_ten_thousand_are_refused_before_and_after_the_start(
    client: httpx.AsyncClient,
) -> None:
    many = {**document(1), "inputs": {"list": {"type": "number[]"}}}
    saved = await client.post("/api/v1/workflows", json={"definition": many})
    body = {"workflow_id": saved.json()["id"], "inputs": {"list": [1] * 10_001}}
    found = problem(await client.post("/api/v1/instances", json=body), 422)
    assert found["complaints"][0]["message"] == "“list” takes at most 10,000 items; it has 10,001."
    nested = {"nested": ["{{ inputs.list }}", {"range": {"to": 101}}]}
    failed = await run(client, document("{{ item }}", each=nested), list=[0] * 100)
    assert (failed["status"], failed["error"]["class"]) == ("failed", "refused")
    assert "10,100 items are too many" in failed["error"]["message"]
