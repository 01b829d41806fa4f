"""A later boot asks for migrations and seeding only when something may have changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kit.settings import Settings
from appliance import schema
from appliance.handover import Claim
from appliance.postgres import DATABASE, Cluster


@pytest.fixture
def cluster(settings: Settings) -> Iterator[Cluster]:
    cluster = Cluster(settings)  # of the running session, to ask it things
    yield cluster
    cluster.data.with_name(f"{cluster.major}.json").unlink(missing_ok=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of other processes; the box is claimed as long as this list does not say otherwise."""
    calls: list[str] = []

    def seed(_: Settings) -> Claim:
        calls.append("seed")
        return Claim(claimed="unclaimed" not in calls, setup_token=None)

    monkeypatch.setattr(schema, "migrate", lambda _: calls.append("migrate"))
    monkeypatch.setattr(schema, "seed", seed)
    return calls


def test_the_second_look_at_the_same_code_and_database_asks_nobody(
    settings: Settings, cluster: Cluster, asked: list[str]
) -> None:
    assert schema.prepare(settings, cluster) == ("up to date", Claim(claimed=True))
    assert schema.prepare(settings, cluster) == ("unchanged", Claim(claimed=True))
    assert asked == ["migrate", "seed"]


def test_a_database_put_back_to_an_older_schema_is_asked_about_again(
    settings: Settings, cluster: Cluster, asked: list[str]
) -> None:
    schema.prepare(settings, cluster)
    head = schema.head_of(cluster)
    cluster.run_sql("UPDATE alembic_version SET version_num = '0001_ground'", DATABASE)
    try:
        schema.prepare(settings, cluster)
    finally:
        back = f"UPDATE alembic_version SET version_num = '{head}'"  # noqa: S608  a revision of ours
        cluster.run_sql(back, DATABASE)
    assert asked == ["migrate", "seed"] * 2


def test_an_unclaimed_box_is_seeded_at_every_boot(
    settings: Settings, cluster: Cluster, asked: list[str]
) -> None:
    asked.append("unclaimed")
    schema.prepare(settings, cluster)
    schema.prepare(settings, cluster)
    assert asked == ["unclaimed", *["migrate", "seed"] * 2]


def test_a_database_of_the_operators_is_always_asked_about(settings: Settings, asked: list[str]) -> None:
    schema.prepare(settings, None)
    schema.prepare(settings, None)
    assert asked == ["migrate", "seed"] * 2


def test_an_empty_database_has_no_revision(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "DATABASE", "postgres")
    assert schema.head_of(cluster) is None


def test_the_fingerprint_follows_the_code_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "module.py").write_text("one = 1\n")
    first = schema.code_fingerprint(tmp_path)
    (tmp_path / "ui" / "other.py").write_text("two = 2\n")
    (tmp_path / "notes.txt").write_text("three")
    assert schema.code_fingerprint(tmp_path) == first
    os.utime(tmp_path / "module.py", (1, 1))
    assert schema.code_fingerprint(tmp_path) != first
