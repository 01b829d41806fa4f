"""From every release to today: its rows are there, its people can sign in, and the one before could go on."""

import asyncio
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from app.kit.ids import new_id
from app.kit.settings import Settings
from app.migrations import runner
from app.resources.auth.passwords import check_password
from appliance.postgres import Cluster
from tests.fixtures.volumes.releases import EMAIL, PASSWORD, releases
from tests.migrations.window import narrows

Rows = list[tuple[Any, ...]]


@pytest.fixture(params=releases(), ids=lambda path: path.stem)
def database_of_release(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    """The address of a database as that release left it; dropped afterwards."""
    path: Path = request.param
    name, owner = f"release_{new_id().hex}", settings.database.owner_url
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = owner.replace("/studio?", f"/{name}?")
    load = [str(Cluster(settings).binary("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    done = subprocess.run(
        [*load, f"--dbname={url}", f"--file={path}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    yield url
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def ask(url: str, question: str) -> Rows:
    with psycopg.connect(url) as connection:
        connection.execute("SET studio.system = 'on'")
        return connection.execute(question.encode()).fetchall()


def counts(url: str) -> dict[str, int]:
    """The rows of every table."""
    names = [row[0] for row in ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {name: ask(url, f"SELECT count(*) FROM {name}")[0][0] for name in names}  # noqa: S608  ours


def test_what_a_release_left_is_there_after_every_migration_since(database_of_release: str) -> None:
    url = database_of_release
    before = counts(url)
    assets = ask(url, "SELECT id, name, mime, size_bytes, sha256, source FROM assets ORDER BY id")
    instances = ask(url, "SELECT id, number, status, inputs, outputs FROM instances ORDER BY id")
    assert len(assets) > 1 and {row[2] for row in instances} == {"completed", "running"}

    runner.upgrade(url)

    assert runner.current(url) == runner.head()
    after = counts(url)
    assert {name: count for name, count in before.items() if after.get(name, 0) < count} == {}
    assert ask(url, "SELECT id, name, mime, size_bytes, sha256, source FROM assets ORDER BY id") == assets
    assert ask(url, "SELECT id, number, status, inputs, outputs FROM instances ORDER BY id") == instances
    ((email, kept),) = ask(url, "SELECT email, password_hash FROM users")
    assert email == EMAIL
    assert asyncio.run(check_password(PASSWORD, kept)).is_right
    assert not asyncio.run(check_password("another", kept)).is_right
    assert runner.upgrade(url) is False


def migrated(url: str) -> dict[str, list[str]]:
    """Bring a database to today's schema; the statements that each migration ran."""
    waiting, now = runner.look(url).pending, list[str]()
    ran: dict[str, list[str]] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if waiting and statement.startswith("UPDATE alembic_version"):
            ran[waiting.pop(0)] = list(now)
            now.clear()
        else:
            now.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", keep)
    try:
        runner.upgrade(url)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", keep)
    assert waiting == [], "every migration was seen"
    return ran


def is_sealed(revision: str) -> bool:
    return bool(getattr(import_module(f"app.migrations.versions.{revision}"), "sealed", ""))


@pytest.mark.parametrize("database_of_release", releases()[-1:], indirect=True, ids=["last"])
def test_migrations_since_the_last_release_only_add_unless_they_are_sealed(database_of_release: str) -> None:
    wrong = [
        f"{revision} {words}: {statement.strip()[:200]}"
        for revision, statements in migrated(database_of_release).items()
        if not is_sealed(revision)
        for statement in statements
        for words in narrows(statement)
    ]
    assert wrong == [], "see “A schema only grows inside a window” in DECISIONS.md"


@pytest.mark.parametrize("database_of_release", releases()[-1:], indirect=True, ids=["last"])
def test_the_statements_of_each_migration_are_seen(database_of_release: str) -> None:
    runner.upgrade(database_of_release)
    runner.downgrade(database_of_release, "0030_circles")

    ran = migrated(database_of_release)

    assert list(ran)[:2] == ["0031_notifications", "0032_audit"]
    assert any("CREATE TABLE notification_channels" in one for one in ran["0031_notifications"])
    assert not any("audit_entries" in one for one in ran["0031_notifications"])
    assert any("CREATE TABLE audit_entries" in one for one in ran["0032_audit"])


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE things",
        "alter table things drop column name",
        "ALTER TABLE things RENAME COLUMN name TO title",
        "ALTER TABLE things RENAME TO objects",
        "ALTER TABLE things ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE things ALTER name TYPE bigint",
        "ALTER TABLE things ALTER COLUMN name DROP DEFAULT",
        "ALTER TABLE things ADD COLUMN size bigint NOT NULL, ADD COLUMN note text DEFAULT ''",
        "TRUNCATE things",
        "DROP FUNCTION studio_organization()",
    ],
)
def test_what_the_version_before_could_not_live_with_is_found(sql: str) -> None:
    assert narrows(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE things (id uuid PRIMARY KEY, name text NOT NULL)",
        "ALTER TABLE things ADD COLUMN size bigint NOT NULL DEFAULT 0, ADD COLUMN note text",
        "ALTER TABLE things ADD COLUMN size bigint NOT NULL GENERATED ALWAYS AS (1) STORED",
        "COMMENT ON TABLE things IS 'DROP TABLE is what nobody does'",
        "DROP INDEX things_newest",
        "ALTER TABLE things ALTER COLUMN name DROP NOT NULL",
    ],
)
def test_what_only_adds_may_be_done_at_any_time(sql: str) -> None:
    assert narrows(sql) == []
