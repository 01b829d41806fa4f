"""A newer version on an older volume: kept, tried out, believed; or back again, and how is said."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import pytest

from app.kit.backups import Backups
from app.kit.passport import Passport, Seen
from app.kit.settings import Settings, load_settings
from app.kit.version import studio_version
from app.migrations import runner
from appliance import handover, passport, schema, storage, upgrade
from appliance.doctor.checks import gpu
from appliance.doctor.checks import upgrade as check
from appliance.doctor.finding import Finding, Patient, Verdict, ill, unknown, well
from appliance.handover import Canary, Look
from appliance.postgres import DATABASE, Cluster
from appliance.refusal import Refusal
from appliance.upgrade import Upgrade, UpgradeFailed
from tests.appliance.backup.things import settings_in
from tests.appliance.box import Box, box_environment, studio
from tests.appliance.test_hydrate import SAME, Life, environment_of
from tests.e2e.person import OWNER
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

PEOPLE = "SELECT id, email, password_hash FROM users ORDER BY id"
# Whatever changes the schema fails from the second migration on.
BREAK_OFF = """
    CREATE FUNCTION break_off() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT version_num FROM alembic_version) <> '{former}' THEN RAISE 'the disk is on fire'; END IF;
    END $$;
    CREATE EVENT TRIGGER break_off ON ddl_command_start EXECUTE FUNCTION break_off();
"""
FORMER = "0.0.9"


@contextmanager
def cluster_of(env: dict[str, str]) -> Iterator[Cluster]:
    """The database of a box that does not run."""
    settings = load_settings(env)
    storage.make_run_dir(settings)
    cluster = Cluster(settings, {"fsync": "off"})
    cluster.prepare()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def connected(env: dict[str, str], name: str) -> Iterator[None]:
    """Somebody in the database."""
    with psycopg.connect(load_settings(env).database.owner_url, application_name=name):
        yield


def passport_of(env: dict[str, str]) -> Passport:
    found = passport.read(load_settings(env))
    assert found is not None
    return found


def doctor(env: dict[str, str]) -> Finding:
    return check.look(Patient(settings=load_settings(env), is_up=False))


def age(env: dict[str, str], migrations: int = 1) -> str:
    """Make a volume of this version one of a version before, so many migrations behind; gives its schema."""
    settings: Settings = load_settings(env)
    with cluster_of(env) as cluster:
        url = settings.database.owner_url
        runner.upgrade(url)
        runner.downgrade(url, f"-{migrations}")
        former = runner.current(url)
        assert former is not None
        cluster.data.with_name(f"{cluster.major}.json").unlink(missing_ok=True)
    box = passport_of(env)
    passport.replace(settings, msgspec.structs.replace(box, version=FORMER, seen=[]))
    return former


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A box of this version with somebody in it, stopped."""
    folder = tmp_path_factory.mktemp("upgrade")
    env = box_environment(folder, STUDIO_ROLES="api,daemon,worker-cpu,postgres,redis", **OWNER)
    settings = settings_in(folder, WORKER_SHARED_SECRET=env["WORKER_SHARED_SECRET"])
    with cluster_of(env) as cluster:
        runner.upgrade(settings.database.owner_url)
        cluster.run_sql(
            "INSERT INTO users (id, email, name, is_super_admin, is_active) "
            "VALUES (gen_random_uuid(), 'bob@example.org', 'Bob', true, true)",
            DATABASE,
        )
    return env


def test_a_new_volume_is_healthy_once_it_is_ready(env: dict[str, str]) -> None:
    taking = Upgrade(load_settings(env), None, passport_of(env))
    taking.settle()
    assert not taking.needs_canary
    taking.well()
    (seen,) = passport_of(env).seen
    assert (seen.version, seen.former) == (studio_version(), None)
    assert seen.healthy_at is not None


@pytest.mark.timeout(900)  # a whole box that boots, and three looks into its database
def test_an_older_volume_is_backed_up_migrated_tried_out_and_believed(env: dict[str, str]) -> None:
    former = age(env)

    with Box(env) as box:
        box.wait_for("Studio is ready at", timeout_s=3 * PATIENCE_S)  # a backup, migrations and a canary
        said = studio(env, "upgrade", "status", "--json").stdout
        assert box.stop() == 0

    assert "Canary: signed in; cpu: ran in" in box.text
    seen = json.loads(said)["seen"][0]
    assert (seen["version"], seen["former"], seen["former_schema"]) == (studio_version(), FORMER, former)
    assert seen["schema"] == runner.head()
    assert seen["healthy_at"] is not None
    assert seen["canary"].startswith("signed in; cpu: ran in")
    (snapshot, *_) = Backups(load_settings(env).workspace).status().snapshots
    assert (snapshot.id, snapshot.studio, snapshot.schema) == (seen["backup"], FORMER, former)
    rehearsed = studio(env, "upgrade", "rehearse", "--json")
    found = json.loads(rehearsed.stdout)
    assert (found["before"], found["after"], found["snapshot"]) == (former, runner.head(), snapshot.id)
    assert (found["is_right"], rehearsed.returncode) == (True, 0)
    (kept,) = Backups(load_settings(env).workspace).rehearsals()
    assert (kept.snapshot, kept.studio, kept.is_right) == (snapshot.id, studio_version(), True)
    assert not (load_settings(env).workspace / "backups" / "rehearsal").exists()
    with cluster_of(env) as cluster:
        assert cluster.run_sql("SELECT count(*) FROM users WHERE email LIKE '%.invalid'", DATABASE) == "0"
        assert cluster.run_sql("SELECT count(*) FROM organizations WHERE name = 'Canary'", DATABASE) == "0"
    gone_back = studio(env, "upgrade", "back", "--json")
    assert gone_back.returncode == 0, gone_back.stdout
    assert passport_of(env).version == FORMER
    with cluster_of(env) as cluster:
        assert schema.head_of(cluster) == former


def test_older_code_on_a_newer_schema_refuses_and_names_the_version_to_use(env: dict[str, str]) -> None:
    settings = load_settings(env)
    was = msgspec.structs.replace(passport_of(env), seen=[])
    with cluster_of(env) as cluster:
        at = schema.head_of(cluster)
        cluster.run_sql("UPDATE alembic_version SET version_num = '9999_later'", DATABASE)
        passport.replace(settings, msgspec.structs.replace(was, version="99.1.0"))
    try:
        with Box(env) as box:
            assert box.end() == 78
        assert "Start version 99.1.0 (image tag 99.1.0) or newer; nothing was changed." in box.text
        assert passport_of(env).version == "99.1.0", "a refusal does not make the volume its own"
    finally:
        with cluster_of(env) as cluster:
            cluster.run_sql(f"UPDATE alembic_version SET version_num = '{at}'", DATABASE)  # noqa: S608
        passport.replace(settings, was)


def test_migrations_that_cannot_begin_leave_all_as_it_was_and_say_so(env: dict[str, str]) -> None:
    former = age(env)
    with cluster_of(env) as cluster, connected(env, "psql"):
        taking = Upgrade(load_settings(env), cluster, passport_of(env))
        with pytest.raises(Refusal, match="is used by psql") as found:
            taking.prepare()
        assert schema.head_of(cluster) == former
    assert f"The database is as it was: start the version before, Studio {FORMER}" in found.value.sentence
    assert passport_of(env).version == FORMER


@pytest.mark.timeout(900)  # a backup and its restore, and two boots
def test_migrations_that_break_off_half_way_are_brought_back_and_not_tried_again_by_themselves(
    env: dict[str, str],
) -> None:
    former = age(env, migrations=2)
    with cluster_of(env) as cluster:
        before = cluster.run_sql(PEOPLE, DATABASE)
        cluster.run_sql(BREAK_OFF.format(former=former), DATABASE)
    with Box(env | {"AUTO_RESTORE_ON_FAILED_UPGRADE": "true"}) as box:
        assert box.end(3 * PATIENCE_S) == 70

    backup = Backups(load_settings(env).workspace).status().snapshots[0]
    assert f"was brought back to backup {backup.id}: start the version before" in box.text
    assert f"Studio {FORMER} (image tag {FORMER})" in box.text
    found = passport_of(env)
    assert (found.version, found.seen[0].is_undone) == (FORMER, True)
    assert not Backups(load_settings(env).workspace).is_held()
    with cluster_of(env) as cluster:
        assert schema.head_of(cluster) == former
        assert cluster.run_sql(PEOPLE, DATABASE) == before
        cluster.run_sql("DROP EVENT TRIGGER break_off", DATABASE)
    with Box(env) as again:
        assert again.end() == 78
        assert "say `studio upgrade retry`" in again.text
    assert studio(env, "upgrade", "retry").returncode == 0
    upgrade.refuse_again(passport_of(env))


@pytest.mark.timeout(900)  # two boots with their backups, two ways back
def test_a_hydrating_box_is_upgraded_tried_out_and_brought_back_like_any_other(tmp_path: Path) -> None:
    env = box_environment(
        tmp_path,
        STORAGE_MODE="hydrate",
        STUDIO_ROLES="api,daemon,worker-cpu,postgres,redis",
        **OWNER,
    )
    env |= environment_of(tmp_path)
    with Life(tmp_path) as life:
        url = life.settings.database.owner_url
        runner.upgrade(url)
        runner.downgrade(url, "-2")
        former = schema.head_of(life.cluster)
        life.cluster.run_sql(BREAK_OFF.format(former=former), DATABASE)
        box, _ = passport.stamp(life.settings, None, "hydrate")
        passport.replace(
            life.settings, msgspec.structs.replace(box, version=FORMER, postgres_major=life.cluster.major)
        )
    life.lose_the_disk()

    with Box(env | {"AUTO_RESTORE_ON_FAILED_UPGRADE": "true"}) as broken:
        assert broken.end(PATIENCE_S) == 70

    assert "was brought back to backup" in broken.text
    assert (passport_of(env).version, passport_of(env).seen[0].is_undone) == (FORMER, True)
    with Life(tmp_path) as life:
        assert life.came_back != SAME
        assert schema.head_of(life.cluster) == former
        life.cluster.run_sql("DROP EVENT TRIGGER break_off", DATABASE)
    assert studio(env, "upgrade", "retry").returncode == 0

    with Box(env) as whole:
        whole.wait_for("Studio is ready at")
        assert whole.stop() == 0

    assert "Canary: signed in; cpu: ran in" in whole.text
    assert passport_of(env).seen[0].healthy_at is not None
    gone_back = studio(env, "upgrade", "back", "--json")
    assert gone_back.returncode == 0, gone_back.stdout
    with Life(tmp_path) as life:
        assert schema.head_of(life.cluster) == former


def test_without_a_backup_the_sentence_says_what_is_left_to_do(env: dict[str, str]) -> None:
    age(env)
    settings = load_settings(env | {"BACKUP_BEFORE_UPGRADE": "false"})
    with cluster_of(env) as cluster:
        box = msgspec.structs.replace(passport_of(env), version=FORMER)
        taking = Upgrade(settings, cluster, box)
        taking.prepare()
        runner.upgrade(settings.database.owner_url)
        failed = taking.failed(Refusal("The box is up and does not work."))
    assert isinstance(failed, UpgradeFailed) and failed.backup is None
    assert "no backup was made: to go back, restore your own backup" in failed.sentence
    assert upgrade.after(settings, failed) == failed.sentence


def test_a_canary_that_was_not_whole_is_no_pass_and_one_that_failed_names_the_way_back(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, since = load_settings(env), datetime.now(UTC)
    seen = Seen(
        version=studio_version(),
        schema="0002_b",
        since=since,
        former=FORMER,
        former_schema="0001_a",
        backup="abc123",
    )
    passport.replace(settings, msgspec.structs.replace(passport_of(env), seen=[seen]))
    taking = Upgrade(settings, None, passport_of(env))
    monkeypatch.setattr(handover, "look", lambda _: Look("0002_b", "0002_b", True, []))

    monkeypatch.setattr(handover, "canary", lambda _: Canary(None, cpu="not tried: maintenance"))
    assert taking.try_out() == "signed in; cpu: not tried: maintenance; gpu: not tried"
    assert taking.needs_canary
    assert doctor(env).verdict is Verdict.watch

    monkeypatch.setattr(handover, "canary", lambda _: Canary("Nobody can sign in."))
    with pytest.raises(
        UpgradeFailed, match=r"Nobody can sign in. To go back, run `studio upgrade back`"
    ) as no:
        taking.try_out()
    assert no.value.backup == "abc123"
    assert doctor(env).verdict is Verdict.ill
    assert passport_of(env).seen[0].failure == "The box is up and does not work: Nobody can sign in."

    monkeypatch.setattr(handover, "canary", lambda _: Canary(None, "ran", "no card here", is_whole=True))
    taking.try_out()
    found = passport_of(env).seen[0]
    assert (found.failure, found.healthy_at is None, taking.needs_canary) == (None, False, False)
    assert doctor(env).verdict is Verdict.well


def test_a_card_that_does_not_compute_fails_and_one_that_says_nothing_is_no_pass(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, ran = load_settings(env), Canary(None, "ran in 0.1 s", "ran in 0.2 s", is_whole=True)
    monkeypatch.setattr(upgrade, "find_spec", lambda _: object())
    for finding, failure, is_whole in (
        (well("It adds up."), None, True),
        (unknown("CUDA did not start within 25 s.", "Ask again."), None, False),
        (ill("CUDA does not work: no kernel image.", "…"), "CUDA does not work: no kernel image.", True),
    ):
        monkeypatch.setattr(gpu, "look", lambda _, finding=finding: finding)
        found = upgrade.compute(settings, ran)
        assert (found.failure, found.is_whole) == (failure, is_whole)
