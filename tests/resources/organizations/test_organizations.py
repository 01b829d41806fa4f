"""What those who run the box may do about its organizations."""

import pytest

from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from tests.people import People, problem


async def test_a_super_admin_limits_an_organization(people: People) -> None:
    admin, owner = await people.member(is_super_admin=True), await people.member(Role.owner)
    found = (await admin.client.get("/api/v1/organizations", params={"limit": 100})).json()["items"]
    theirs = next(one for one in found if one["id"] == str(owner.organization_id))
    assert (theirs["max_running_steps"], theirs["running_steps"]) == (None, 0)
    address = f"/api/v1/organizations/{owner.organization_id}"
    answer = await admin.client.patch(address, json={"max_running_steps": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json()["max_running_steps"] == 2
    answer = await admin.client.patch(address, json={"max_running_steps": None})
    assert answer.json()["max_running_steps"] is None


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many", 10**9])
async def test_a_limit_that_is_none_is_refused(people: People, limit: object) -> None:
    admin = await people.member(is_super_admin=True)
    address = f"/api/v1/organizations/{admin.organization_id}"
    assert (await admin.client.patch(address, json={"max_running_steps": limit})).status_code == 422


async def test_an_organization_that_is_not_there_is_not_limited(people: People) -> None:
    admin = await people.member(is_super_admin=True)
    answer = await admin.client.patch(f"/api/v1/organizations/{new_id()}", json={"max_running_steps": 1})
    assert problem(answer, 404)["title"] == "Organization not found"
