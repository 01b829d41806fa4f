"""Migrations: forward, backward and forward again; alone; never on a schema from the future."""

import threading
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import psycopg
import pytest

from app.kit.ids import new_id
from app.kit.settings import Settings
from app.migrations import runner


@pytest.fixture
def empty_database(settings: Settings) -> Iterator[str]:
    """The address of a database of its own, as the owner role; dropped afterwards."""
    name = f"migrations_{new_id().hex}"
    owner = settings.database.owner_url
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield owner.replace("/studio?", f"/{name}?")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def test_migrations_go_forward_backward_and_forward_again(empty_database: str) -> None:
    assert runner.upgrade(empty_database) is True
    made = tables(empty_database)
    assert {"organizations", "workflows", "instances", "attempts", "workers"} <= made
    runner.downgrade(empty_database, "base")
    assert tables(empty_database) <= {"alembic_version"}
    assert runner.upgrade(empty_database) is True
    assert tables(empty_database) == made


def test_a_database_at_head_is_left_alone(empty_database: str) -> None:
    runner.upgrade(empty_database)
    assert runner.upgrade(empty_database) is False
    runner.check(empty_database)


def test_a_schema_from_the_future_is_refused_and_untouched(empty_database: str) -> None:
    runner.upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(runner.SchemaFromTheFuture, match="9999_later"):
        runner.upgrade(empty_database)


def test_an_empty_database_is_reported_as_behind(empty_database: str) -> None:
    with pytest.raises(runner.SchemaBehind, match="no schema yet"):
        runner.check(empty_database)


def test_two_boots_at_once_migrate_once(empty_database: str) -> None:
    failures: list[Exception] = []

    def migrate() -> None:
        try:
            runner.upgrade(empty_database)
        except Exception as exc:  # noqa: BLE001  the thread hands it to the test
            failures.append(exc)

    boots = [threading.Thread(target=migrate) for _ in range(2)]
    for boot in boots:
        boot.start()
    for boot in boots:
        boot.join()
    assert failures == []
    assert runner.current(empty_database) == runner.head()


def test_workflows_of_before_drafts_go_on_running_their_newest_version(empty_database: str) -> None:
    runner.upgrade(empty_database)
    runner.downgrade(empty_database, "0010_schedules")
    organization, workflow = new_id(), new_id()
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET studio.system = 'on'")
        connection.execute(
            "INSERT INTO organizations (id, name, slug) VALUES (%s, 'Test', 'test')", (organization,)
        )
        connection.execute(
            "INSERT INTO workflows (id, organization_id, name, latest_version) VALUES (%s, %s, 'W', 2)",
            (workflow, organization),
        )
        for number in (1, 2):
            connection.execute(
                "INSERT INTO workflow_versions (id, organization_id, workflow_id, number, definition) "
                "VALUES (%s, %s, %s, %s, '{}')",
                (new_id(), organization, workflow, number),
            )
    runner.upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET studio.system = 'on'")
        assert connection.execute("SELECT published_version FROM workflows").fetchall() == [(2,)]
        published = connection.execute("SELECT number FROM publications ORDER BY number").fetchall()
        assert published == [(1,), (2,)]


def test_what_instances_have_given_out_becomes_a_result(empty_database: str) -> None:
    runner.upgrade(empty_database)
    runner.downgrade(empty_database, "0015_reruns")
    organization, workflow, version = (new_id() for _ in range(3))
    film, frame = new_id(), new_id()
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET studio.system = 'on'")
        write = partial(_insert, connection)
        write("organizations", id=organization, name="Test", slug="test")
        write("workflows", id=workflow, organization_id=organization, name="Story")
        write(
            "workflow_versions",
            id=version,
            organization_id=organization,
            workflow_id=workflow,
            number=1,
            definition="{}",
        )
        write(
            "instances",
            id=new_id(),
            organization_id=organization,
            workflow_id=workflow,
            version_id=version,
            number=1,
            status="completed",
            inputs="{}",
            outputs=f'{{"films": [{{"asset": "{film}"}}]}}',
            source="api",
        )
        write("blobs", sha256="a" * 64, size_bytes=1)
        for asset in (film, frame):
            write(
                "assets",
                id=asset,
                organization_id=organization,
                name="a file",
                mime="video/mp4",
                kind="video",
                size_bytes=1,
                sha256="a" * 64,
                source="step",
            )
    runner.upgrade(empty_database)
    assert _sources(empty_database) == {film: "result", frame: "step"}
    runner.downgrade(empty_database, "0015_reruns")
    assert _sources(empty_database) == {film: "step", frame: "step"}


def _insert(connection: psycopg.Connection, table: str, **values: object) -> None:
    columns, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})".encode(), values)  # noqa: S608  ours


def _sources(url: str) -> dict[UUID, str]:
    with psycopg.connect(url) as connection:
        connection.execute("SET studio.system = 'on'")
        return dict(connection.execute("SELECT id, source FROM assets").fetchall())
