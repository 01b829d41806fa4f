"""Entries are written with the act they tell of, read by those who may, and go when they are old."""

from datetime import timedelta

import psycopg
import pytest

from app.engine.engine import Engine
from app.kit.clock import now
from app.kit.ids import OrganizationId, first_id_at
from app.resources.accounts.roles import Role
from app.resources.audit.record import THE_BOX, Act, record
from app.resources.retention.model import DEFAULTS
from app.resources.retention.service import clear
from app.server.edge import Edge
from app.store.database import Database, Scope
from tests.entries import entries, made
from tests.people import People, Person, problem


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.owner)


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
