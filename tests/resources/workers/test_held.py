"""A box that was restored gives nobody work until somebody says so."""

from collections.abc import Iterator

import pytest

from app.kit.backups import Backups
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from tests.people import People
from tests.resources.workers.conftest import Hall

STEPS = [
    {"id": "first", "type": "debug.work", "with": {"seconds": 0}},
    {"id": "second", "type": "debug.work", "with": {"seconds": 0}},
]


@pytest.fixture
def backups(settings: Settings) -> Iterator[Backups]:
    """The box, held."""
    backups = Backups(settings.workspace)
    backups.hold_marker.touch()
    yield backups
    backups.release()


async def test_no_work_is_given_out_while_the_box_is_held(
    hall: Hall, people: People, backups: Backups
) -> None:
    owner = await people.member(Role.owner)
    definition = {"schema": 1, "name": "Two", "nodes": STEPS}
    workflow = (await owner.client.post("/api/v1/workflows", json={"definition": definition})).json()
    started = await owner.client.post("/api/v1/instances", json={"workflow_id": workflow["id"], "inputs": {}})
    assert started.status_code == 201
    token = (await hall.register()).token
    worker = people.stranger({"authorization": f"Bearer {token}"})

    assert (await worker.post("/internal/v1/claim", json={"lane": "cpu"})).status_code == 204
    backups.release()
    job = (await worker.post("/internal/v1/claim", json={"lane": "cpu"})).json()

    # The old box's worker may still be at it: what it finishes counts, and it gets nothing new for it.
    backups.hold_marker.touch()
    end = {
        "attempt_id": job["attempt_id"],
        "fence": job["fence"],
        "outcome": {"type": "completed", "outputs": {}},
        "take_next": True,
    }
    finished = (await worker.post("/internal/v1/finish", json=end)).json()
    assert finished == {"accepted": True, "next": None}
