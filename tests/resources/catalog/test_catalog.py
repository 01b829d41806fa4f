"""The palette shows every step type that the code has, without a list anywhere."""

from app.flow.library import library
from app.resources.accounts.roles import Role
from app.steps.discovery import step_types
from tests.people import People


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
