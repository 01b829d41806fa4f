"""Every act that is worth an entry writes one, in the transaction of the act, for those who may read it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from app.engine.engine import Engine
from app.kit.clock import now
from app.kit.ids import OrganizationId, first_id_at
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import REFRESH_COOKIE
from app.resources.audit.record import THE_BOX, Act, record
from app.resources.discovery import room_modules
from app.resources.retention.model import DEFAULTS
from app.resources.retention.service import clear
from app.server.edge import Edge
from app.store.database import Database, Scope
from appliance import passport
from tests.people import PASSWORD, People, Person, problem

DEFINITION = {
    "schema": 1,
    "name": "Said",
    "nodes": [{"id": "said", "type": "core.set", "with": {"value": "hello"}}],
}
# Claiming happens once in a box's life; its tests are beside it.
ELSEWHERE = {"box.claimed"}


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.owner)


@pytest.fixture
def volume(settings: Settings) -> Iterator[None]:
    """A volume with its passport, as a boot leaves it."""
    path = passport.path_of(settings)
    before = path.read_bytes() if path.exists() else None
    passport.stamp(settings, passport.read(settings))
    yield
    if before is None:
        path.unlink()


def every_act() -> Iterator[Act]:
    """Those that the rooms name."""
    for module in room_modules("acts"):
        yield from (value for value in vars(module).values() if isinstance(value, Act))


async def entries(person: Person, **asked: Any) -> list[dict[str, Any]]:
    answer = await person.client.get("/api/v1/audit", params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


async def test_every_act_that_a_room_names_writes_its_entry(people: People, volume: None) -> None:
    chief = await people.member(Role.owner, is_super_admin=True, has_password=True)
    do = chief.client
    made(await do.post("/api/v1/backups/kit", json={"password": PASSWORD}))
    workflow = made(await do.post("/api/v1/workflows", json={"definition": DEFINITION}))
    path = f"/api/v1/workflows/{workflow['id']}"
    made(await do.post(f"{path}/versions/1/publish"))
    run = made(await do.post("/api/v1/instances", json={"workflow_id": workflow["id"]}))
    made(
        await do.post(
            f"/api/v1/instances/{run['id']}/rerun", json={"outputs": {"said": {"value": "goodbye"}}}
        )
    )
    plan = {"workflow_id": workflow["id"], "name": "Daily", "timing": {"kind": "every", "seconds": 86_400}}
    schedule = made(await do.post("/api/v1/schedules", json=plan))
    made(await do.patch(f"/api/v1/schedules/{schedule['id']}", json={"is_enabled": False}))
    made(await do.delete(f"/api/v1/schedules/{schedule['id']}"))
    hook = made(
        await do.post(
            "/api/v1/webhooks",
            json={"workflow_id": workflow["id"], "name": "Door", "auth": {"kind": "header", "name": "X-Key"}},
        )
    )
    made(await do.patch(f"/api/v1/webhooks/{hook['id']}", json={"secret": "a secret nobody may read"}))
    made(await do.post(f"/api/v1/webhooks/{hook['id']}/rotate"))
    made(await do.delete(f"/api/v1/webhooks/{hook['id']}"))
    made(await do.delete(path))
    asset = made(await do.post("/api/v1/assets", files={"file": ("notes.txt", b"hello")}))
    made(await do.delete(f"/api/v1/assets/{asset['id']}"))
    await try_members(people, chief)
    made(await do.patch(f"/api/v1/organizations/{chief.organization_id}", json={"max_running_steps": 4}))
    made(await do.put("/api/v1/retention", json={"instances_days": 90, "details_days": 7}))
    made(await do.post("/api/v1/retention/run"))
    await try_sign_ins(people, chief)
    found = await entries(chief, limit=200)
    assert {one["action"] for one in found} == {act.name for act in every_act()} - ELSEWHERE
    assert "nobody may read" not in str(found)
    words = {one["action"]: one["words"] for one in found}
    assert words["workflow.published"] == "let version 1 of “Said” run from now on"
    assert words["webhook.changed"] == "changed the webhook “Door”: secret"
    assert words["run.edited"] == f"gave values by hand to said of run {run['number'] + 1}"
    for one in found:
        assert one["actor_id"] == str(chief.user_id)
        assert one["address"] == "198.51.100.7"


async def try_members(people: People, chief: Person) -> None:
    other = await people.member(Role.viewer, chief.organization_id)
    path = f"/api/v1/members/{other.user_id}"
    made(await chief.client.patch(path, json={"role": "editor"}))
    made(await chief.client.delete(path))
    made(await chief.client.post("/api/v1/members", json={"email": other.email, "role": "viewer"}))


async def try_sign_ins(people: People, chief: Person) -> None:
    browser = people.stranger()
    wrong = {"email": chief.email, "password": "not this one at all"}
    assert (await browser.post("/api/v1/auth/login", json=wrong)).status_code == 401
    made(await browser.post("/api/v1/auth/login", json={**wrong, "password": PASSWORD}))
    stolen = browser.cookies[REFRESH_COOKIE]
    made(await browser.post("/api/v1/auth/refresh"))
    thief = people.stranger({"cookie": f"{REFRESH_COOKIE}={stolen}"})
    assert (await thief.post("/api/v1/auth/refresh")).status_code == 401
    again = people.stranger()
    made(await again.post("/api/v1/auth/login", json={**wrong, "password": PASSWORD}))
    sessions = made(await chief.client.get("/api/v1/auth/sessions"))["items"]
    other = next(one["id"] for one in sessions if not one["is_current"])
    made(await chief.client.delete(f"/api/v1/auth/sessions/{other}"))
    change = {"current": PASSWORD, "new": "another horse battery staple"}
    made(await chief.client.post("/api/v1/auth/password", json=change))


async def test_an_act_that_fails_leaves_no_entry(person: Person, people: People) -> None:
    other = await people.member(Role.owner, person.organization_id)
    before = await entries(person)
    problem(await person.client.patch(f"/api/v1/members/{other.user_id}", json={"role": "king"}), 422)
    await person.client.delete(f"/api/v1/members/{other.user_id}")
    problem(await person.client.patch(f"/api/v1/members/{person.user_id}", json={"role": "viewer"}), 409)
    assert [one["action"] for one in await entries(person)] == [
        "member.removed",
        *[one["action"] for one in before],
    ]


async def test_entries_are_narrowed_and_read_page_by_page(person: Person, people: People) -> None:
    admin = await people.member(Role.admin, person.organization_id)
    for days in (30, 31, 32):
        terms = {"instances_days": days, "details_days": days}
        made(await person.client.put("/api/v1/retention", json=terms))
    made(await admin.client.put("/api/v1/retention", json={"instances_days": 40, "details_days": 4}))
    assert len(await entries(admin, actor_id=str(person.user_id))) == 3
    assert len(await entries(admin, action="retention.chosen")) == 4
    assert await entries(admin, action="member.added") == []
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} if cursor is None else {"limit": 3, "cursor": cursor}
        page = made(await admin.client.get("/api/v1/audit", params=params))
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 4


async def test_the_application_cannot_change_an_entry(person: Person, database: Database) -> None:
    scope = Scope.organization(person.organization_id)
    async with database.transaction(scope) as tx:
        await record(tx, Act("test", "did {subject}"), THE_BOX, subject="this")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(scope) as tx:
            await tx.execute("UPDATE audit_entries SET words = 'did nothing'")


async def test_entries_go_when_they_are_old_enough(person: Person, database: Database, app: Edge) -> None:
    engine: Engine = app.litestar.state.engine
    scope = Scope.organization(person.organization_id)
    async with database.transaction(scope) as tx:
        for _ in range(2):
            await record(tx, Act("test", "did {subject}"), THE_BOX, subject="this")
        old = first_id_at(now() - timedelta(days=366))
        await tx.execute(
            "INSERT INTO audit_entries (id, organization_id, action, actor_name, subject_name, words) "
            "VALUES (%(id)s, %(organization)s, 'test', 'Ada', '', 'did this')",
            {"id": old, "organization": person.organization_id},
        )
    assert len(await entries(person)) == 3
    cleared = await clear(database, engine, OrganizationId(person.organization_id), DEFAULTS)
    assert cleared.audit_entries == 1
    assert str(old) not in {one["id"] for one in await entries(person)}
