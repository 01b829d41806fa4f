"""The volume is watched: it closes before it is full, says why, and opens by itself."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.kit.settings import Settings
from app.kit.volume import ROOM_FILE, Reason, Room, RoomState, read
from appliance import passport, storage
from appliance.keeper import Keeper
from appliance.reserve import Reserve
from appliance.usage import Usage
from tests.appliance.mounts import fill, mount, needs_mounts, small, unmount
from tests.appliance.test_sentinel import settings_in
from tests.patience import PATIENCE_S

MIB = 1024**2


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A box on a volume of 64 MiB: closed below 16, shut below 4, with 4 in reserve."""
    with small(tmp_path / "ws", "64m"):
        settings = settings_in(tmp_path)
        storage.prepare(settings)
        yield settings


def keeper_of(settings: Settings, on_back: Callable[[], None] = lambda: None) -> Keeper:
    today, _ = passport.stamp(settings, passport.read(settings))
    return Keeper(settings, today.box_id, holds_reserve=True, on_back=on_back)


def look(keeper: Keeper, settings: Settings) -> Room:
    """One round, as the threads make it every two seconds."""
    keeper._look_again()
    keeper.judge()
    keeper.tend()
    room = read(settings.run_dir / ROOM_FILE, Room)
    assert room is not None
    return room


@needs_mounts
def test_what_is_begun_again_when_the_volume_is_back_is_tried_until_it_works(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def renew() -> None:
        tries.append("try")
        if len(tries) == 1:
            raise TimeoutError

    keeper = keeper_of(settings, renew)
    gone = Room(state=RoomState.shut, reason=Reason.vanished)
    monkeypatch.setattr(keeper, "_judged", lambda: gone)
    keeper.judge()
    monkeypatch.setattr(keeper, "_judged", Room)
    with pytest.raises(TimeoutError):
        keeper.judge()  # its thread tells that, and looks again
    keeper.judge()
    keeper.judge()
    assert len(tries) == 2


@needs_mounts
def test_intake_ends_before_the_disk_is_full_and_begins_again_by_itself(settings: Settings) -> None:
    keeper = keeper_of(settings)
    reserve = settings.workspace / "backups" / "reserve"
    assert look(keeper, settings).state is RoomState.open
    assert reserve.stat().st_blocks * 512 == 4 * MIB, "a hole would hold nothing"

    film = settings.workspace / "film"
    fill(film, 45 * MIB)
    room = look(keeper, settings)
    assert (room.state, room.reason) == (RoomState.closed, Reason.full)
    assert "Delete what is no longer needed" in room.remedy
    assert reserve.exists()

    fill(settings.workspace / "another", 14 * MIB)
    assert look(keeper, settings).state is RoomState.shut
    assert not reserve.exists(), "what is left belongs to Postgres"
    assert look(keeper, settings).free_bytes > 4 * MIB

    film.unlink()
    assert look(keeper, settings).state is RoomState.open
    look(keeper, settings)
    assert reserve.exists()


@needs_mounts
def test_no_step_leads_the_reserve_astray(settings: Settings) -> None:
    secret = settings.workspace / "keys" / "secret"
    secret.write_text("a key")
    for folder in (settings.tmp_dir, settings.workspace / "backups"):
        for name in (".reserve", "reserve"):
            (folder / name).symlink_to(secret)
    look(keeper_of(settings), settings)
    assert secret.read_text() == "a key"
    reserve = settings.workspace / "backups" / "reserve"
    assert not reserve.is_symlink() and reserve.stat().st_size == 4 * MIB
    assert not (settings.tmp_dir / "reserve").is_symlink(), "where it was before is given back"


@needs_mounts
def test_a_volume_that_becomes_read_only_is_told_until_it_is_writable(settings: Settings) -> None:
    came_back: list[str] = []
    keeper = keeper_of(settings, lambda: came_back.append("back"))
    mount("-o", "remount,ro", str(settings.workspace))
    for _ in range(2):
        room = look(keeper, settings)
        assert (room.state, room.reason) == (RoomState.shut, Reason.read_only)
    assert came_back == []
    mount("-o", "remount,rw", str(settings.workspace))
    for _ in range(2):
        assert look(keeper, settings).state is RoomState.open
    assert came_back == ["back"]


@needs_mounts
def test_a_volume_that_vanishes_is_told_until_it_is_back(tmp_path: Path) -> None:
    with small(tmp_path / "disk", "64m"):
        settings = settings_in(tmp_path)
        settings.workspace.mkdir()
        mount("--bind", str(tmp_path / "disk"), str(settings.workspace))
        storage.prepare(settings)
        keeper = keeper_of(settings)
        unmount(settings.workspace)
        room = look(keeper, settings)
        assert (room.state, room.reason) == (RoomState.shut, Reason.vanished)
        assert list(settings.workspace.iterdir()) == [], "nothing is begun in its place"
        mount("--bind", str(tmp_path / "disk"), str(settings.workspace))
        assert look(keeper, settings).state is RoomState.open
        unmount(settings.workspace)


def test_a_look_that_does_not_come_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    storage.prepare(settings)
    keeper = keeper_of(settings)
    monkeypatch.setattr(keeper, "_looked_s", keeper._looked_s - 60)
    keeper.judge()
    room = read(settings.run_dir / ROOM_FILE, Room)
    assert room is not None and (room.state, room.reason) == (RoomState.shut, Reason.stalled)


def test_the_judge_comes_to_its_end_while_everything_that_asks_the_volume_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    storage.prepare(settings)
    keeper = keeper_of(settings)
    answers = threading.Event()

    def hang(*_: object) -> None:
        answers.wait()

    monkeypatch.setattr(Reserve, "size_bytes", property(hang))
    monkeypatch.setattr(Reserve, "follow", hang)
    monkeypatch.setattr(passport, "read", hang)
    monkeypatch.setattr(keeper, "_looked_s", keeper._looked_s - 60)
    looker, judge = (
        threading.Thread(target=work, daemon=True) for work in (keeper._look_again, keeper.judge)
    )
    looker.start()
    judge.start()
    judge.join(PATIENCE_S)
    is_judged, is_looking = not judge.is_alive(), looker.is_alive()
    answers.set()
    looker.join()

    assert is_judged
    assert is_looking
    room = read(settings.run_dir / ROOM_FILE, Room)
    assert room is not None and (room.state, room.reason) == (RoomState.shut, Reason.stalled)


def test_a_quota_counts_where_the_file_system_speaks_of_more(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, STORAGE_QUOTA="100 MiB", STORAGE_RESERVE="8 MiB")
    storage.prepare(settings)
    keeper = keeper_of(settings)
    usage = Usage(settings.workspace)
    keeper._used_bytes = usage.count_all()
    assert look(keeper, settings).total_bytes == 100 * MIB
    blobs = settings.blobs_dir / "aa"
    blobs.mkdir()
    fill(blobs / "film", 95 * MIB)
    keeper._used_bytes = usage.count_changes()
    room = look(keeper, settings)
    assert (room.state, room.quota_bytes) == (RoomState.closed, 100 * MIB)
    assert room.free_bytes < 8 * MIB
    (blobs / "film").unlink()
    keeper._used_bytes = usage.count_changes()
    assert look(keeper, settings).state is RoomState.open


def test_counting_sees_what_grows_and_a_file_of_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "models").mkdir()
    fill(tmp_path / "models" / "weights", 2 * MIB)
    (tmp_path / "models" / "same").hardlink_to(tmp_path / "models" / "weights")
    usage = Usage(tmp_path)
    before = usage.count_all()
    assert 2 * MIB <= before < 3 * MIB
    fill(tmp_path / "tmp" / "upload", 3 * MIB)
    assert 3 * MIB <= usage.count_changes() - before < 4 * MIB
