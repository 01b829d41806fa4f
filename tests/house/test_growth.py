"""A new room is a new folder, a new step type a new file: nothing else is edited, and they appear."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import resources, steps
from app.kit.settings import Settings
from app.resources.openapi import document
from app.resources.periodic import all_jobs
from app.server.application import create_app
from app.steps.discovery import catalog, step_types
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


STEP = '''
"""A step type for the test."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.steps.base import Example, InlineStepType


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What to say."""

    text: Annotated[str, Meta(title="Text", max_length=100)]


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back."""

    text: Annotated[str, Meta(title="Text")]


class TextEcho(InlineStepType[Inputs, Outputs]):
    """Says it twice."""

    kind = "text.echo"
    version = 1
    title = "Echo"
    summary = "Says a text twice."
    category = "AI"
    Inputs = Inputs
    Outputs = Outputs
    examples = (Example(title="A call", inputs={"text": "hello"}),)

    def evaluate(self, inputs: Inputs, now: datetime) -> Outputs:
        """Twice."""
        return Outputs(text=f"{inputs.text} {inputs.text}")
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


@pytest.fixture
def new_step_type(tmp_path: Path) -> Iterator[None]:
    """The file `text_echo.py` beside the other step types, for this test."""
    (tmp_path / "text_echo.py").write_text(STEP)
    steps.__path__.append(str(tmp_path))
    forget()
    yield
    steps.__path__.remove(str(tmp_path))
    sys.modules.pop("app.steps.text_echo", None)
    forget()


def forget() -> None:
    """Let the step types be looked for again."""
    step_types.cache_clear()
    catalog.cache_clear()


@pytest.mark.usefixtures("new_step_type")
async def test_a_new_step_type_is_offered_checked_and_run(settings: Settings, database: Database) -> None:
    app = create_app(settings)
    node = {"id": "echo", "type": "text.echo", "with": {"text": "{{ inputs.word }}"}}
    definition = {
        "schema": 1,
        "name": "Echo",
        "inputs": {"word": {"type": "text"}},
        "nodes": [node],
        "outputs": {"said": "{{ steps.echo.outputs.text }}"},
    }
    async with running(app), gathering(app, database, settings) as people:
        client = (await people.member()).client
        offered = (await client.get("/api/v1/catalog")).json()["items"]
        assert [one["title"] for one in offered if one["kind"] == "text.echo"] == ["Echo"]
        wrong = {**definition, "nodes": [{**node, "with": {"text": 7}}]}
        problem(await client.post("/api/v1/workflows", json={"definition": wrong}), 422)
        workflow = (await client.post("/api/v1/workflows", json={"definition": definition})).json()
        start = {"workflow_id": workflow["id"], "inputs": {"word": "hello"}}
        instance = (await client.post("/api/v1/instances", json=start)).json()
        assert (instance["status"], instance["outputs"]) == ("completed", {"said": "hello hello"})
