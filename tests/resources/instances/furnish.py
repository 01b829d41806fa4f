"""An instance that has ended, and one of its steps."""

from tests.people import Person


async def furnish(owner: Person, workflow_id: str) -> dict[str, str]:
    """Run the workflow."""
    answer = await owner.client.post("/api/v1/instances", json={"workflow_id": workflow_id, "inputs": {}})
    instance = answer.json()["id"]
    steps = await owner.client.get(f"/api/v1/instances/{instance}/steps")
    return {"instance_id": instance, "step_id": steps.json()["items"][0]["id"]}
