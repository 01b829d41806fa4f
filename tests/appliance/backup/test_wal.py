"""The log is kept whole, never replaced, and comes back with an exit code that Postgres cannot misread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.kit.backups import Backups
from app.kit.settings import Settings
from appliance.backup import segments, wal
from appliance.backup.scratch import EndsTooEarly, _judged
from appliance.postgres import Cluster

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

    assert run("keep", segment, folder) == segments.TROUBLE

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
    assert wal.position(lsn) > 0
    assert wal.forget_before(folder, name) == len(wal.kept(folder)) - 1 or wal.kept(folder) == [name]


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
