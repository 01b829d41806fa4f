"""Whether a volume takes more follows from its free bytes, and who asks hears it in a sentence."""

from pathlib import Path

import pytest

from app.kit.errors import StudioError
from app.kit.settings import SettingsFaults, load_settings
from app.kit.volume import (
    MIB,
    ROOM_FILE,
    Bounds,
    Reason,
    Room,
    RoomState,
    VolumeAway,
    VolumeFull,
    Watch,
    write,
)

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("total", "closed"),
    [(1000 * GIB, 4 * GIB), (40 * GIB, 2 * GIB), (4 * GIB, 256 * MIB), (400 * MIB, 100 * MIB)],
)
def test_the_bound_goes_by_the_size_of_the_volume(total: int, closed: int) -> None:
    assert Bounds.of(total).closed_bytes == closed
    assert Bounds.of(total, 7 * MIB).closed_bytes == 7 * MIB


def test_it_closes_in_two_steps_and_opens_a_little_later_than_it_closed() -> None:
    bounds = Bounds.of(0, 100)
    falling = [bounds.state(free, RoomState.open) for free in (100, 99, 25, 24)]
    assert falling == [RoomState.open, RoomState.closed, RoomState.closed, RoomState.shut]
    assert bounds.state(30, RoomState.shut) is RoomState.shut
    assert bounds.state(31, RoomState.shut) is RoomState.closed
    assert bounds.state(124, RoomState.closed) is RoomState.closed
    assert bounds.state(125, RoomState.closed) is RoomState.open


@pytest.mark.parametrize(
    ("reason", "kind", "status"), [(Reason.full, VolumeFull, 507), (Reason.read_only, VolumeAway, 503)]
)
def test_who_asks_hears_why_and_what_to_do(
    tmp_path: Path, reason: Reason, kind: type[StudioError], status: int
) -> None:
    watch = Watch(tmp_path)
    watch.refuse_new()  # nobody watches here
    write(tmp_path / ROOM_FILE, Room(state=RoomState.closed, reason=reason, sentence="Why.", remedy="What."))
    with pytest.raises(kind) as refused:
        watch.refuse_new()
    assert (refused.value.status, refused.value.detail, refused.value.remedy) == (status, "Why.", "What.")
    watch.refuse_results()  # what has begun may end
    write(tmp_path / ROOM_FILE, Room(state=RoomState.shut, reason=reason, sentence="Why."))
    with pytest.raises(kind):
        watch.refuse_results()
    write(tmp_path / ROOM_FILE, Room())
    watch.refuse_new()


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [("1048576", MIB), ("500GB", 500_000_000_000), ("1.5 TiB", 1536 * GIB), ("2 g", 2 * GIB)],
)
def test_sizes_are_read_as_people_write_them(written: str, size_bytes: int) -> None:
    assert load_settings({"STORAGE_QUOTA": written}).storage_quota_bytes == size_bytes


@pytest.mark.parametrize("written", ["much", "-5 GB", "5 PB", "10"])
def test_what_is_no_size_is_a_fault(written: str) -> None:
    with pytest.raises(SettingsFaults, match="STORAGE_QUOTA"):
        load_settings({"STORAGE_QUOTA": written})


def test_a_network_volume_without_a_quota_is_told() -> None:
    remarks = load_settings({"RUNPOD_VOLUME_ID": "vol123"}).remarks
    assert [remark.name for remark in remarks] == ["STORAGE_QUOTA"]
    assert not load_settings({"RUNPOD_VOLUME_ID": "vol123", "STORAGE_QUOTA": "100 GB"}).remarks
