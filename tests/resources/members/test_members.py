"""Who decides about whom: nobody above themselves, and never the last owner away."""

from app.resources.accounts.roles import Role
from tests.people import PASSWORD, People, problem


async def test_an_admin_adds_a_new_person_who_can_sign_in(people: People) -> None:
    admin = await people.member(Role.admin)
    new = {"email": "New@Example.org".replace("New", f"n{admin.user_id.hex}"), "role": "viewer"}
    found = problem(await admin.client.post("/api/v1/members", json=new), 422)
    assert found["complaints"][0]["field"] == "password"
    found = problem(await admin.client.post("/api/v1/members", json={**new, "password": "password1"}), 422)
    assert "password manager" in found["complaints"][0]["message"]
    answer = await admin.client.post("/api/v1/members", json={**new, "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.json()["email"] == new["email"].lower()
    login = await people.stranger().post(
        "/api/v1/auth/login", json={"email": new["email"], "password": PASSWORD}
    )
    assert (login.status_code, login.json()["role"]) == (200, "viewer")
    problem(await admin.client.post("/api/v1/members", json={**new, "password": PASSWORD}), 409)


async def test_a_person_the_box_knows_joins_without_a_password(people: People) -> None:
    admin, known = await people.member(Role.admin), await people.member(Role.viewer)
    answer = await admin.client.post("/api/v1/members", json={"email": known.email, "role": "editor"})
    assert answer.status_code == 201
    organizations = (await known.client.get("/api/v1/auth/me")).json()["organizations"]
    assert [one["role"] for one in organizations] == ["viewer", "editor"]


async def test_nobody_gives_or_takes_a_role_above_their_own(people: People) -> None:
    owner = await people.member(Role.owner)
    admin = await people.member(Role.admin, owner.organization_id)
    viewer = await people.member(Role.viewer, owner.organization_id)
    path = "/api/v1/members"
    problem(await admin.client.patch(f"{path}/{viewer.user_id}", json={"role": "owner"}), 403)
    problem(await admin.client.patch(f"{path}/{admin.user_id}", json={"role": "owner"}), 403)
    problem(await admin.client.patch(f"{path}/{owner.user_id}", json={"role": "viewer"}), 403)
    problem(await admin.client.delete(f"{path}/{owner.user_id}"), 403)
    new = {"email": "x@example.org", "role": "owner", "password": PASSWORD}
    problem(await admin.client.post(path, json=new), 403)
    answer = await admin.client.patch(f"{path}/{viewer.user_id}", json={"role": "admin"})
    assert answer.json()["role"] == "admin"
    assert (await viewer.client.get(path)).status_code == 200


async def test_an_organization_keeps_an_owner(people: People) -> None:
    owner = await people.member(Role.owner)
    path = f"/api/v1/members/{owner.user_id}"
    problem(await owner.client.patch(path, json={"role": "admin"}), 409)
    problem(await owner.client.delete(path), 409)
    second = await people.member(Role.owner, owner.organization_id)
    assert (await second.client.delete(path)).status_code == 204
    problem(await owner.client.get("/api/v1/members"), 403)


async def test_a_lower_role_counts_from_the_next_request_on(people: People) -> None:
    owner = await people.member(Role.owner)
    editor = await people.member(Role.editor, owner.organization_id)
    body: dict[str, object] = {"definition": {}}
    assert (await editor.client.post("/api/v1/workflows", json=body)).status_code == 422
    path = f"/api/v1/members/{editor.user_id}"
    await owner.client.patch(path, json={"role": "viewer"})
    problem(await editor.client.post("/api/v1/workflows", json=body), 403)
