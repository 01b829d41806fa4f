"""The palette shows every step type that the code has, without a list anywhere."""

import msgspec

from app.flow.library import library
from app.kit.settings import Settings, load_settings
from app.resources.accounts.roles import Role
from app.server.application import create_app
from app.steps.discovery import step_types
from app.store.database import Database
from tests.lifespan import running
from tests.people import People, gathering, problem


async def test_every_step_type_is_in_the_catalog_with_its_schemas(people: People) -> None:
    viewer = await people.member(Role.viewer)
    items = (await viewer.client.get("/api/v1/catalog")).json()["items"]
    assert [one["kind"] for one in items] == sorted(step_types())
    for one in items:
        assert one["title"]
        assert one["summary"]
        assert one["input_schema"]["type"] == "object"
        assert one["output_schema"]["type"] == "object"


async def test_every_function_is_in_the_catalog_with_how_to_write_it(people: People) -> None:
    viewer = await people.member(Role.viewer)
    items = (await viewer.client.get("/api/v1/catalog/functions")).json()["items"]
    assert [each["name"] for each in items] == list(library())
    found = {each["name"]: each for each in items}
    assert found["pad_start"] == {
        "name": "pad_start",
        "topic": "text",
        "title": "Pad in front",
        "description": ("The text with so much of `fill` before it that it is `width` characters long."),
        "signature": "text.pad_start(width: whole number, fill: text = ' ') → text",
        "parameters": [
            {"name": "text", "type": "text", "required": True, "default": None},
            {"name": "width", "type": "whole number", "required": True, "default": None},
            {"name": "fill", "type": "text", "required": False, "default": " "},
        ],
        "returns": "text",
        "examples": [
            {"expression": "string(7).pad_start(3, '0')", "result": "007"},
            {"expression": "'x'.pad_start(4, '12')", "result": "121x"},
        ],
    }
    assert found["map"]["topic"] == "built_in"


async def test_hidden_step_types_are_offered_only_where_they_are_asked_for(
    settings: Settings, database: Database, people: People
) -> None:
    member = await people.member(Role.editor)
    node = {"id": "wait", "type": "debug.work", "with": {"seconds": 3600}}
    definition = {"schema": 1, "name": "Occupied", "nodes": [node]}
    saved = await member.client.post("/api/v1/workflows", json={"definition": definition})
    assert saved.status_code == 201, "the tests run in development, where they are offered"
    assert load_settings({"ENV": "production"}).debug_steps is False
    assert load_settings({"ENV": "production", "STUDIO_DEBUG_STEPS": "true"}).debug_steps is True

    app = create_app(msgspec.structs.replace(settings, debug_steps=False))
    async with running(app), gathering(app, database, settings) as there:
        client = there.stranger(member.client.headers)
        items = (await client.get("/api/v1/catalog")).json()["items"]
        assert {one["kind"] for one in items} == {
            kind for kind, one in step_types().items() if not one.hidden
        }
        refused = problem(await client.post("/api/v1/workflows", json={"definition": definition}), 422)
        (complaint,) = refused["complaints"]
        assert (complaint["node"], complaint["field"]) == ("wait", "type")
        # What was saved while they were offered still runs.
        start = {"workflow_id": saved.json()["id"], "inputs": {}}
        instance = await client.post("/api/v1/instances", json=start)
        assert instance.status_code == 201
        await client.post(f"/api/v1/instances/{instance.json()['id']}/cancel")
