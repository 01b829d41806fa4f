"""The ring of lines: bounded, whole after a kill, read newest first with filters."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.kit.clock import rfc3339
from app.kit.ring import FILES, Place, Ring, Wanted, end_of, files_of, read, read_back, read_on

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def line(number: int, **more: str) -> bytes:
    about = {"timestamp": rfc3339(NOON + timedelta(minutes=number)), "level": "INFO", "service": "studio-api"}
    return json.dumps(about | {"message": f"line {number}"} | more).encode() + b"\n"


def messages(folder: Path, **wanted: object) -> list[str]:
    return [found.record["message"] for found in read_back(folder, Wanted(**wanted))]  # type: ignore[arg-type]


def test_lines_come_back_newest_first_and_go_on_from_any_place(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 8_000)
    for number in range(40):
        ring.write(line(number))
    found = list(read_back(tmp_path, Wanted()))
    assert [one.record["message"] for one in found] == [f"line {n}" for n in reversed(range(40))]
    assert len(files_of(tmp_path)) > 2, "over several files"
    for half in (7, 20, 33):
        rest = list(read_back(tmp_path, Wanted(), before=found[half].place))
        assert rest == found[half + 1 :]


def test_the_room_is_bounded_and_the_oldest_lines_go(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 16_000)
    for number in range(2000):
        ring.write(line(number))
    assert len(files_of(tmp_path)) == FILES
    assert sum(path.stat().st_size for path in files_of(tmp_path)) <= 16_000
    assert messages(tmp_path)[0] == "line 1999"


def test_a_line_that_a_kill_cut_short_stays_alone_and_the_next_life_goes_on(tmp_path: Path) -> None:
    first = Ring(tmp_path, 100_000)
    first.write(line(1))
    first.write(line(2)[:20])
    first.close()
    second = Ring(tmp_path, 100_000)
    second.write(line(3))
    assert messages(tmp_path) == ["line 3", "line 1"]
    assert len(files_of(tmp_path)) == 1


def test_filters(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 100_000)
    ring.write(line(1, service="studio-postgres") + line(2, level="WARNING") + line(3, instance="i-1"))
    ring.write(line(4, message="about i-1 only by the way") + b"no json\n" + line(5, level="ERROR"))
    assert messages(tmp_path, programs=frozenset({"postgres"})) == ["line 1"]
    assert messages(tmp_path, programs=frozenset({"studio-postgres"})) == ["line 1"]
    assert messages(tmp_path, level="WARNING") == ["line 5", "line 2"]
    assert messages(tmp_path, instance="i-1") == ["line 3"]
    assert messages(tmp_path, text="LINE 2") == ["line 2"]
    assert messages(tmp_path, since=NOON + timedelta(minutes=4)) == ["line 5", "about i-1 only by the way"]


def test_following_gives_each_whole_line_once(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 2_000)
    ring.write(line(0))
    place = end_of(tmp_path)
    assert place == Place(1, len(line(0)))
    seen: list[str] = []
    for number in range(1, 30):
        ring.write(line(number))
        records, place = read_on(tmp_path, Wanted(), place)
        seen += [record["message"] for record in records]
    assert seen == [f"line {n}" for n in range(1, 30)]
    with files_of(tmp_path)[-1].open("ab") as half:
        half.write(line(30)[:15])
        half.flush()
        assert read_on(tmp_path, Wanted(), place) == ([], place)


def test_a_folder_that_goes_away_costs_lines_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    ring = Ring(folder, 10_000)
    ring.write(line(1))
    assert messages(folder) == []
    folder.mkdir()
    monkeypatch.setattr(ring, "_rests_until", 0.0)
    ring.write(line(2))
    assert messages(folder) == ["line 2"]
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(ring, "_descriptor", full)
    ring.write(line(3))
    ring.write(line(4))
    assert messages(folder) == ["line 2"]


def test_neither_writing_nor_reading_follows_a_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(line(1))
    folder = tmp_path / "logs"
    folder.mkdir()
    ring = Ring(folder, 1_000_000)
    (folder / "00000001.jsonl").symlink_to(secret)
    ring.write(line(2))
    ring.close()
    assert secret.read_bytes() == line(1)
    assert messages(folder) == [] and files_of(folder) == []
    with pytest.raises(OSError, match="symbolic"):
        read(folder / "00000001.jsonl")


def test_a_name_that_is_no_number_is_no_file_of_the_ring(tmp_path: Path) -> None:
    for name in ("²", "٣", "notes"):
        (tmp_path / f"{name}.jsonl").write_bytes(line(1))
    ring = Ring(tmp_path, 1_000_000)
    ring.write(line(2))
    assert messages(tmp_path) == ["line 2"]
