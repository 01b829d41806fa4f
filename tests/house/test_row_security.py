"""Walks every table: the database itself closes an organization's rows to others, whatever a query says."""

import psycopg
import pytest

from app.kit.ids import new_id
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.store.database import Database, Scope
from tests.furnish import furnish
from tests.house.tables import tables
from tests.people import People


async def protected(database: Database) -> dict[str, str]:
    """The tables of organizations, each with the column that names whose a row is."""
    return {
        row["name"]: "organization_id" if row["has_organization"] else "id"
        for row in await tables(database)
        if row["is_enabled"]
    }


async def test_every_table_is_closed_by_a_policy_or_says_why_it_is_shared(database: Database) -> None:
    found = await tables(database)
    assert len(found) > 15
    for row in found:
        if row["has_organization"] or row["name"] == "organizations":
            assert row["is_enabled"], f"{row['name']} needs ENABLE ROW LEVEL SECURITY (tools.protect)"
            assert row["is_forced"], f"{row['name']} needs FORCE ROW LEVEL SECURITY (tools.protect)"
            assert row["policies"] == 1, f"{row['name']} needs exactly one policy; several widen one another"
            assert "studio_organization()" in row["rules"], row["name"]
            assert "no check" not in row["rules"], f"{row['name']} may be written for others"
        else:
            comment = row["comment"] or ""
            assert comment.startswith("shared: "), f"{row['name']} must say why it is shared (tools.share)"
            assert len(comment) > len("shared: ") + 15, f"{row['name']}: that is no reason"


async def test_the_application_role_owns_nothing_and_cannot_bypass(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        role = await tx.fetch_one(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname = current_user"
        )
    assert role == {
        "rolname": "studio_app",
        "rolsuper": False,
        "rolbypassrls": False,
        "rolcreaterole": False,
        "rolcreatedb": False,
    }
    assert not [row["name"] for row in await tables(database) if row["owner"] == "studio_app"]


async def test_there_is_no_view_that_runs_with_its_owners_rights(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        leaky = await tx.fetch_all(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('v', 'm') "
            "AND NOT coalesce(reloptions::text LIKE '%security_invoker=true%', false)"
        )
    assert not leaky


async def test_no_function_of_ours_runs_with_its_owners_rights(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        assert not await tx.fetch_all(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        )


async def test_without_a_scope_no_row_is_seen(database: Database, people: People, settings: Settings) -> None:
    await furnish(await people.member(Role.owner), settings)
    seen_by_system = 0
    for table in await protected(database):
        count = f"SELECT count(*) FROM {table}"  # noqa: S608  a name from the catalogue
        async with database.transaction(Scope.system()) as tx:
            seen_by_system += await tx.fetch_value(count)
        async with database.transaction(Scope.nobody()) as tx:
            assert await tx.fetch_value(count) == 0, table
    assert seen_by_system > 10


async def test_an_organization_sees_its_own_rows_alone(
    database: Database, people: People, settings: Settings
) -> None:
    mine, theirs = await people.member(Role.owner), await people.member(Role.owner)
    await furnish(mine, settings)
    await furnish(theirs, settings)
    for table, column in (await protected(database)).items():
        async with database.transaction(Scope.organization(mine.organization_id)) as tx:
            others = await tx.fetch_value(
                f"SELECT count(*) FROM {table} WHERE {column} <> %(id)s",  # noqa: S608  from the catalogue
                {"id": mine.organization_id},
            )
        assert others == 0, f"{table} shows rows of another organization"


async def test_a_row_cannot_be_written_for_another_organization(database: Database, people: People) -> None:
    mine, theirs = await people.organization(), await people.organization()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(Scope.organization(mine)) as tx:
            await tx.execute(
                "INSERT INTO workflows (id, organization_id, name) VALUES (%(id)s, %(theirs)s, 'planted')",
                {"id": new_id(), "theirs": theirs},
            )
    async with database.transaction(Scope.organization(mine)) as tx:
        assert (
            await tx.execute("UPDATE organizations SET name = 'taken' WHERE id = %(id)s", {"id": theirs}) == 0
        )
        assert await tx.execute("DELETE FROM organizations WHERE id = %(id)s", {"id": theirs}) == 0


async def test_a_pooled_connection_forgets_whose_it_was(settings: Settings, people: People) -> None:
    owner = await people.member(Role.owner)
    await furnish(owner, settings)
    single = Database.open(settings, "tests-single", pool_size=1)
    sees_any = "SELECT EXISTS (SELECT FROM workflows)"
    pid = "SELECT pg_backend_pid()"
    try:
        async with single.transaction(Scope.organization(owner.organization_id)) as tx:
            first = await tx.fetch_value(pid)
            assert await tx.fetch_value(sees_any)
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with single.transaction(Scope.system()) as tx:
                await tx.fetch_value("SELECT 1 / 0")
        async with single.transaction(Scope.nobody()) as tx:
            assert await tx.fetch_value(pid) == first, "the same connection was to be used again"
            assert not await tx.fetch_value(sees_any)
    finally:
        await single.close()


async def test_the_application_role_cannot_open_the_doors_itself(database: Database) -> None:
    for attempt in (
        "ALTER TABLE workflows DISABLE ROW LEVEL SECURITY",
        "DROP POLICY organization ON workflows",
        "SET ROLE studio",
        "CREATE TABLE backdoor (id int)",
        "UPDATE alembic_version SET version_num = 'x'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.transaction(Scope.system()) as tx:
                await tx.execute(attempt)
