"""The store: a scope ends with its transaction, bells ring after commits, broken connections are replaced."""

import asyncio
from functools import partial

import pytest
from psycopg.errors import InsufficientPrivilege

from app.kit.ids import new_id
from app.kit.settings import Settings
from app.store.database import Database, DatabaseUnavailable, Scope, Transaction, jsonb


async def test_the_scope_ends_with_its_transaction(database: Database) -> None:
    organization = new_id()
    async with database.transaction(Scope.organization(organization)) as tx:
        assert await tx.fetch_value("SELECT studio_organization()") == organization
        connection = await tx.fetch_value("SELECT pg_backend_pid()")
    for _ in range(30):
        async with database.transaction(Scope.nobody()) as tx:
            assert await tx.fetch_value("SELECT studio_organization()") is None
            assert await tx.fetch_value("SELECT studio_is_system()") is False
            if await tx.fetch_value("SELECT pg_backend_pid()") == connection:
                return
    pytest.fail("the pooled connection never came back, so the promise was not tested")


async def test_after_commit_runs_after_the_commit_and_never_after_a_rollback(database: Database) -> None:
    seen: list[str] = []

    async def ring() -> None:
        seen.append("rung")

    async def use(tx: Transaction, fail: bool) -> None:
        tx.after_commit(ring)
        assert seen == []
        if fail:
            raise ValueError("the move failed")

    with pytest.raises(ValueError, match="move failed"):
        async with database.transaction(Scope.nobody()) as tx:
            await use(tx, fail=True)
    assert seen == []
    async with database.transaction(Scope.nobody()) as tx:
        await use(tx, fail=False)
    assert seen == ["rung"]


async def test_what_follows_a_commit_may_lead_to_commits_without_end(database: Database) -> None:
    seen: list[str] = []

    async def lead_on(left: int) -> None:
        async with database.transaction(Scope.nobody()) as tx:
            if left:
                tx.after_commit(partial(lead_on, left - 1))
                tx.after_commit(partial(note, f"{left} was committed"))

    async def note(fact: str) -> None:
        seen.append(fact)

    await lead_on(300)
    assert seen == [f"{left} was committed" for left in range(300, 0, -1)]


async def test_a_task_that_was_left_behind_does_its_own_after_commits(database: Database) -> None:
    is_over = asyncio.Event()
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def note() -> None:
        seen.append("done")

    async def later() -> None:
        await is_over.wait()
        async with database.transaction(Scope.nobody()) as tx:
            tx.after_commit(note)

    async def leave_behind() -> None:
        tasks.append(asyncio.create_task(later()))

    async with database.transaction(Scope.nobody()) as tx:
        tx.after_commit(leave_behind)
    is_over.set()
    await tasks[0]
    assert seen == ["done"]


async def test_json_goes_in_and_out_with_its_types(database: Database) -> None:
    value = {"text": "ü", "list": [1, 2.5, None, True], "id": str(new_id())}
    async with database.transaction(Scope.nobody()) as tx:
        assert await tx.fetch_value("SELECT %(value)s::jsonb", {"value": jsonb(value)}) == value


async def test_a_connection_the_server_closed_is_replaced(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = current_user AND pid <> pg_backend_pid() AND application_name = "
            "current_setting('application_name')"
        )
    for _ in range(10):
        async with database.transaction(Scope.nobody()) as tx:
            assert await tx.fetch_value("SELECT 1") == 1


async def test_a_connection_that_breaks_before_the_commit_is_told_as_a_database_that_is_away(
    database: Database,
) -> None:
    rung: list[str] = []

    async def ring() -> None:
        rung.append("rung")

    async def break_off() -> None:
        async with database.transaction(Scope.nobody()) as tx:
            tx.after_commit(ring)
            process = await tx.fetch_value("SELECT pg_backend_pid()")
            async with database.transaction(Scope.nobody()) as other:
                await other.execute("SELECT pg_terminate_backend(%(process)s)", {"process": process})

    with pytest.raises(DatabaseUnavailable):
        await break_off()
    assert rung == []
    async with database.transaction(Scope.nobody()) as tx:
        assert await tx.fetch_value("SELECT 1") == 1


async def test_a_server_that_cannot_write_is_away_and_a_refused_row_is_not(database: Database) -> None:
    """Postgres gives both the same code."""

    async def refuse(words: str) -> None:
        async with database.transaction(Scope.nobody()) as tx:
            await tx.execute(f"DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = '{words}'; END $$")

    with pytest.raises(DatabaseUnavailable):
        await refuse('could not open file "base/1/2": Read-only file system')
    with pytest.raises(InsufficientPrivilege):
        await refuse("new row violates row-level security policy")


async def test_a_full_pool_is_told_at_once_and_never_replaced(settings: Settings) -> None:
    role = None if settings.database.embedded else "studio_app"
    small = Database(
        settings.database.app_url, role=role, pool_size=2, application="small pool", pool_timeout_s=0.05
    )
    ask = "SELECT pg_backend_pid()"
    try:
        async with small.transaction(Scope.nobody()) as one, small.transaction(Scope.nobody()) as two:
            held = {await one.fetch_value(ask), await two.fetch_value(ask)}
            with pytest.raises(DatabaseUnavailable):
                async with small.transaction(Scope.nobody()):
                    pytest.fail("a third connection of a pool of two")
        async with small.transaction(Scope.nobody()) as tx:
            assert await tx.fetch_value(ask) in held
    finally:
        await small.close()


async def test_the_application_role_owns_nothing_and_cannot_bypass_policies(database: Database) -> None:
    async with database.transaction(Scope.nobody()) as tx:
        role = await tx.fetch_one("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        owned = await tx.fetch_value("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
    assert role == {"rolsuper": False, "rolbypassrls": False} and owned == 0
