"""A database in DATABASE_URL: in the backup with the files as one moment, proved, brought back anywhere."""

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest

from app.kit.backups import Backups, BackupSchedule, Snapshot
from app.kit.blobs import BlobFolder
from app.kit.ids import new_id
from app.kit.settings import Settings, load_settings
from app.migrations import runner
from appliance import passport, postgres
from appliance.backup import load as loading
from appliance.backup.drill import drill
from appliance.backup.dump import take, tools_for
from appliance.backup.elsewhere import SAFETY
from appliance.backup.entry import elsewhere as entry_of
from appliance.backup.load import load
from appliance.backup.make import make, save_log
from appliance.backup.questions import standing_still
from appliance.backup.restic import Repository
from appliance.backup.restore import Restored, bring_back_database, restore
from appliance.doctor.checks import postgres as doctor
from appliance.doctor.finding import Patient, Verdict
from appliance.postgres import Cluster
from appliance.refusal import Refusal
from appliance.rehearsal import rehearse
from tests.appliance.backup.conftest import FAST
from tests.appliance.backup.things import (
    TABLES,
    add,
    environment_in,
    files_of,
    kit_in,
    repository_of,
    rows_of,
    settings_in,
)
from tests.appliance.mounts import needs_mounts, nobodys

pytestmark = pytest.mark.integration

LOGIN = "operator"  # as a provider gives it: owns its database, and nothing else
# What a copy has to have in common with what it is a copy of, beside the rows.
SHAPE = """
    SELECT 'may', c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
     WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 'studio_app'::regrole
    UNION ALL
    SELECT 'schema', nspname, a.privilege_type FROM pg_namespace, aclexplode(nspacl) a
     WHERE nspname = 'public' AND a.grantee = 'studio_app'::regrole
    UNION ALL
    SELECT 'rows', relname, relrowsecurity || ' ' || relforcerowsecurity FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT 'policy', tablename, policyname || qual FROM pg_policies WHERE schemaname = 'public'
    UNION ALL
    SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'rule', conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'comment', objoid::regclass::text, description FROM pg_description
     WHERE classoid = 'pg_class'::regclass AND objoid IN
           (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL
    SELECT 'owned', relname, (relowner = datdba)::text
      FROM pg_class JOIN pg_database ON datname = current_database()
     WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""
ROWS = "SELECT name FROM organizations UNION ALL SELECT sha256 FROM blobs ORDER BY 1"


def ask(url: str, question: str, options: str = "-c studio.system=on") -> list[tuple[str, ...]]:
    with psycopg.connect(url, options=options, autocommit=True) as connection:
        return connection.execute(question.encode()).fetchall()


def tell(url: str, statement: str) -> None:
    with psycopg.connect(url, options="-c studio.system=on", autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Somebody else's Postgres: gives the address of a new, empty database each time."""
    settings = settings_in(tmp_path_factory.mktemp("provider"))
    server = Cluster(settings, FAST | {"archive_mode": "off"})
    server.prepare()
    server.start()
    server.run_sql(f"CREATE ROLE {LOGIN} LOGIN PASSWORD 'it''s @/: one'; GRANT studio_app TO {LOGIN}")
    place = f"host={server.socket_dir}&sslmode=prefer"

    def database() -> str:
        name = f"db_{new_id().hex}"
        server.run_sql(f"CREATE DATABASE {name} OWNER {LOGIN}")
        return f"postgresql://{LOGIN}:it%27s%20%40%2F%3A%20one@/{name}?{place}"

    yield database
    server.stop()


@pytest.fixture(scope="module")
def away(provider: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A box whose database is there, with Studio's own schema and something in it."""
    box = settings_in(tmp_path_factory.mktemp("away"), DATABASE_URL=provider())
    runner.upgrade(box.database.owner_url)
    for name in ("first", "second"):
        put(box, name)
    return box


@pytest.fixture(scope="module")
def kept(away: Settings) -> Snapshot:
    """A backup of it."""
    return make(away)


def put(box: Settings, name: str) -> str:
    """One more organization and one more file, the file first, as the box does."""
    blobs = BlobFolder(box.blobs_dir, box.tmp_dir)
    scratch = blobs.new_scratch()
    scratch.write_bytes(os.urandom(500))
    blob = blobs.adopt(scratch)
    number = new_id()
    tell(
        box.database.owner_url,
        f"INSERT INTO organizations (id, name, slug) VALUES ('{number}', '{name}', '{number}');"  # noqa: S608
        f"INSERT INTO blobs (sha256, size_bytes) VALUES ('{blob.sha256}', {blob.size_bytes})",
    )
    return blob.sha256


@contextmanager
def writing(box: Settings) -> Iterator[None]:
    """Somebody who stores things all the time."""
    ended, begun = threading.Event(), threading.Event()

    def write() -> None:
        while not ended.is_set():
            put(box, "under load")
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        ended.set()
        writer.join()


def restored_in(folder: Path, box: Settings, *, replace: bool = False, **more: str) -> Restored:
    """What `studio restore` does on a machine of its own, with `more` in its environment."""
    kit = kit_in(box)
    return restore(load_settings(environment_in(folder, **more)), repository_of(kit), kit, replace=replace)


def test_a_database_elsewhere_comes_back_with_its_files_as_one_moment_on_a_box_with_its_own(
    away: Settings, elsewhere: Path
) -> None:
    with writing(away):
        made = make(away)
        found = drill(away)
    there = {name for (name,) in ask(away.database.owner_url, "SELECT sha256 FROM blobs")}
    assert (found.outcome, found.snapshot) == ("proved", made.id), found.sentence
    answers = {answer.question: answer.sentence for answer in found.answers}
    assert set(answers) == {"schema", "rows", "references", "secrets", "files"}
    assert "give or take" not in answers["rows"]
    status = Backups(away.workspace).status()
    assert [one.id for one in status.snapshots] == [made.id]
    assert (status.reach_from, status.reach_until) == (None, None)
    assert list(Backups(away.workspace).staging.iterdir()) == []

    restored = restored_in(elsewhere, away)

    assert (restored.snapshot, restored.missing, restored.files) == (made.id, [], made.blobs)
    again = load_settings(environment_in(elsewhere))
    box = passport.read(again)
    assert box is not None
    assert (box.storage, box.postgres_major) == ("local", max(postgres.installed()))
    assert again.keys == away.keys
    cluster = Cluster(again, FAST)
    assert cluster.prepare() is False
    cluster.start()
    try:
        here = again.database.owner_url
        assert ask(here, SHAPE) == ask(away.database.owner_url, SHAPE)
        names = {name for (name,) in ask(here, "SELECT sha256 FROM blobs")}
        assert names <= there and len(names) == made.blobs
        assert names <= files_of(again).keys()
        organizations = ask(here, "SELECT name FROM organizations")
        assert len(organizations) == len(names), "what was committed together is there together"
        assert ask(again.database.app_url, "SELECT name FROM organizations", "") == []
        assert not runner.upgrade(here)
    finally:
        cluster.stop()


def test_it_comes_back_into_an_empty_database_and_replaces_a_full_one_only_when_told(
    away: Settings, kept: Snapshot, provider: Callable[[], str], elsewhere: Path, tmp_path: Path
) -> None:
    url = provider()

    restored = restored_in(elsewhere, away, DATABASE_URL=url)

    assert (restored.set_aside, restored.missing) == (None, [])
    assert ask(url, ROWS) == ask(away.database.owner_url, ROWS)
    assert ask(url, SHAPE) == ask(away.database.owner_url, SHAPE)
    box = passport.read(load_settings(environment_in(elsewhere)))
    assert box is not None and (box.storage, box.postgres_major) == ("external", None)
    tell(url, "DELETE FROM blobs; CREATE TABLE added_since (id int)")
    with pytest.raises(Refusal, match="holds a Studio already"):
        restored_in(tmp_path / "other", away, DATABASE_URL=url)
    with (
        psycopg.connect(url, application_name="studio-api"),
        pytest.raises(Refusal, match="used by studio-api"),
    ):
        restored_in(tmp_path / "other", away, replace=True, DATABASE_URL=url)

    restored = restored_in(tmp_path / "other", away, replace=True, DATABASE_URL=url)

    assert ask(url, ROWS) == ask(away.database.owner_url, ROWS)
    assert ask(url, SHAPE) == ask(away.database.owner_url, SHAPE)
    assert restored.set_aside is not None
    safety = Path(restored.set_aside) / SAFETY
    assert b"added_since" in safety.read_bytes() and safety.stat().st_mode & 0o777 == 0o600
    others = provider()
    tell(others, "CREATE TABLE invoices (id int)")
    with pytest.raises(Refusal, match="not Studio's, such as invoices"):
        restored_in(tmp_path / "third", away, replace=True, DATABASE_URL=others)
    assert not (tmp_path / "third" / "ws" / "studio.json").exists()


def test_the_embedded_database_moves_out_with_its_box(
    box: Settings, cluster: Cluster, provider: Callable[[], str], elsewhere: Path
) -> None:
    add(box, cluster, "third")
    rows = rows_of(cluster)
    make(box)
    url = provider()

    restored = restored_in(elsewhere, box, DATABASE_URL=url)

    moved = ask(
        url,
        "SELECT 'thing', t::text FROM things t UNION ALL SELECT 'blob', b::text FROM blobs b ORDER BY 1, 2",
    )
    assert ["|".join(row) for row in moved] == rows
    assert restored.files == len(files_of(load_settings(environment_in(elsewhere))))
    assert not list((elsewhere / "ws" / "postgres").glob("*"))


def test_what_lies_between_two_backups_is_its_providers(away: Settings, kept: Snapshot) -> None:
    with pytest.raises(Refusal, match="only its provider has its log"):
        save_log(away)
    kit, empty = kit_in(away), away.workspace.parent / "never"
    with pytest.raises(Refusal, match="its provider, who alone can reach") as refused:
        restore(
            load_settings(environment_in(empty)),
            repository_of(kit),
            kit,
            at=Backups(away.workspace).status().snapshots[0].made_at + timedelta(seconds=1),
        )
    assert "--at " in refused.value.sentence


def test_an_upgrade_is_rehearsed_on_it_and_taken_back(away: Settings, kept: Snapshot) -> None:
    before = ask(away.database.owner_url, ROWS)
    assert rehearse(away).is_right
    box = passport.read(away)
    assert box is not None
    tell(away.database.owner_url, "ALTER TABLE blobs ADD COLUMN half_done text")

    aside = bring_back_database(away, box, kept.id)

    assert ask(away.database.owner_url, ROWS) == before
    assert b"half_done" in (aside / SAFETY).read_bytes()
    with pytest.raises(psycopg.errors.UndefinedColumn):
        ask(away.database.owner_url, "SELECT half_done FROM blobs")


@needs_mounts
def test_a_volume_where_nothing_can_be_owned_is_proved_on_the_machines_disk_and_restored(
    away: Settings, provider: Callable[[], str], tmp_path: Path
) -> None:
    name = put(away, "owned")
    os.chown(away.blobs_dir / name[:2] / name, 65534, 65534)  # as those of the image are its service user's
    make(away)
    (tmp_path / "source").mkdir()
    with nobodys(tmp_path / "source", tmp_path / "ws"):
        url = provider()
        local = str(tmp_path / "local")

        assert restored_in(tmp_path, away, DATABASE_URL=url, STORAGE_LOCAL_DIR=local).missing == []

        there = load_settings(environment_in(tmp_path, DATABASE_URL=url, STORAGE_LOCAL_DIR=local))
        assert ask(url, ROWS) == ask(away.database.owner_url, ROWS)
        assert files_of(there) == files_of(away)
        make(there)
        found = drill(there)
        assert found.outcome == "proved", found.sentence
        assert list((tmp_path / "local").iterdir()) == []


def test_a_dump_that_is_cut_short_changes_nothing(
    away: Settings, provider: Callable[[], str], tmp_path: Path
) -> None:
    file = tmp_path / "database.dump"
    entry = entry_of(away)
    with entry.connect() as connection, standing_still(connection):
        dump = take(entry, connection, file)
    url = provider()
    target = entry_of(load_settings({"DATABASE_URL": url}))
    whole = file.read_bytes()
    for end in (len(whole) - 100, 5000):
        file.write_bytes(whole[:end])
        with pytest.raises(Refusal, match="The dump of the database is damaged"):
            load(target, file, dump)
    file.write_bytes(whole)
    with pytest.raises(Refusal, match="could not be read into the database"):
        load(target, file, msgspec.structs.replace(dump, grants=["GRANT SELECT ON nothing TO studio_app"]))
    assert ask(url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    load(target, file, dump)
    assert ask(url, ROWS) == ask(away.database.owner_url, ROWS)


def test_a_policy_that_hides_rows_is_told_rather_than_backed_up(
    provider: Callable[[], str], tmp_path: Path
) -> None:
    url = provider()
    tell(
        url,
        f"{TABLES}; ALTER TABLE things ENABLE ROW LEVEL SECURITY;ALTER TABLE things FORCE ROW LEVEL SECURITY",
    )
    box = settings_in(tmp_path, DATABASE_URL=url)
    with pytest.raises(Refusal, match="A policy on the table things hides rows"):
        make(box)
    assert Backups(box.workspace).status().last_good_at is None


def test_a_server_that_is_newer_than_our_programs_is_told_with_the_remedy(
    away: Settings,
    kept: Snapshot,
    provider: Callable[[], str],
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = postgres.installed()
    monkeypatch.setattr(postgres, "installed", lambda name="postgres": {9: next(iter(there.values()))})
    with pytest.raises(
        Refusal, match=r"no older pg_dump writes it down; this machine has those of Postgres 9\."
    ):
        make(away)
    told = doctor.look(Patient(settings=away, is_up=True))
    assert (told.verdict, "no older pg_dump backs it up" in told.sentence) == (Verdict.watch, True)
    assert told.remedy is not None and told.remedy.startswith("Install postgresql-client-")
    found = drill(away)
    assert (found.outcome, found.answers) == ("could_not_run", [])
    assert "Install postgresql-" in found.sentence
    with pytest.raises(Refusal, match="no older program reads it"):
        restored_in(elsewhere, away, DATABASE_URL=provider())
    monkeypatch.undo()
    assert doctor.look(Patient(settings=away, is_up=True)).verdict is Verdict.well
    gone = load_settings({"DATABASE_URL": away.database.owner_url.replace("/db_", "/no_db_")})
    with pytest.raises(Refusal, match=r"could not be used: .* does not exist"):
        make(msgspec.structs.replace(away, database=gone.database))
    told = doctor.look(Patient(settings=gone, is_up=True))
    assert (told.verdict, "does not exist" in told.sentence) == (Verdict.ill, True)
    newest = {15: Path("a"), 17: Path("b"), 18: Path("c")}
    monkeypatch.setattr(postgres, "installed", lambda name="postgres": newest)
    assert tools_for(16, "") == (17, Path("b"))


def test_an_older_server_is_not_told_of_settings_it_does_not_know() -> None:
    rows = b"COPY public.notes (text) FROM stdin;\nSET transaction_timeout = 0;\n\\.\n"
    head = b"SET statement_timeout = 0;\nSET transaction_timeout = 0;\n"
    search = b"SELECT pg_catalog.set_config('search_path', '', false);\n"
    target = io.BytesIO()
    loading._pour(io.BytesIO(head + search + rows), target, {"statement_timeout"})
    assert target.getvalue() == b"SET statement_timeout = 0;\n" + search + rows


def test_a_backup_with_a_dump_is_kept_as_long_as_any_other(away: Settings, kept: Snapshot) -> None:
    repository = Repository.of(away, kit_in(away).box_id)
    saved = repository.save(
        away.workspace,
        ["studio.json"],
        moment=datetime.now(UTC) - timedelta(days=60),
        tags=("dump",),
        parent=None,
        told=lambda _: None,
    )
    there = {one.id for one in repository.snapshots()}
    repository.forget(BackupSchedule(days=1, weeks=0, months=0))
    assert there - {one.id for one in repository.snapshots()} == {saved.id}
