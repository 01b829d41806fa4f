"""A new room is a new folder: nothing else is edited, and it appears by itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import resources
from app.kit.settings import Settings
from app.resources.openapi import document
from app.resources.periodic import all_jobs
from app.server.application import create_app
from app.store.database import Database
from tests.lifespan import running
from tests.people import gathering, problem

ROUTES = '''
"""A room for the test."""

from litestar import Controller, get

from app.resources.accounts.guards import requires
from app.resources.accounts.roles import Role


class GreetingController(Controller):
    """Says hello."""

    path = "/api/v1/greetings"

    @get("/", operation_id="greet", guards=[requires(Role.viewer)])
    async def greet(self) -> dict[str, str]:
        """Hello."""
        return {"hello": "world"}
'''
JOBS = '''
"""Periodic work for the test."""

from app.resources.periodic import Job, Parts


async def wave(parts: Parts) -> int:
    return 0


JOBS = (Job(name="waved", every_s=60.0, run=wave),)
'''


@pytest.fixture
def new_room(tmp_path: Path) -> Iterator[None]:
    """The folder `greetings` beside the other rooms, for this test."""
    room = tmp_path / "greetings"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "routes.py").write_text(ROUTES)
    (room / "jobs.py").write_text(JOBS)
    resources.__path__.append(str(tmp_path))
    yield
    resources.__path__.remove(str(tmp_path))
    for name in [one for one in sys.modules if one.startswith("app.resources.greetings")]:
        del sys.modules[name]


@pytest.mark.usefixtures("new_room")
async def test_a_new_room_answers_is_described_and_gets_its_work_done(
    settings: Settings, database: Database
) -> None:
    app = create_app(settings)
    async with running(app), gathering(app, database, settings) as people:
        person = await people.member()
        assert (await person.client.get("/api/v1/greetings")).json() == {"hello": "world"}
        problem(await people.stranger().get("/api/v1/greetings"), 401)
    assert document.__wrapped__()["paths"]["/api/v1/greetings"]["get"]["operationId"] == "greet"
    assert "waved" in [job.name for job in all_jobs()]
