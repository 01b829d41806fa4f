"""A database on a volume that cannot hold one: what was acknowledged is there after the disk is wiped."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import psutil
import psycopg
import pytest

from app.kit.settings import load_settings
from app.kit.volume import VOLUME_FILE, Mode, Volume, write
from appliance import storage
from appliance.hydrate import lease, receiver, standby, wal
from appliance.hydrate.home import Home
from appliance.hydrate.lease import Lease
from appliance.hydrate.standby import Standby
from appliance.postgres import STANDBY, Cluster
from appliance.refusal import Refusal
from tests.appliance.box import Box, box_environment, studio
from tests.appliance.mounts import needs_mounts, nobodys
from tests.appliance.test_small_disk import wait_for
from tests.appliance.test_volume import GOOD, KEYS
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("lsn", ["0/0", "0/16B3748", "1A/FF000028"])
def test_positions_are_written_as_postgres_writes_them(lsn: str) -> None:
    assert wal.lsn_of(wal.position(lsn)) == lsn


def test_segments_are_named_found_and_missed(tmp_path: Path) -> None:
    assert wal.name_of(1, 0x1FF) == "0000000100000001000000FF"
    for name in ("000000010000000000000002", "000000010000000000000003.partial", "000000020000000000000009"):
        (tmp_path / name).touch()
    (tmp_path / "000000010000000000000002.partial").touch()
    found = wal.segments_in(tmp_path, 1)
    assert {number: path.suffix for number, path in found.items()} == {2: "", 3: ".partial"}
    assert wal.first_gap(found, 2) is None
    assert wal.first_gap(found, 1) == 1
    assert wal.first_gap([2, 3, 5], 2) == 4


class Load:
    """Somebody who writes as fast as commits return, and remembers what was confirmed to them."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self.acknowledged: list[int] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.enough = threading.Event()

    def __enter__(self) -> Self:
        with connected(self._env) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (id bigint PRIMARY KEY, filling text)")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _write(self) -> None:
        with contextlib.suppress(psycopg.Error), connected(self._env) as connection:
            first = connection.execute("SELECT coalesce(max(id), 0) FROM kept").fetchone()
            assert first is not None
            number = first[0]
            while not self._stopping.is_set():
                number += 1
                connection.execute("INSERT INTO kept VALUES (%s, %s)", (number, "x" * 500))
                self.acknowledged.append(number)
                if len(self.acknowledged) == 300:
                    self.enough.set()


def connected(env: dict[str, str]) -> "psycopg.Connection[tuple[int, ...]]":
    return psycopg.connect(load_settings(env).database.owner_url, autocommit=True)


def kept(env: dict[str, str]) -> set[int]:
    with connected(env) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM kept")}


def kill_everything(box: Box) -> None:
    """As a power cut: nobody gets to say a last word. Boot goes first, so that it starts nobody again."""
    family = psutil.Process(box.process.pid)
    for process in [family, *family.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    box.process.wait()


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A box whose volume belongs to nobody but root."""
    (tmp_path / "share").mkdir()
    with nobodys(tmp_path / "share", tmp_path / "ws"):
        yield box_environment(tmp_path, STORAGE_LOCAL_DIR=str(tmp_path / "local"))


def wipe(env: dict[str, str]) -> None:
    """What a pod's stop does to its own disk."""
    shutil.rmtree(env["STORAGE_LOCAL_DIR"])
    shutil.rmtree(env["STUDIO_RUN_DIR"], ignore_errors=True)


@needs_mounts
@pytest.mark.timeout(900)  # nine boots, some of which rebuild
def test_what_was_acknowledged_outlives_the_disk(env: dict[str, str]) -> None:
    workspace = Path(env["WORKSPACE_PATH"])
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        status = json.loads(studio(env, "status", "--json").stdout)
        assert status["volume"]["mode"] == "hydrate"
        assert not status["volume"]["probe"]["keeps_owners"]
        assert json.loads((workspace / "studio.json").read_text())["storage"] == "hydrate"
        assert not (workspace / "postgres").exists()
        (home,) = (workspace / "hydrate").iterdir()
        with Load(env) as load:
            assert load.enough.wait(PATIENCE_S)
            wait_for("a note of how far it is", (home / "acknowledged.json").exists)
            kill_everything(box)
    acknowledged = set(load.acknowledged)
    wipe(env)
    walk_into_traps(env, home)

    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert "rebuilt from the base of" in box.text
        after = kept(env)
        assert acknowledged <= after, "a confirmed transaction is lost"
        assert len(after - acknowledged) <= 1, "only the one in flight may be there as well"
        with Load(env) as load:
            assert load.enough.wait(PATIENCE_S)
            assert box.stop() == 0
    acknowledged |= set(load.acknowledged)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert "the one of before" in box.text, "a disk that is still there needs no rebuilding"
        assert box.stop() == 0
    wipe(env)

    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert acknowledged <= kept(env)
        assert box.stop() == 0


def walk_into_traps(env: dict[str, str], home: Path) -> None:
    """A promise that is not kept, a gap, a file that cannot be read, no base. None of them may be served."""
    noted = home / "acknowledged.json"
    promise = json.loads(noted.read_text())
    noted.write_text(json.dumps(promise | {"lsn": "7F/0"}))
    refused(env, f"transactions up to 7F/0 were confirmed by {promise['at']}")
    noted.write_text(json.dumps(promise))

    beyond = home / "wal" / wal.name_of(1, 40)
    beyond.touch()
    refused(env, "has a gap")
    beyond.unlink()

    last = max((home / "wal").iterdir())
    last.rename(home / "aside")
    last.mkdir()
    refused(env, f"could not be rebuilt from the volume: Is a directory ({last})")
    last.rmdir()
    (home / "aside").rename(last)

    (home / "bases").rename(home / "aside")
    refused(env, "its database, the folder hydrate/, is not there")
    (home / "aside").rename(home / "bases")
    refused(env | {"STORAGE_MODE": "local"}, "would begin an empty one")


def refused(env: dict[str, str], sentence: str) -> None:
    with Box(env) as box:
        assert box.end() in {74, 78}, box.text
        assert sentence in box.text


def test_one_volume_is_for_one_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "WATCH_S", PATIENCE_S)
    first, second = Lease(tmp_path / "lease"), Lease(tmp_path / "lease")
    first.take()
    second.take()  # on the same machine the lock of the folder has proved that the first is dead
    assert not first.renew(), "the first would end now"
    assert second.renew()

    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("", "another", "", "", "")))
    elsewhere = Lease(tmp_path / "lease")
    stopping = threading.Event()

    def live() -> None:
        while not stopping.wait(0.02):
            second.renew()

    thread = threading.Thread(target=live)
    thread.start()
    with pytest.raises(Refusal, match="Another Studio, on"):
        elsewhere.take()
    stopping.set()
    thread.join()
    monkeypatch.setattr(lease, "WATCH_S", 0.3)
    elsewhere.take()
    assert not second.renew()
    elsewhere.release()
    assert not (tmp_path / "lease").exists()


class Life:
    """A cluster, its receiver and its watch, without the box around them."""

    def __init__(self, folder: Path, **env: str) -> None:
        places = {"WORKSPACE_PATH": "ws", "STUDIO_RUN_DIR": "run", "STORAGE_LOCAL_DIR": "local"}
        env = {**KEYS, **{name: str(folder / place) for name, place in places.items()}, **env}
        self.env = env
        self.settings = load_settings(env)
        storage.prepare(self.settings)
        probe = msgspec.structs.replace(GOOD, keeps_owners=False)
        volume = Volume(mode=Mode.hydrate, promise="", probe=probe)
        write(self.settings.run_dir / VOLUME_FILE, volume)
        short = {"max_slot_wal_keep_size": "16MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}
        self.cluster = Cluster(self.settings, short)
        self.standby = Standby(self.settings, self.cluster)
        self.receiver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.standby.bring_back()
        self.cluster.prepare()
        self.cluster.start_server()
        self.standby.open()
        self.receive()
        self.cluster.ensure_roles()
        self.standby.settle()
        return self

    def __exit__(self, *_: object) -> None:
        self.standby.stop()
        self.cluster.stop()
        self.hang_up()

    def receive(self) -> None:
        environment = receiver.environment(self.settings)
        self.receiver = subprocess.Popen(
            receiver.command(self.settings), env=environment, stderr=subprocess.DEVNULL
        )

    def hang_up(self) -> None:
        if self.receiver is not None:
            self.receiver.send_signal(signal.SIGCONT)
            self.receiver.kill()
            self.receiver.wait()

    def freeze(self, number: signal.Signals) -> None:
        assert self.receiver is not None
        self.receiver.send_signal(number)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "LOOK_S", 0.05)
    monkeypatch.setattr(standby, "STALL_S", 0.5)


def commit(env: dict[str, str], confirmed: threading.Event) -> threading.Thread:
    def write() -> None:
        with connected(env) as connection:
            connection.execute("CREATE TABLE written ()")
            confirmed.set()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.usefixtures("impatient")
def test_strict_waits_for_the_volume_and_says_so(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        life.freeze(signal.SIGSTOP)
        confirmed = threading.Event()
        thread = commit(life.env, confirmed)
        wait_for("the trouble is told", lambda: life.standby.trouble() is not None)
        assert not confirmed.is_set(), "nothing is confirmed that the volume does not have"
        life.freeze(signal.SIGCONT)
        assert confirmed.wait(PATIENCE_S)
        wait_for("the trouble is over", lambda: life.standby.trouble() is None)
        thread.join()


@pytest.mark.usefixtures("impatient")
def test_a_volume_that_hangs_is_told_while_a_note_on_it_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answers = threading.Event(), threading.Event()

    def hang(*_: object) -> bool:
        asked.set()
        return answers.wait()

    with Life(tmp_path) as life:
        monkeypatch.setattr(Lease, "renew", hang)
        monkeypatch.setattr(Home, "acknowledge", hang)
        try:
            assert asked.wait(PATIENCE_S)
            life.freeze(signal.SIGSTOP)
            thread = commit(life.env, threading.Event())
            wait_for("the trouble is told", lambda: life.standby.trouble() is not None)
        finally:
            life.freeze(signal.SIGCONT)
            answers.set()
        thread.join()


@pytest.mark.usefixtures("impatient")
def test_available_goes_on_and_says_what_it_risks(tmp_path: Path) -> None:
    with Life(tmp_path, STORAGE_STALL="available") as life:
        life.freeze(signal.SIGSTOP)
        confirmed = threading.Event()
        thread = commit(life.env, confirmed)
        assert confirmed.wait(PATIENCE_S)
        wait_for("the risk is told", lambda: "on this machine alone" in life.standby.risk())
        assert life.standby.trouble() is None
        life.freeze(signal.SIGCONT)
        wait_for("the risk is over", lambda: life.standby.risk() == "")
        # Postgres reads its settings anew in its own time.
        asked = "SHOW synchronous_standby_names"
        wait_for("commits wait for the volume again", lambda: life.cluster.run_sql(asked) == STANDBY)
        thread.join()


@pytest.mark.usefixtures("impatient")
def test_a_volume_that_was_away_for_too_long_gets_a_new_base(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        home = Home(life.settings, life.cluster.major)
        (first,) = home.whole_bases()
        life.hang_up()
        for _ in range(8):
            life.cluster.run_sql(
                "SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, '', '')) _"
            )
        life.cluster.run_sql("CHECKPOINT")

        def starts_over() -> bool:
            if life.receiver is not None and life.receiver.poll() is not None:
                life.receive()  # as supervisord does
            return home.newest_base() != first

        wait_for("a new base", starts_over)
