"""The palette shows every step type that the code has, without a list anywhere."""

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
