"""What tests of waiting steps share: workflows that ask, saved and started over HTTP."""

from typing import Any

import httpx

from tests.engine.world import document, node


def approve(node_id: str = "ask", **inputs: Any) -> dict[str, Any]:
    """A node that asks for approval."""
    return node(node_id, "human.approve", with_={"question": "Publish?", **inputs})


async def begin(
    client: httpx.AsyncClient, *nodes: dict[str, Any], given: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """An instance of a new workflow of these nodes."""
    definition = document(*nodes, **fields)
    saved = await client.post("/api/v1/workflows", json={"definition": definition})
    assert saved.status_code == 201, saved.text
    body = {"workflow_id": saved.json()["id"], "inputs": given or {}}
    started = await client.post("/api/v1/instances", json=body)
    assert started.status_code == 201, started.text
    found: dict[str, Any] = started.json()
    return found


async def instance_of(client: httpx.AsyncClient, started: dict[str, Any]) -> dict[str, Any]:
    """The instance as it stands now."""
    found: dict[str, Any] = (await client.get(f"/api/v1/instances/{started['id']}")).json()
    return found


async def step_of(client: httpx.AsyncClient, started: dict[str, Any], node_id: str = "ask") -> dict[str, Any]:
    """One step of it."""
    steps = (await client.get(f"/api/v1/instances/{started['id']}/steps")).json()["items"]
    (found,) = [step for step in steps if step["node_id"] == node_id]
    step: dict[str, Any] = found
    return step


async def answer(
    client: httpx.AsyncClient, started: dict[str, Any], step: dict[str, Any], value: Any, **headers: str
) -> httpx.Response:
    """Answer a step as whoever the client is."""
    address = f"/api/v1/instances/{started['id']}/steps/{step['id']}/answer"
    return await client.post(address, json={"value": value}, headers=headers)
