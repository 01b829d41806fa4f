"""A workflow, with its first version."""

from tests.people import Person

# It has ended by the time its start is answered.
INSTANT = {
    "schema": 1,
    "name": "Instant",
    "nodes": [{"id": "word", "type": "core.set", "with": {"value": "here"}}],
    "outputs": {},
}


async def furnish(owner: Person) -> dict[str, str]:
    """Save one."""
    answer = await owner.client.post("/api/v1/workflows", json={"definition": INSTANT})
    return {"workflow_id": answer.json()["id"], "number": "1", "other": "1"}
