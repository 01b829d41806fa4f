"""A database on a volume that cannot hold one: what was acknowledged is there after the disk is wiped."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import psutil
import psycopg
import pytest

from app.kit.backups import Backups
from app.kit.settings import load_settings
from app.kit.volume import VOLUME_FILE, Mode, Volume, write
from appliance import log_names, passport, sentinel, storage
from appliance.backup import base
from appliance.backup import wal as archived
from appliance.backup.drill import drill
from appliance.backup.line import line_of
from appliance.backup.make import make
from appliance.backup.restore import bring_back_database, restore
from appliance.hydrate import archive, lease, receiver, standby
from appliance.hydrate.home import Home
from appliance.hydrate.lease import Lease
from appliance.hydrate.standby import Standby
from appliance.postgres import DATABASE, STANDBY, Cluster
from appliance.refusal import Refusal
from tests.appliance.backup.things import TABLES, add, files_of, kit_in, repository_of, rows_of, settings_in
from tests.appliance.box import Box, box_environment, studio
from tests.appliance.mounts import needs_mounts, nobodys
from tests.appliance.test_small_disk import wait_for
from tests.appliance.test_volume import GOOD, KEYS
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]  # clusters that are rebuilt again and again
SAME = "the one of before"


@pytest.mark.parametrize("lsn", ["0/0", "0/16B3748", "1A/FF000028"])
def test_positions_are_written_as_postgres_writes_them(lsn: str) -> None:
    assert log_names.lsn_of(log_names.position(lsn)) == lsn


def test_segments_are_named_found_and_missed(tmp_path: Path) -> None:
    assert log_names.name_of(1, 0x1FF) == "0000000100000001000000FF"
    for name in ("000000010000000000000002", "000000010000000000000003.partial", "000000020000000000000009"):
        (tmp_path / name).touch()
    (tmp_path / "000000010000000000000002.partial").touch()
    found = log_names.segments_in(tmp_path, 1)
    assert {number: path.suffix for number, path in found.items()} == {2: "", 3: ".partial"}
    assert log_names.first_gap(found, 2) is None
    assert log_names.first_gap(found, 1) == 1
    assert log_names.first_gap([2, 3, 5], 2) == 4


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
def test_what_was_acknowledged_outlives_the_disk(env: dict[str, str], tmp_path: Path) -> None:
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
    walk_into_traps(Life(tmp_path))
    wipe(env)

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
    wipe(env)

    with Box(env) as box:
        box.wait_for("Studio is ready at")
        assert acknowledged <= kept(env)
        assert box.stop() == 0


def walk_into_traps(life: "Life") -> None:
    """A gap, a file that cannot be read, no base, a promise that is not kept. None of them may be served."""
    home, box = life.home, passport.read(life.settings)
    beyond = home.wal / log_names.name_of(1, 40)
    beyond.touch()
    with pytest.raises(Refusal, match="has a gap"):
        life.standby.bring_back()
    beyond.unlink()

    last = max(home.wal.iterdir())
    last.rename(home.root / "aside")
    last.mkdir()
    with pytest.raises(Refusal, match="could not be rebuilt from the volume: Is a directory") as unreadable:
        life.standby.bring_back()
    assert str(last) in unreadable.value.sentence
    last.rmdir()
    (home.root / "aside").rename(last)

    with pytest.raises(Refusal, match="would begin an empty one"):
        sentinel.compare(life.settings, box, Mode.local)
    home.bases.rename(home.root / "aside")
    with pytest.raises(Refusal, match="its database, the folder hydrate/, is not there"):
        sentinel.compare(life.settings, box, Mode.hydrate)
    (home.root / "aside").rename(home.bases)

    promised = home.acknowledged()
    assert promised is not None
    home.acknowledge("7F/0", promised.at)
    life.standby.bring_back()
    life.cluster.prepare()
    life.cluster.start_server()
    try:
        with pytest.raises(Refusal, match=f"up to 7F/0 were confirmed by {re.escape(promised.at)}"):
            life.standby.open()
    finally:
        life.cluster.stop()
    home.acknowledge(promised.lsn, promised.at)


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


@needs_mounts
def test_a_backup_comes_back_onto_a_volume_that_cannot_hold_a_cluster(tmp_path: Path) -> None:
    source = settings_in(tmp_path / "source", **KEYS)
    cluster = Cluster(source, {"fsync": "off"})
    cluster.prepare()
    cluster.start()
    try:
        cluster.run_sql(TABLES, DATABASE)
        names = [add(source, cluster, name) for name in ("first", "second")]
        os.chown(source.blobs_dir / names[0][:2] / names[0], 12345, 12345)  # nobody of that name there
        (source.blobs_dir / "ab").mkdir(exist_ok=True)
        (source.blobs_dir / "ab" / "link").symlink_to(tmp_path)  # a step may have put it there
        rows = rows_of(cluster)
        make(source)
    finally:
        cluster.stop()
    (tmp_path / "share").mkdir()
    with nobodys(tmp_path / "share", tmp_path / "ws"):
        settings, kit = load_settings(environment_of(tmp_path)), kit_in(source)

        restore(settings, repository_of(kit), kit)

        box = passport.read(settings)
        assert box is not None and box.storage == "hydrate"
        assert not (settings.workspace / "postgres").exists()
        assert list(settings.storage_local.iterdir()) == []
        with Life(tmp_path) as life:
            assert rows_of(life.cluster) == rows
            assert files_of(life.settings).keys() == set(names)
            life.write("before")
            made = make(life.settings)
            life.write("after")
            assert drill(life.settings).outcome == "proved"
            assert not (settings.storage_local / "drill").exists()

        aside = bring_back_database(life.settings, box, made.id)

        with Life(tmp_path) as life:
            assert life.came_back != SAME, "this disk has what was written after it"
            assert life.written() == ["before"]
            assert rows_of(life.cluster) == rows
            life.write("later")
        assert (aside / "hydrate").is_dir()
        with Life(tmp_path) as life:
            assert life.came_back == SAME, "a disk that is still there needs no rebuilding"
            assert life.written() == ["before", "later"]


def environment_of(folder: Path) -> dict[str, str]:
    places = {"WORKSPACE_PATH": "ws", "STUDIO_RUN_DIR": "run", "STORAGE_LOCAL_DIR": "local"}
    return {**KEYS, **{name: str(folder / place) for name, place in places.items()}}


class Life:
    """A cluster, its receiver and its watch, without the box around them."""

    def __init__(self, folder: Path, *, forgets_soon: bool = False, **env: str) -> None:
        """`forgets_soon`: Postgres lets go of log that the volume does not fetch after a segment."""
        env = {**environment_of(folder), **env}
        self.env = env
        self.settings = load_settings(env)
        storage.prepare(self.settings)
        probe = msgspec.structs.replace(GOOD, keeps_owners=False)
        volume = Volume(mode=Mode.hydrate, promise="", probe=probe)
        write(self.settings.run_dir / VOLUME_FILE, volume)
        short = {"max_slot_wal_keep_size": "16MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}
        self.cluster = Cluster(self.settings, short if forgets_soon else None)
        self.standby = Standby(self.settings, self.cluster)
        self.home = Home(self.settings, self.cluster.major)
        self.receiver: subprocess.Popen[bytes] | None = None
        self.came_back: str | None = None

    def __enter__(self) -> Self:
        self.came_back = self.standby.bring_back()
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

    def wait_receiving(self, what: str, is_true: Callable[[], bool]) -> None:
        """Wait for something, and start the receiver again when it ends, as supervisord does."""

        def look() -> bool:
            if self.receiver is None or self.receiver.poll() is not None:
                self.receive()
            return is_true()

        wait_for(what, look)

    def fall_behind(self) -> None:
        """The volume is away until Postgres lets go of the log that it needs."""
        self.hang_up()
        for _ in range(8):
            self.cluster.run_sql(
                "SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, '', '')) _"
            )
        self.cluster.run_sql("CHECKPOINT")

    def close_log(self) -> str:
        """Everything until now into the archive, as a backup does it; its last segment."""
        folder = Backups(self.settings.workspace).wal
        _, name = archived.close_segment(self.cluster)
        archived.await_kept(
            self.cluster, folder, name, 30, lambda: archive.hand_over(self.settings, self.cluster.major)
        )
        return name

    def write(self, word: str) -> None:
        """One confirmed transaction."""
        self.cluster.run_sql("CREATE TABLE IF NOT EXISTS words (word text)")
        self.cluster.run_sql(f"INSERT INTO words VALUES ('{word}')")  # noqa: S608  our own word

    def written(self) -> list[str]:
        """Every word."""
        return self.cluster.run_sql("SELECT word FROM words ORDER BY 1").splitlines()

    def lose_the_disk(self) -> None:
        """What a pod's stop does to its own disk."""
        shutil.rmtree(self.settings.storage_local)

    def freeze(self, number: signal.Signals) -> None:
        assert self.receiver is not None
        self.receiver.send_signal(number)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "LOOK_S", 0.05)
    monkeypatch.setattr(standby, "STALL_S", 0.5)


def commit(env: dict[str, str], confirmed: threading.Event) -> threading.Thread:
    def write() -> None:
        with contextlib.suppress(psycopg.OperationalError), connected(env) as connection:
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
    with Life(tmp_path, forgets_soon=True) as life:
        (first,) = life.home.whole_bases()
        life.fall_behind()
        life.wait_receiving("a new base", lambda: life.home.newest_base() != first)
        confirmed = threading.Event()
        commit(life.env, confirmed).join()
        assert confirmed.is_set()


@pytest.mark.usefixtures("impatient")
def test_nothing_is_confirmed_after_a_gap_before_there_is_a_base_and_nothing_before_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Refusal("There is no room.")

    with Life(tmp_path, forgets_soon=True) as life:
        life.write("before")
        life.fall_behind()
        with monkeypatch.context() as patch:
            patch.setattr(base, "take", refuse)
            life.wait_receiving("the log begins anew", life.home.outrun.exists)
            confirmed = threading.Event()
            thread = commit(life.env, confirmed)
            life.wait_receiving("the gap is told", lambda: "has a gap" in (life.standby.trouble() or ""))
            life.wait_receiving("the commit has been received", lambda: any(life.home.wal.iterdir()))
            assert not confirmed.is_set(), "no base holds it, so no rebuilding would find it"
            life.standby.stop()
        life.cluster.stop()
        thread.join()
    life.lose_the_disk()
    with Life(tmp_path) as life:
        assert life.written() == ["before"]
        life.write("after")
        assert not life.home.outrun.exists()


def test_a_rebuilt_database_goes_on_though_its_archive_leads_elsewhere(tmp_path: Path) -> None:
    with Life(tmp_path) as life:
        backups, home = Backups(life.settings.workspace), life.home
        life.write("one")
        kept = life.close_log()
        life.write("two")
        line = line_of(backups)
    (written_to,) = home.wal.glob("*.partial")
    # As an archive that was ahead of the volume, and one whose segment ended in another way.
    for name in (kept, written_to.stem):
        (backups.wal / f"{name}.z").write_bytes(zlib.compress(b"of a future that nobody confirmed"))
    # As a segment whose last record went on in one that never arrived.
    whole = written_to.rename(written_to.with_suffix(""))
    life.lose_the_disk()

    with Life(tmp_path) as life:
        assert life.written() == ["one", "two"]
        assert line_of(backups) != line
        assert backups.wished() == ["backup"], "no moment is reached before there is one"
        assert {path.stem for path in backups.other_past.iterdir()} == {kept, whole.name}
        assert [path.name for path in home.beyond.iterdir()] == [whole.name]
        life.write("three")
        assert log_names.first_gap([int(life.close_log()[-8:], 16)], int(whole.name[-8:], 16)) is None
        # The volume falls behind, and a base that is made meanwhile has more of the log than was received.
        life.standby.stop()
        life.hang_up()
        life.cluster.run_sql("SELECT pg_logical_emit_message(false, '', repeat('x', 100000))")
        life.standby.make_base()
    life.lose_the_disk()

    with Life(tmp_path) as life:
        assert life.written() == ["one", "three", "two"]
