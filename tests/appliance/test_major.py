"""A volume of an older Postgres moves to a newer one by a dump, whole or not at all.

One version is installed here: a cluster in a folder of another name stands for the older one.
"""

import contextlib
import json
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import msgspec
import pytest

from app.kit.backups import Backups, BackupStatus, Snapshot
from app.kit.settings import load_settings
from appliance import keys, major, postgres, storage
from appliance.backup import wal
from appliance.backup.line import line_of
from appliance.backup.make import make
from appliance.major import Move, dump, forget_former
from appliance.postgres import DATABASE, Cluster, dump_path
from appliance.process import processes_in
from appliance.refusal import Refusal
from appliance.users import postgres_account
from tests.appliance.backup.conftest import FAST
from tests.appliance.backup.things import TABLES, add, settings_in
from tests.appliance.box import Box, box_environment, studio

pytestmark = pytest.mark.integration

OLD = 9  # no Postgres of this number is installed anywhere


@pytest.fixture
def bare() -> Iterator[Path]:
    """As the image has a former version: its server alone, where the user of Postgres may go."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_database_moves_by_its_dump_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        running = studio(env, "dump")
        assert (running.returncode, "already uses" in running.stderr) == (75, True)
        assert box.stop() == 0
    settings = load_settings(env)
    there = postgres.installed()
    new = max(there)
    root = settings.workspace / "postgres"
    # As a machine that has the old version only.
    (root / str(new)).rename(root / str(OLD))
    (root / f"{new}.json").unlink(missing_ok=True)
    monkeypatch.setattr(postgres, "installed", lambda *_: {OLD: there[new]})
    old = Cluster(settings)
    old.prepare()
    old.start()
    old.run_sql("CREATE TABLE kept AS SELECT g AS id FROM generate_series(1, 1000) g", DATABASE)
    old.run_sql(f"ALTER TABLE kept OWNER TO {postgres.OWNER}", DATABASE)
    assert old.stop() == 0
    monkeypatch.undo()
    with Box(env) as box:
        assert box.end() == 78, box.text
        assert "run `studio dump`" in box.text
    monkeypatch.setattr(postgres, "installed", lambda *_: {OLD: there[new]})
    first = dump(settings)
    assert (first.major, Path(first.file)) == (OLD, dump_path(settings, OLD))
    assert stat.S_IMODE(Path(first.file).stat().st_mode) == 0o600, "it is the whole database"
    old.start()
    old.run_sql("INSERT INTO kept VALUES (1001)", DATABASE)
    assert old.stop() == 0
    monkeypatch.undo()
    with Box(env) as box:
        assert box.end() == 78, "a dump that is older than the database would lose what came after it"
    monkeypatch.setattr(postgres, "installed", lambda *_: {OLD: there[new]})
    dump(settings)
    monkeypatch.undo()

    # A first try that is killed in the middle leaves a cluster that is no whole one.
    cluster = Cluster(settings)
    move = Move.due(settings, cluster)
    assert move is not None
    move.begin()
    cluster.prepare()

    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert f"moved from Postgres {OLD}" in box.text
        cluster = Cluster(settings)
        assert cluster.major == new
        assert cluster.run_sql("SELECT count(*), max(id) FROM kept", DATABASE) == "1001|1001"
        assert json.loads((settings.workspace / "studio.json").read_text())["postgres_major"] == new
        assert box.stop() == 0
    assert (root / str(OLD) / "PG_VERSION").exists()
    assert Move.due(settings, cluster) is None

    backups = Backups(settings.workspace)
    state = dump_path(settings, OLD).with_suffix(".state")
    as_dumped = state.read_text()
    state.write_text("of another state")  # as if the old one had run again
    prove(backups, made_at=datetime.now(UTC), proved_at=datetime.now(UTC))
    assert not forget_former(settings, cluster)
    assert (root / str(OLD) / "PG_VERSION").exists()
    state.write_text(as_dumped)
    now = datetime.now(UTC)
    for proved, goes in ((now - timedelta(days=1), False), (now + timedelta(minutes=2), True)):
        prove(backups, made_at=proved - timedelta(minutes=1), proved_at=proved)
        assert forget_former(settings, cluster) is goes
    assert not (root / str(OLD)).exists()
    assert not dump_path(settings, OLD).exists()


def test_a_database_whose_former_server_is_here_moves_by_itself_even_after_a_crash(
    tmp_path: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    there = postgres.installed()
    new = max(there)
    old = Cluster(settings, FAST)
    old.prepare()
    old.start()
    old.run_sql(TABLES, DATABASE)
    kept = add(settings, old, "kept")
    backups = Backups(settings.workspace)
    line = line_of(backups)
    _, segment = wal.close_segment(old)
    wal.await_kept(old, backups.wal, segment)
    for process in processes_in(old.data, "postgres", postgres_account(settings).uid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    old.stop()
    former = old.data.rename(old.data.with_name(str(OLD)))
    (bare / "postgres").symlink_to(there[new] / "postgres")

    def installed(name: str = "postgres") -> dict[int, Path]:
        return {OLD: bare, new: there[new]} if name == "postgres" else {new: there[new]}

    monkeypatch.setattr(postgres, "installed", installed)
    monkeypatch.setattr(major, "installed", installed)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1024))
        move = Move.due(settings, Cluster(settings))
        assert move is not None
        with pytest.raises(Refusal, match="Make room and start again; nothing was changed"):
            move.begin()
    cluster = Cluster(settings, FAST)
    move = Move.due(settings, cluster)
    assert (cluster.major, move is not None) == (new, True)
    assert move is not None
    move.begin()
    assert cluster.prepare() is True
    cluster.start()
    try:
        assert move.finish() == f"moved from Postgres {OLD}"
        assert cluster.run_sql("SELECT name, sha256 FROM things", DATABASE) == f"kept|{kept}"
        assert (former / "PG_VERSION").exists()
        assert Move.due(settings, Cluster(settings)) is None
        assert backups.wished() == ["backup"]
        assert line_of(backups) != line
        # Its log has names that the old one's had, and is kept all the same.
        assert make(settings).blobs == 1
    finally:
        cluster.stop()


def prove(backups: Backups, *, made_at: datetime, proved_at: datetime) -> None:
    snapshot = Snapshot(
        id="a",
        made_at=made_at,
        took_s=1.0,
        studio="1",
        schema="1",
        database_bytes=1,
        blobs=0,
        blobs_bytes=0,
        added_bytes=0,
    )
    status = BackupStatus(last_proved_at=proved_at, snapshots=[snapshot])
    (backups.folder / "status.json").write_bytes(msgspec.json.encode(status))


def test_a_folder_without_a_database_has_nothing_to_dump(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    storage.prepare(load_settings(env))
    keys.ensure(load_settings(env), env)
    with pytest.raises(Refusal, match="There is no database"):
        dump(load_settings(env))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(tmp_path / "run")
    assert not list(Backups(load_settings(env).workspace).folder.glob("*.dump"))
    with pytest.raises(Refusal, match="its provider brings it to a newer Postgres"):
        dump(load_settings(env | {"DATABASE_URL": "postgresql://u:p@db/studio"}))
