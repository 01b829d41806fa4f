"""The log is kept whole, never replaced, and comes back with an exit code that Postgres cannot misread."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from app.kit.backups import Backups
from app.kit.settings import Settings
from appliance import log_names
from appliance.backup import bounds, segments, wal
from appliance.backup.line import line_of
from appliance.backup.make import clear_the_way, save_log
from appliance.backup.scratch import EndsTooEarly, _judged
from appliance.doctor.checks import backups as doctor
from appliance.doctor.finding import Patient, Verdict
from appliance.postgres import Cluster
from appliance.refusal import Refusal
from tests.appliance.test_small_disk import wait_for

NAME = "000000010000000A000000FE"


def run(*arguments: object) -> int:
    command = [sys.executable, "-I", "-S", segments.__file__, *map(str, arguments)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(os.urandom(70_000) + bytes(1_000_000))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "it's 100% wal"
    folder.mkdir()
    return folder


def test_a_segment_comes_back_as_it_was(segment: Path, folder: Path, tmp_path: Path) -> None:
    assert run("keep", segment, folder) == 0
    assert wal.kept(folder) == [NAME]
    assert (folder / f"{NAME}.z").stat().st_size < 100_000

    assert run("bring", NAME, tmp_path / "back", folder) == 0

    assert (tmp_path / "back").read_bytes() == segment.read_bytes()


def test_a_segment_that_is_kept_is_never_replaced(segment: Path, folder: Path) -> None:
    assert run("keep", segment, folder) == 0
    assert run("keep", segment, folder) == 0, "Postgres may ask again after a crash"
    before = (folder / f"{NAME}.z").read_bytes()
    segment.write_bytes(b"another cluster's")

    assert run("keep", segment, folder) == segments.NOT_KEPT

    assert (folder / f"{NAME}.z").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [f"{NAME}.z"]


def test_only_a_missing_segment_is_the_end_of_the_log(segment: Path, folder: Path, tmp_path: Path) -> None:
    assert run("bring", NAME, tmp_path / "back", folder) == segments.NO_SUCH_FILE
    assert run("bring", NAME, tmp_path / "back", folder / "elsewhere") == segments.TROUBLE
    assert run("keep", segment, folder) == 0
    assert run("bring", NAME, tmp_path / "no" / "folder", folder) == segments.TROUBLE
    kept = folder / f"{NAME}.z"
    kept.write_bytes(kept.read_bytes()[:-100])
    assert run("bring", NAME, tmp_path / "back", folder) == segments.TROUBLE


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user who may not look into the folder")
def test_a_folder_that_may_not_be_read_is_no_end_of_the_log(folder: Path, tmp_path: Path) -> None:
    folder.chmod(0o700)
    child = os.fork()  # the interpreter itself may lie where a stranger cannot start it
    if child == 0:
        os.setuid(65534)
        os._exit(segments.main(["bring", NAME, str(tmp_path / "back"), str(folder)]))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == segments.TROUBLE


def test_a_hole_in_the_log_has_a_name() -> None:
    names = [wal.segment_of(1, lsn) for lsn in ("9/FE000000", "9/FF000000", "A/0", "A/1000000")]
    assert names[1:3] == ["0000000100000009000000FF", "000000010000000A00000000"]
    assert wal.gap(names, 1, "9/FE000028", "A/1FFFFFF") is None
    assert wal.gap(names, 1, "9/FD000028", "A/1") == "0000000100000009000000FD"
    assert wal.gap([names[0], names[3]], 1, "9/FE000028", "A/1000000") == names[1]


@pytest.mark.integration
def test_what_is_committed_is_in_the_archive_once_its_segment_is_closed(
    box: Settings, cluster: Cluster
) -> None:
    folder = Backups(box.workspace).wal
    cluster.run_sql("CREATE TABLE something AS SELECT generate_series(1, 1000)")

    lsn, name = wal.close_segment(cluster)
    wal.await_kept(cluster, folder, name)

    assert wal.kept(folder)[-1] == name
    assert log_names.position(lsn) > 0
    assert wal.forget_before(folder, name) == len(wal.kept(folder)) - 1 or wal.kept(folder) == [name]


@pytest.mark.integration
def test_a_log_that_no_backup_follows_is_let_go_at_its_bound_and_taken_up_again(
    box: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = Backups(box.workspace)
    wal.await_kept(cluster, backups.wal, wal.close_segment(cluster)[1])
    line = line_of(backups)
    assert 0 < bounds.filled(box) < 1
    assert backups.status().let_go is None

    monkeypatch.setattr(bounds, "FEWEST_BYTES", 1)
    monkeypatch.setattr(bounds, "SHARE", 10**15)
    assert bounds.filled(box) > 1

    assert wal.kept(backups.wal) == []
    assert line_of(backups) != line
    found = backups.status().let_go
    assert found is not None
    assert "There is no backup that the log of the database could lead on from" in found.sentence
    told = doctor.look(Patient(settings=box, is_up=True))
    assert (told.verdict, told.sentence) == (Verdict.ill, found.sentence)
    _, name = wal.close_segment(cluster)
    last = "SELECT last_archived_wal FROM pg_stat_archiver"
    wait_for("Postgres is rid of it", lambda: cluster.run_sql(last) == name)
    assert wal.kept(backups.wal) == []
    with pytest.raises(Refusal, match="leads on from no backup"):
        save_log(box)
    assert bounds.filled(box) == 0

    bounds.take_up(backups)
    wal.await_kept(cluster, backups.wal, wal.close_segment(cluster)[1])


@pytest.mark.integration
def test_what_another_past_left_in_the_way_is_set_aside(box: Settings, cluster: Cluster) -> None:
    """As after a disk was put back to a former state by hand, beside an archive that went on."""
    backups = Backups(box.workspace)
    line = line_of(backups)
    name = cluster.run_sql("SELECT pg_walfile_name(pg_create_restore_point('here'))")
    stranger = backups.wal / f"{name}.z"
    stranger.write_bytes(zlib.compress(b"another past"))
    wal.close_segment(cluster)
    failed = "SELECT last_failed_wal FROM pg_stat_archiver"
    wait_for("it is refused", lambda: cluster.run_sql(failed) == name)
    assert wal.waiting_bytes(cluster) >= log_names.SEGMENT_BYTES

    clear_the_way(cluster, backups)
    wal.await_kept(cluster, backups.wal, wal.close_segment(cluster)[1])

    assert name in wal.kept(backups.wal)
    assert (backups.other_past / stranger.name).exists()
    assert line_of(backups) != line
    assert "backup" in backups.wished(), "no moment of the new line is reached before there is one"


def test_the_last_words_of_a_recovery_are_told_and_not_the_doorman_s() -> None:
    lines = (
        "LOG:  starting point-in-time recovery\n"
        "FATAL:  recovery ended before configured recovery target was reached\n"
        "FATAL:  the database system is in recovery mode\n"
    )
    assert isinstance(_judged(lines), EndsTooEarly)
    assert (
        "could not read"
        in _judged("FATAL:  the database system is starting up\nPANIC:  could not read").sentence
    )
