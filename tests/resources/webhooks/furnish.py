"""A webhook and a delivery, for the tests that walk every address."""

from tests.people import Person


async def furnish(owner: Person, workflow_id: str) -> dict[str, str]:
    """A webhook of that workflow that was called once."""
    body = {"workflow_id": workflow_id, "name": "Knock", "auth": {"kind": "none"}}
    webhook = (await owner.client.post("/api/v1/webhooks", json=body)).json()
    delivery = (await owner.client.post(f"/api/v1/webhooks/{webhook['id']}/test", json={})).json()
    return {"webhook_id": webhook["id"], "delivery_id": delivery["id"]}
