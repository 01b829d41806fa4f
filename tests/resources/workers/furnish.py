"""A worker of the box, which every organization sees."""

from app.kit.settings import Settings
from tests.people import Person


async def furnish(owner: Person, settings: Settings) -> dict[str, str]:
    """Register one, as a program does that knows the secret of the box."""
    secret = settings.keys.require("worker_shared_secret")
    worker = {
        "name": "cpu@here",
        "host": "here",
        "pid": 1,
        "version": "0",
        "lanes": [{"lane": "cpu", "slots": 1}],
    }
    await owner.client.post(
        "/internal/v1/workers/register", headers={"authorization": f"Bearer {secret}"}, json=worker
    )
    return {}
