"""Backups are judged by what was made and proved; what nobody could prove is never green."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from app.kit.backups import BackupFailure, Backups, BackupSchedule, BackupStatus, Drill, KitHeld, LetGo
from app.kit.clock import now
from app.kit.passport import Passport
from app.kit.recovery import kit_of
from app.kit.settings import Settings
from app.resources.alerts.rules import backup_stale, backup_unproved
from app.resources.alerts.rules import kit as kit_rule
from app.resources.infrastructure.checks import backup_log, backups, kit, proof
from app.resources.infrastructure.looking import Box, Finding
from app.resources.infrastructure.metrics import _of_backups
from app.store.bus import connect
from app.store.database import Database

DAY = timedelta(days=1)


class Volume:
    """A volume whose backups are as the test says."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._folder = Backups(box.settings.workspace).folder
        self._folder.mkdir()

    def is_made(self, ago: timedelta) -> None:
        """The volume's own age."""
        made = Passport(box_id="b", layout=1, version="1.0", created_at=(now() - ago).isoformat())
        (self._box.settings.workspace / "studio.json").write_bytes(msgspec.json.encode(made))

    async def found(self, status: BackupStatus) -> tuple[str, str, bool, bool]:
        """What both checks say, and whether each rule is broken."""
        (self._folder / "status.json").write_bytes(msgspec.json.encode(status))
        box = Box(self._box.settings, self._box.database, self._box.redis)
        made, proved = await backups.look(box), await proof.look(box)
        for one in (made, proved):
            assert bool(one.remedy) == (one.status != "healthy"), one
        broken = [await rule.judge(box) for rule in (backup_stale, backup_unproved)]
        assert all(one.remedy for one in broken if one is not None)
        return made.status, proved.status, broken[0] is not None, broken[1] is not None


@pytest.fixture
def volume(settings: Settings, database: Database, tmp_path: Path) -> Volume:
    here = msgspec.structs.replace(settings, workspace=tmp_path)
    return Volume(Box(here, database, connect(settings.redis.url)))


def drill(outcome: str, at: datetime) -> Drill:
    about = {"at": at, "outcome": outcome, "sentence": "It was tried.", "studio": "1.0", "restore_s": 4.5}
    return msgspec.convert(about, Drill)


async def test_a_new_box_has_time_to_make_and_prove_its_first(volume: Volume) -> None:
    volume.is_made(ago=timedelta(hours=1))
    assert await volume.found(BackupStatus()) == ("degraded", "unknown", False, False)
    volume.is_made(ago=2 * DAY)
    assert await volume.found(BackupStatus()) == ("unhealthy", "unknown", True, False)
    volume.is_made(ago=9 * DAY)
    assert await volume.found(BackupStatus()) == ("unhealthy", "unhealthy", True, True)


async def test_by_the_age_of_the_newest_and_of_its_proof(volume: Volume) -> None:
    volume.is_made(ago=100 * DAY)
    fresh = BackupStatus(last_good_at=now() - DAY / 2, last_proved_at=now() - 3 * DAY)
    assert await volume.found(fresh) == ("healthy", "healthy", False, False)
    old = BackupStatus(last_good_at=now() - 1.2 * DAY, last_proved_at=now() - 8.1 * DAY)
    assert await volume.found(old) == ("unhealthy", "unhealthy", True, True)
    failed = BackupFailure(what="backup", at=now(), sentence="The repository is full.")
    lame = msgspec.structs.replace(fresh, failure=failed)
    assert await volume.found(lame) == ("degraded", "healthy", False, False)


async def test_a_drill_that_failed_is_told_at_once_and_one_that_could_not_run_proves_nothing(
    volume: Volume,
) -> None:
    volume.is_made(ago=100 * DAY)
    good = BackupStatus(last_good_at=now(), last_proved_at=now() - 3 * DAY)
    failed = msgspec.structs.replace(good, drills=[drill("failed", now())])
    assert await volume.found(failed) == ("healthy", "unhealthy", False, True)
    hindered = msgspec.structs.replace(good, drills=[drill("could_not_run", now())])
    assert await volume.found(hindered) == ("healthy", "unknown", False, False)
    for_days = msgspec.structs.replace(hindered, last_proved_at=now() - 9 * DAY)
    assert await volume.found(for_days) == ("healthy", "unhealthy", False, True)


async def test_who_makes_backups_by_hand_is_not_told_every_night(volume: Volume) -> None:
    volume.is_made(ago=100 * DAY)
    (volume._folder / "schedule.json").write_bytes(msgspec.json.encode(BackupSchedule(at=None)))
    by_hand = BackupStatus(last_good_at=now() - 30 * DAY, last_proved_at=now() - DAY)
    assert await volume.found(by_hand) == ("healthy", "healthy", False, False)


async def test_a_log_that_was_let_go_or_cannot_be_kept_is_told_with_a_remedy(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume.is_made(ago=100 * DAY)
    good = BackupStatus(last_good_at=now() - DAY / 2, last_proved_at=now() - 3 * DAY)
    assert await volume.found(good) == ("healthy", "healthy", False, False)
    box = volume._box
    assert (await found_of_log(box)).status == "healthy"
    let_go = msgspec.structs.replace(good, let_go=LetGo(at=now(), sentence="It was let go."))
    await volume.found(let_go)
    told = await found_of_log(box)
    assert (told.status, told.detail) == ("degraded", "It was let go.")
    assert told.remedy is not None and "studio backup" in told.remedy
    await volume.found(good)
    failing = "SELECT 'segment 7' AS last_failed_wal, now() AS last_failed_time"
    monkeypatch.setattr(backup_log, "_FAILING", failing)
    told = await found_of_log(box)
    assert told.status == "degraded" and "segment 7" in told.detail and told.remedy is not None


async def found_of_log(box: Box) -> Finding:
    found = await backup_log.look(Box(box.settings, box.database, box.redis))
    assert found is not None
    return found


async def test_a_database_elsewhere_is_judged_like_any_other(volume: Volume) -> None:
    volume.is_made(ago=2 * DAY)
    box = volume._box
    elsewhere = msgspec.structs.replace(box.settings.database, embedded=False)
    there = Box(msgspec.structs.replace(box.settings, database=elsewhere), box.database, box.redis)
    assert (await backups.look(there)).status == "unhealthy"
    assert await backup_stale.judge(there) is not None
    assert await _of_backups(there)
    assert await backup_log.look(there) is None


async def test_whoever_has_backups_and_not_their_kit_is_reminded_until_they_show_it(volume: Volume) -> None:
    settings = volume._box.settings

    async def found() -> tuple[str | None, bool]:
        box = Box(settings, volume._box.database, volume._box.redis)
        finding, broken = await kit.look(box), await kit_rule.judge(box)
        assert finding is None or bool(finding.remedy) == (finding.status != "healthy")
        return finding.status if finding else None, broken is not None

    volume.is_made(ago=timedelta(hours=1))
    assert await found() == (None, False)
    (volume._folder / "status.json").write_bytes(msgspec.json.encode(BackupStatus(last_good_at=now())))
    assert await found() == ("degraded", False)
    volume.is_made(ago=2 * DAY)
    assert await found() == ("degraded", True)
    held = KitHeld(since=now(), check=kit_of(settings, "b").check())
    (volume._folder / "kit.json").write_bytes(msgspec.json.encode(held))
    assert await found() == ("healthy", False)
    settings = msgspec.structs.replace(settings, backup_repository="s3:elsewhere")
    assert await found() == ("degraded", True)
