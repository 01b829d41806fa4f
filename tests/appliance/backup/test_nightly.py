"""What is due when, and that a wish is done once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.kit.backups import BackupFailure, Backups, BackupSchedule, BackupStatus, Drill, LetGo, Outcome
from app.kit.passport import Seen
from app.kit.recovery import kit_state, read_kit
from appliance import passport
from appliance.backup import nightly
from appliance.backup.kit import kit_of, prove
from appliance.backup.nightly import Keeper, due
from appliance.refusal import Refusal
from tests.appliance.backup.things import settings_in
from tests.appliance.box import Box, box_environment, studio

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def drilled(ago: timedelta, outcome: Outcome = "proved", studio: str = "1.0.0") -> Drill:
    return Drill(at=NOW - ago, outcome=outcome, sentence="", studio=studio)


def well(**changes: object) -> BackupStatus:
    """A box that is backed up, saved and proved."""
    status = BackupStatus(
        last_good_at=NOW - 9 * HOUR,
        last_proved_at=NOW - 24 * HOUR,
        drills=[drilled(24 * HOUR)],
        reach_until=NOW - timedelta(minutes=2),
    )
    return msgspec.structs.replace(status, **changes)


def run_into(done: list[str], *, well: bool) -> Callable[[str], bool]:
    """A stand-in for `run` that notes what it is asked for."""

    def run(what: str) -> bool:
        done.append(what)
        return well

    return run


@pytest.mark.integration
def test_a_box_makes_the_backup_that_somebody_wished_for(tmp_path: Path) -> None:
    env = box_environment(tmp_path)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        Backups(tmp_path / "ws").wish("backup")
        box.wait_for("Backup done")
        listed = json.loads(studio(env, "backup", "list", "--json").stdout)
        assert [one["schema"] for one in listed["snapshots"]] == ["none"]
        kit = studio(env, "backup", "kit")
        assert (
            read_kit(kit.stdout).box_id == json.loads((tmp_path / "ws" / "studio.json").read_text())["box_id"]
        )
        refused = studio(env, "restore", "--kit", str(tmp_path / "none"), "--json")
        assert refused.returncode == 78
        assert "cannot be read" in json.loads(refused.stdout)["error"]
        assert box.stop() == 0


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (well(), None),
        (well(last_good_at=NOW - 9.1 * HOUR), "backup"),
        (well(last_good_at=NOW - 33 * HOUR), "backup"),
        (BackupStatus(), "backup"),
        (well(failure=BackupFailure(what="backup", at=NOW - HOUR / 2, sentence=""), last_good_at=None), None),
        (
            well(failure=BackupFailure(what="backup", at=NOW - 2 * HOUR, sentence=""), last_good_at=None),
            "backup",
        ),
        (well(drills=[]), "drill"),
        (well(drills=[drilled(HOUR, studio="0.9.0")]), "drill"),
        (well(last_proved_at=NOW - 170 * HOUR, drills=[drilled(170 * HOUR)]), "drill"),
        (well(last_proved_at=None, drills=[drilled(2 * HOUR, "could_not_run")]), None),
        (well(last_proved_at=None, drills=[drilled(25 * HOUR, "could_not_run")]), "drill"),
        (well(reach_until=NOW - timedelta(minutes=6)), "log"),
    ],
)
def test_what_is_due(status: BackupStatus, what: str | None) -> None:
    schedule = BackupSchedule(at="02:55")
    assert due(status, schedule, NOW, since=NOW - HOUR, version="1.0.0", is_here=False) == what
    away = due(status, schedule, NOW, since=NOW - HOUR, version="1.0.0", is_here=False, keeps_log=False)
    assert away == (None if what == "log" else what), "a database elsewhere has no log that we could save"
    never = msgspec.structs.replace(schedule, at=None)
    assert due(status, never, NOW, since=NOW - HOUR, version="1.0.0", is_here=False) is None


def test_a_long_log_brings_the_next_backup_forward_and_one_let_go_asks_for_it_at_once() -> None:
    def what(status: BackupStatus, filled: float = 0.0, at: str | None = "02:55") -> str | None:
        schedule, since = BackupSchedule(at=at), NOW - HOUR
        return due(status, schedule, NOW, since=since, version="1.0.0", is_here=False, filled=filled)

    let_go = LetGo(at=NOW, sentence="It was let go.")
    assert [what(well(), 0.4), what(well(), 0.6), what(well(), 0.6, None)] == [None, "backup", None]
    assert what(well(last_good_at=NOW - HOUR / 2), 0.9) is None, "not more than one an hour"
    assert [what(well(let_go=let_go)), what(well(let_go=let_go), at=None)] == ["backup", None]


def test_a_young_box_has_other_things_to_do() -> None:
    young = NOW - timedelta(minutes=9)
    assert due(BackupStatus(), BackupSchedule(), NOW, since=young, version="1.0.0", is_here=True) is None


def test_the_next_backup_is_tonight_or_tomorrow() -> None:
    assert BackupSchedule(at="12:30").next_after(NOW) == NOW + HOUR / 2
    assert BackupSchedule(at="12:00").next_after(NOW) == NOW + 24 * HOUR
    assert BackupSchedule(at=None).next_after(NOW) is None


def test_root_wishes_through_no_link(tmp_path: Path) -> None:
    backups = Backups(settings_in(tmp_path).workspace)
    (backups.wishes / "backup").symlink_to(tmp_path / "planted")
    with pytest.raises(OSError, match="symbolic links"):
        backups.wish("backup")
    assert not (tmp_path / "planted").exists()


def test_a_wish_is_done_once_and_a_release_lets_the_box_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    backups = Backups(settings.workspace)
    done: list[str] = []
    monkeypatch.setattr(nightly, "run", run_into(done, well=True))
    keeper = Keeper(settings)
    backups.wish("backup")
    backups.wish("backup")
    backups.wish("release")
    backups.wish("kit")
    backups.hold_marker.touch()
    assert backups.wished() == ["backup", "release", "kit"]

    keeper.look()
    keeper.look()

    assert done == ["backup"]
    assert backups.wished() == []
    assert not backups.is_held()
    kit = kit_state(settings)
    assert kit is not None and not kit.is_wanted


def test_a_mark_that_is_asked_for_is_made_where_there_is_something_to_mark(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    backups = Backups(settings.workspace)
    keeper = Keeper(settings)
    backups.wish("healthy")
    keeper.look()
    assert backups.wished() == []
    box = passport.read(settings)
    assert box is not None and box.seen == []
    passport.note_seen(settings, box, Seen(version="1.0.0", since=NOW, former="0.9.0", failure="too early"))
    backups.wish("healthy")
    keeper.look()
    box = passport.read(settings)
    assert box is not None
    assert (box.seen[0].healthy_at is not None, box.seen[0].failure) == (True, None)


def test_the_kit_that_somebody_brings_is_compared(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    file = tmp_path / "kit.txt"
    file.write_text(kit_of(settings).text(NOW))
    assert prove(settings, file).check == kit_of(settings).check()
    other = settings_in(tmp_path / "other")
    with pytest.raises(Refusal, match="is not this box's"):
        prove(other, file)
    assert Backups(other.workspace).kit_held() is None


def test_a_failure_that_nobody_could_note_is_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(nightly, "run", run_into(tried, well=False))
    keeper = Keeper(settings_in(tmp_path))
    keeper._since -= nightly.FIRST_BACKUP * 2
    keeper.look()
    keeper.look()
    assert tried == ["backup"]
    assert keeper._failed_at is not None
    keeper._failed_at -= nightly.AGAIN
    keeper.look()
    assert tried == ["backup", "backup"]


def test_a_wish_that_cannot_be_removed_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_in(tmp_path)
    backups = Backups(settings.workspace)
    done: list[str] = []
    monkeypatch.setattr(nightly, "run", run_into(done, well=True))
    keeper = Keeper(settings)
    (backups.wishes / "drill").mkdir()
    keeper.look()
    keeper.look()
    assert done == ["drill"]
    (backups.wishes / "drill").rmdir()
    keeper.look()
    backups.wish("drill")
    keeper.look()
    assert done == ["drill", "drill"] and backups.wished() == []
