"""A schedule that was run once by hand, so that it has a firing."""

from tests.people import Person


async def furnish(owner: Person, workflow_id: str) -> dict[str, str]:
    """Make one for the workflow and run it."""
    plan = {"workflow_id": workflow_id, "name": "Daily", "timing": {"kind": "every", "seconds": 86_400}}
    schedule = (await owner.client.post("/api/v1/schedules", json=plan)).json()["id"]
    await owner.client.post(f"/api/v1/schedules/{schedule}/run")
    return {"schedule_id": schedule}
