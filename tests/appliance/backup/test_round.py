"""Backed up while it is written to and killed in the middle, wiped, restored: row by row and blob by blob."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from app.kit.backups import Backups, BackupStatus, Snapshot
from app.kit.settings import KEY_NAMES, Settings, load_settings
from appliance import passport
from appliance.backup import wal
from appliance.backup.make import make, save_log
from appliance.backup.restic import Repository
from appliance.backup.restore import Restored, restore
from appliance.files import FolderLock
from appliance.postgres import DATABASE, Cluster
from appliance.refusal import Refusal
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
from tests.appliance.box import ROOT

pytestmark = pytest.mark.integration

# `studio backup now`, whose whole group is killed at the first word of how far the copy is.
STRUCK = """
import os, signal, sys
from appliance.backup import base
from appliance.cli import main

take, strike = base.take, lambda _: os.killpg(0, signal.SIGKILL)
base.take = lambda cluster, target, _, **how: take(cluster, target, strike, **how)
sys.argv = ["studio", "backup", "now", "--json"]
main()
"""


@contextlib.contextmanager
def writing(box: Settings, cluster: Cluster) -> Iterator[None]:
    """Somebody who stores things all the time."""
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            add(box, cluster, "under load")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[Settings, Cluster]]:
    """The box that was restored there, with its database running as a boot runs it."""
    settings = load_settings(environment_in(folder))
    cluster = Cluster(settings, FAST)
    assert cluster.prepare() is False
    cluster.start()
    try:
        yield settings, cluster
    finally:
        cluster.stop()


def restored_in(
    folder: Path, box: Settings, at: datetime | None = None, *, replace: bool = False
) -> Restored:
    """What `studio restore` does on a machine of its own."""
    kit = kit_in(box)
    return restore(load_settings(environment_in(folder)), repository_of(kit), kit, at=at, replace=replace)


def kill_in_the_middle(box: Settings) -> None:
    """A backup whose process, with all it started, is killed while it copies the database."""
    child = subprocess.run(
        [sys.executable, "-c", STRUCK],
        env={**os.environ, "WORKSPACE_PATH": str(box.workspace), "STUDIO_RUN_DIR": str(box.run_dir)},
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    left = msgspec.json.decode(
        (Backups(box.workspace).folder / "status.json").read_bytes(), type=BackupStatus
    )
    assert left.running is not None and left.running.phase == "Copying the database"


@pytest.fixture(scope="module")
def made(box: Settings, cluster: Cluster) -> Snapshot:
    """A backup that somebody made."""
    return make(box)


def now_in(cluster: Cluster) -> datetime:
    return datetime.fromisoformat(json.loads(cluster.run_sql("SELECT to_json(clock_timestamp())")))


def test_a_box_that_was_backed_up_under_load_comes_back_as_it_was_at_one_moment(
    box: Settings, cluster: Cluster, elsewhere: Path
) -> None:
    with writing(box, cluster):
        kill_in_the_middle(box)
        assert Backups(box.workspace).status().running is None
        assert Backups(box.workspace).status().last_good_at is None
        made = make(box)
    files = files_of(box)

    found = restored_in(elsewhere, box)

    assert (found.snapshot, found.missing, found.set_aside) == (made.id, [], None)
    assert list(Backups(box.workspace).staging.iterdir()) == []
    with opened(elsewhere) as (again, second):
        mine, its = passport.read(box), passport.read(again)
        assert mine is not None and its is not None
        assert (its.box_id, its.encryption_key_id) == (mine.box_id, mine.encryption_key_id)
        assert its.postgres_major == second.major
        assert again.keys == box.keys
        rows = rows_of(second)
        assert len(rows) == found.rows - 1  # the revision of the schema is a row, too
        assert set(rows) <= set(rows_of(cluster))
        things = [
            int(number) for number in second.run_sql("SELECT id FROM things ORDER BY id", DATABASE).split()
        ]
        assert things == list(range(1, len(things) + 1)), "whatever was committed before is there"
        named = second.run_sql("SELECT sha256 FROM blobs", DATABASE).split()
        assert len(named) == made.blobs == found.files
        restored = files_of(again)
        assert set(named) <= set(restored)
        assert restored.items() <= files.items()
        assert all(name == digest for name, digest in restored.items())
        assert Backups(again.workspace).is_held()


def test_any_second_between_two_changes_can_be_reached(
    box: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    make(box)
    add(box, cluster, "before")
    between = now_in(cluster)
    gone = add(box, cluster, "after")
    later = now_in(cluster)
    save_log(box)
    before = rows_of(cluster)

    restored_in(tmp_path / "between", box, between)
    restored_in(tmp_path / "later", box, later)  # after the last change, and the log covers it

    with opened(tmp_path / "between") as (settings, second):
        after = rows_of(second)
        assert [row for row in before if row not in after] == [row for row in before if gone in row]
    with opened(tmp_path / "later") as (settings, second):
        assert rows_of(second) == before
        assert gone in files_of(settings)
    with pytest.raises(Refusal, match="reaches until"):
        restored_in(tmp_path / "never", box, datetime.fromisoformat("2999-01-01T00:00:00Z"))
    with pytest.raises(Refusal, match="nothing before that"):
        restored_in(tmp_path / "never", box, datetime.fromisoformat("2001-01-01T00:00:00Z"))
    status = Backups(box.workspace).status()
    assert status.reach_from is not None and status.reach_until is not None
    assert status.reach_from < between < status.reach_until


def test_a_moment_whose_log_went_with_a_dropped_backup_is_refused(
    box: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    first = make(box)
    as_of_first = rows_of(cluster)
    add(box, cluster, "reached no more")
    between = now_in(cluster)
    add(box, cluster, "later")
    second = make(box)
    third = make(box)
    Repository.of(box, kit_in(box).box_id).remove([second.id])

    with pytest.raises(Refusal, match="cannot be reached any more") as refused:
        restored_in(tmp_path / "between", box, between)

    for near in (first, third):
        assert f"--at {near.made_at.isoformat()}" in refused.value.sentence
    assert not (tmp_path / "between" / "ws" / "studio.json").exists()
    assert restored_in(tmp_path / "first", box, first.made_at).snapshot == first.id
    with opened(tmp_path / "first") as (_, again):
        assert rows_of(again) == as_of_first


def test_a_box_below_a_folder_with_a_dot_is_backed_up_whole(tmp_path: Path) -> None:
    box = settings_in(tmp_path / ".hidden [1]*", STUDIO_RUN_DIR=str(tmp_path / "run"))
    cluster = Cluster(box, FAST)
    cluster.prepare()
    cluster.start()
    try:
        cluster.run_sql(TABLES, DATABASE)
        name = add(box, cluster, "first")
        draft = box.blobs_dir / name[:2] / ".draft"
        draft.write_bytes(b"half")
        made = make(box)
        repository = Repository.of(box, kit_in(box).box_id)
        files = repository.list(made.id, "/")
    finally:
        cluster.stop()
    assert f"/blobs/{name[:2]}/{name}" in files
    assert f"/blobs/{name[:2]}/.draft" not in files
    assert "/backups/staging/base/PG_VERSION" in files
    assert [path for path in files if path.startswith("/backups/wal/")]


def test_a_backup_that_cannot_be_read_back_is_none_and_the_log_before_it_stays(
    box: Settings, cluster: Cluster, made: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository.of(box, kit_in(box).box_id)
    before = repository.snapshots()
    kept = set(wal.kept(Backups(box.workspace).wal))
    for fault, complaint in (("gone", "could not be read back"), ("another", "another manifest")):

        def read(self: Repository, snapshot: str, path: str, fault: str = fault) -> bytes:
            if fault == "gone":
                raise Refusal("It is not in there.")
            return b"{}"

        with monkeypatch.context() as patch:
            patch.setattr(Repository, "read", read)
            with pytest.raises(Refusal, match=complaint):
                make(box)
    assert repository.snapshots() == before
    assert kept <= set(wal.kept(Backups(box.workspace).wal))


def test_everything_is_on_the_disk_before_the_volume_is_called_whole(
    box: Settings, made: Snapshot, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[set[str]] = []
    sync = os.sync

    def note() -> None:
        there.append({path.name for path in (elsewhere / "ws").iterdir()})
        sync()

    monkeypatch.setattr(os, "sync", note)

    restored_in(elsewhere, box)

    assert {"postgres", "blobs", "keys"} <= there[-1]
    assert "studio.json" not in there[-1]


def test_a_volume_that_holds_a_box_is_refused_and_set_aside_when_told(
    box: Settings, made: Snapshot, elsewhere: Path
) -> None:
    restored_in(elsewhere, box)
    with opened(elsewhere) as (settings, second):
        kept = rows_of(second)
    with pytest.raises(Refusal, match="holds a box already"):
        restored_in(elsewhere, box)
    lock = FolderLock(settings.workspace)
    lock.take()
    with pytest.raises(Refusal, match="already uses"):
        restored_in(elsewhere, box, replace=True)
    lock.release()

    found = restored_in(elsewhere, box, replace=True)

    assert found.set_aside is not None
    aside = Path(found.set_aside)
    assert {path.name for path in aside.iterdir()} >= {"postgres", "blobs", "keys", "studio.json"}
    # What was set aside is a whole box: moved back, it runs.
    shutil.rmtree(settings.workspace / "postgres")
    (aside / "postgres").rename(settings.workspace / "postgres")
    with opened(elsewhere) as (_, second):
        assert rows_of(second) == kept


def test_a_kit_of_another_box_or_with_another_password_opens_nothing(
    box: Settings, made: Snapshot, elsewhere: Path, tmp_path: Path
) -> None:
    mine = kit_in(box)
    empty = load_settings(environment_in(elsewhere))
    for change, complaint in (
        ({"password": "another"}, "does not open: its password is another one"),
        ({"encryption_key": "k" * 32}, "The encryption key of the kit does not open this backup"),
        ({"repository": str(tmp_path / "no")}, "There is no backup repository at"),
        ({"box_id": str(uuid4())}, "The repository holds no backup of this box"),
    ):
        kit = msgspec.structs.replace(mine, **change)
        with pytest.raises(Refusal, match=complaint):
            restore(empty, repository_of(kit), kit)
    given = load_settings(environment_in(elsewhere, ENCRYPTION_KEY="e" * 32))
    with pytest.raises(Refusal, match="ENCRYPTION_KEY is set here and is not the one of the recovery kit"):
        restore(given, repository_of(mine), mine)
    assert not (empty.workspace / "studio.json").exists()
    assert not (empty.workspace / "postgres").exists()


def test_a_backup_alone_holds_no_key_that_is_not_sealed(box: Settings, made: Snapshot) -> None:
    repository = repository_of(kit_in(box))

    manifest = repository.read(made.id, "/backups/staging/manifest.json")

    for name in KEY_NAMES:
        assert getattr(box.keys, name).encode() not in manifest
    assert not [path for path in repository.list(made.id, "/") if path.startswith("/keys")]


def test_a_file_that_was_lost_before_the_backup_is_named(
    box: Settings, cluster: Cluster, elsewhere: Path
) -> None:
    name = add(box, cluster, "lost")
    file = box.blobs_dir / name[:2] / name
    whole = file.read_bytes()
    file.unlink()
    make(box)
    file.write_bytes(whole)

    assert restored_in(elsewhere, box).missing == [name]


def test_a_damaged_repository_gives_no_half_of_a_box(
    box: Settings, cluster: Cluster, elsewhere: Path
) -> None:
    make(box)
    packs = [path for path in (Path(box.backup_repository) / "data").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[: len(whole) // 2])  # as an upload that broke off leaves it
    with pytest.raises(Refusal, match="restic could not use"):
        Repository.of(box, kit_in(box).box_id).check(every_byte=False)
    pack.write_bytes(bytes(byte ^ 1 for byte in whole))  # as an ageing disk gives it back
    with pytest.raises(Refusal, match="restic could not use"):
        restored_in(elsewhere, box)
    assert not (elsewhere / "ws" / "studio.json").exists()
    assert not (elsewhere / "ws" / "postgres").exists()
    pack.write_bytes(whole)

    restored_in(elsewhere, box)  # over what the failed one left


def test_a_base_whose_log_has_a_hole_is_not_kept(
    box: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Backups(box.workspace).status().snapshots
    monkeypatch.setattr(wal, "kept", lambda folder: [])

    with pytest.raises(Refusal, match="has a hole"):
        make(box)

    status = Backups(box.workspace).status()
    assert status.snapshots == before
    assert status.failure is not None and "has a hole" in status.failure.sentence
    assert status.running is None
