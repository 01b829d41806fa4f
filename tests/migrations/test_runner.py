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


def test_what_was_given_a_file_before_uses_were_kept_holds_it(empty_database: str) -> None:
    runner.upgrade(empty_database)
    runner.downgrade(empty_database, "0025_lines")
    ours, other, maker, run, workflow, version, schedule, webhook = (new_id() for _ in range(8))
    last = UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")  # beyond the rows that one statement looks at
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET studio.system = 'on'")
        write = partial(_insert, connection)
        belongs = partial(write, organization_id=ours)
        write("blobs", sha256="a" * 64, size_bytes=1)
        write("organizations", id=ours, name="Test", slug="ours")
        write("organizations", id=other, name="Test", slug="other")
        belongs("workflows", id=workflow, name="Story")

        def made(by: UUID, organization: UUID = ours) -> UUID:
            """A file that a step of this instance made on the way."""
            facts = {"name": "a file", "mime": "video/mp4", "kind": "video", "size_bytes": 1}
            whose = {"organization_id": organization, "instance_id": by, "source": "step"}
            write("assets", id=(asset := new_id()), sha256="a" * 64, **facts, **whose)
            return asset

        given, timed, written, by_hand, answered, unused = (made(maker) for _ in range(6))
        own, theirs = made(run), made(maker, other)
        told = f'{{"nodes": [{{"with": {{"note": "see {written}."}}}}]}}'
        belongs("workflow_versions", id=version, workflow_id=workflow, number=1, definition=told)
        what = {"workflow_id": workflow, "version_id": version, "status": "completed", "source": "api"}
        for number, instance, inputs in (
            (1, maker, f'{{"film": "{given}"}}'),
            (2, run, f'{{"films": [{{"asset": "{given}"}}, "{own}", "{theirs}"]}}'),
            (3, last, f'{{"film": "{given}"}}'),
        ):
            belongs("instances", **what, id=instance, number=number, inputs=inputs)
        connection.execute(
            "INSERT INTO instances (id, organization_id, workflow_id, version_id, number, status, inputs, "
            "source) SELECT gen_random_uuid(), organization_id, workflow_id, version_id, number + n, status, "
            "'{}', source FROM instances, generate_series(1, 1500) AS n WHERE id = %(last)s",
            {"last": last},
        )
        named = {"workflow_id": workflow, "name": "Daily", "is_enabled": True}
        inputs = f'{{"film": {{"asset": "{timed}"}}}}'
        when = {"timing": "{}", "misfire": "skip", "overlap": "skip"}
        belongs("schedules", **named, **when, id=schedule, inputs=inputs)
        door = {"token_hash": b"x", "token_prefix": "x", "methods": ["POST"], "accepts": "json", "auth": "{}"}
        belongs(
            "webhooks",
            **named,
            **door,
            id=webhook,
            inputs=inputs.upper(),
            answer="at_once",
            wait_s=1,
            max_per_minute=1,
        )
        node = {"instance_id": run, "kind": "core.set", "lane": "inline", "status": "completed"}
        for name, edited, wait_kind, asset in (
            ("a", "{}", None, by_hand),
            ("b", None, "human", answered),
            ("c", None, None, unused),
        ):
            outputs = f'{{"film": {{"asset": "{asset}"}}}}'
            more = {"node_id": name, "outputs": outputs, "edited": edited, "wait_kind": wait_kind}
            belongs("steps", **node, **more, id=new_id())
    runner.upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET studio.system = 'on'")
        found = connection.execute("SELECT asset_id, holder_id, organization_id FROM asset_uses").fetchall()
    uses = {
        (given, run),
        (given, last),
        (by_hand, run),
        (answered, run),
        (timed, schedule),
        (timed, webhook),
        (written, version),
    }
    assert {(*use, ours) for use in uses} == set(found)


def _insert(connection: psycopg.Connection, table: str, **values: object) -> None:
    columns, places = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})".encode(), values)  # noqa: S608  ours


def _sources(url: str) -> dict[UUID, str]:
    with psycopg.connect(url) as connection:
        connection.execute("SET studio.system = 'on'")
        return dict(connection.execute("SELECT id, source FROM assets").fetchall())
