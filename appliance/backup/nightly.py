"""`python -m appliance.backup.nightly`: makes backups when it is time, and when somebody has asked for one.

It runs as whoever boots, because it enters the database as its superuser, and does nothing but wait: the work
is done by `studio backup` as a process of its own, which may be killed at any time.
"""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from app.kit.backups import Backups, BackupSchedule, BackupStatus, Wish
from app.kit.log import configure, get_logger
from app.kit.settings import Settings, load_settings
from app.kit.version import studio_version
from appliance import upgrade
from appliance.backup import bounds
from appliance.backup.kit import kit_of, note_held
from appliance.refusal import Refusal
from appliance.users import as_account, myself

log = get_logger(__name__)

Due = Literal["backup", "drill", "log"]

LOOK_S: Final = 2.0
FIRST_BACKUP = timedelta(minutes=10)  # of a box that has none: after whatever its first minutes are full of
AGAIN = timedelta(hours=1)  # after a failure
DRILL_EVERY = timedelta(days=7)
DRILL_AGAIN = timedelta(hours=24)
LOG_EVERY = timedelta(minutes=5)  # what is lost with the volume at most, where backups lie elsewhere
LOG_EVERY_HERE = timedelta(hours=1)  # on the same volume the log lies already
MEASURE_EVERY = timedelta(minutes=1)
COMMANDS: Final = {"backup": "now", "drill": "drill", "log": "log"}


def due(
    status: BackupStatus,
    schedule: BackupSchedule,
    now: datetime,
    *,
    since: datetime,
    version: str,
    is_here: bool,
    keeps_log: bool = True,
    filled: float = 0.0,
) -> Due | None:
    """What is to be done now. `since`: when the box started; `is_here`: backups lie on its own volume;
    `keeps_log`: the database is the embedded one; `filled`: how much of what its log may take is taken.
    """
    if status.failure is not None and now - status.failure.at < AGAIN:
        return None
    if _backup_is_due(status, schedule, now, since):
        return "backup"
    if status.last_good_at is None:
        return None
    if schedule.at is not None and (status.let_go is not None or _is_long(status.last_good_at, now, filled)):
        return "backup"
    if schedule.at is not None and _drill_is_due(status, now, version):
        return "drill"
    saved_at = status.reach_until or status.last_good_at
    if not keeps_log:
        return None
    if schedule.at is not None and now - saved_at > (LOG_EVERY_HERE if is_here else LOG_EVERY):
        return "log"
    return None


def _backup_is_due(status: BackupStatus, schedule: BackupSchedule, now: datetime, since: datetime) -> bool:
    following = schedule.next_after(now)
    if following is None:
        return False
    if status.last_good_at is None:
        return now - since > FIRST_BACKUP
    return status.last_good_at < following - timedelta(days=1)


def _is_long(last_good_at: datetime, now: datetime, filled: float) -> bool:
    """A backup lets go of the log before it, so a long one brings the next forward."""
    return filled > 0.5 and now - last_good_at > AGAIN


def _drill_is_due(status: BackupStatus, now: datetime, version: str) -> bool:
    """Weekly, and once after an upgrade; one that could not run is tried again the next day."""
    last = next(iter(status.drills), None)
    if last is None or last.studio != version:
        return True
    proved_at = status.last_proved_at
    if proved_at is not None and now - proved_at < DRILL_EVERY:
        return False
    return now - last.at > DRILL_AGAIN


class Keeper:
    """Looks every two seconds, for as long as the box lives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backups = Backups(settings.workspace)
        self._since = datetime.now(UTC)
        self._failed_at: datetime | None = None  # remembered here too: a failure may have failed to be noted
        self._stuck: set[Wish] = set()  # done, but not to be removed
        self._filled = 0.0
        self._measured_at: datetime | None = None
        self._is_here = settings.backup_repository.startswith(f"{settings.workspace}/")

    def look(self) -> None:
        """Do what is wished or due."""
        wished = self._backups.wished()
        self._stuck.intersection_update(wished)
        for wish in wished:
            if wish in self._stuck:
                continue
            if wish == "release":
                if self._backups.release():
                    log.info("the restored box was released and goes on", action="box_released")
            elif wish == "healthy":
                self._believe()
            elif wish == "kit":
                note_held(self._settings, kit_of(self._settings))  # the API has compared it
                log.info("somebody holds the recovery kit", action="kit_held")
            else:
                self._run(wish)
            # Afterwards: a wish that is there is one that is not done yet.
            try:
                (self._backups.wishes / wish).unlink(missing_ok=True)
            except OSError as exc:
                self._stuck.add(wish)
                log.warning("the wish “%s” cannot be removed: %s", wish, exc, action="wish_stuck")
        self._measure()
        status = self._backups.status()
        if status.running is None and (what := self._due(status)):
            self._run(what)

    def _believe(self) -> None:
        try:
            seen = upgrade.believe(self._settings)
        except Refusal as exc:
            log.warning(exc.sentence, action="upgrade_not_believed")
        else:
            log.info("Studio %s is marked as healthy", seen.version, action="upgrade_believed")

    def _measure(self) -> None:
        """See, once a minute, that the log stays within its bound."""
        now = datetime.now(UTC)
        if not self._settings.database.embedded:
            return
        if self._measured_at is not None and now - self._measured_at < MEASURE_EVERY:
            return
        self._measured_at = now
        try:
            self._filled = bounds.filled(self._settings)
        except (OSError, Refusal) as exc:
            log.warning("the log could not be measured: %s", exc, action="log_unmeasured")

    def _run(self, what: Due) -> None:
        self._failed_at = None if run(what) else datetime.now(UTC)

    def _due(self, status: BackupStatus) -> Due | None:
        now = datetime.now(UTC)
        good_at, failed_at = status.last_good_at, self._failed_at
        if failed_at is not None and (good_at is None or good_at < failed_at) and now - failed_at < AGAIN:
            return None
        return due(
            status,
            self._backups.schedule(),
            now,
            since=self._since,
            version=studio_version(),
            is_here=self._is_here,
            keeps_log=self._settings.database.embedded,
            filled=self._filled,
        )


def run(what: Due) -> bool:
    """Do it, and say how it ended; whether well."""
    log.info("%s begins", what, action="backup_begins", what=what)
    command = [sys.executable, "-m", "appliance.cli", "backup", COMMANDS[what], "--json"]
    began = time.monotonic()
    done = subprocess.run(
        as_account(myself(), command, death_signal=signal.SIGTERM),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    answer = json.loads(done.stdout) if done.stdout.startswith(b"{") else {}
    took_s = round(time.monotonic() - began, 1)
    if done.returncode == 0:
        log.info("%s done", what, action="backup_done", what=what, took_s=took_s)
    else:
        why = answer.get("error") or answer.get("sentence") or f"it ended with code {done.returncode}"
        log.error("%s failed: %s", what, why, action="backup_failed", what=what, took_s=took_s)
    return done.returncode == 0


def main() -> None:
    """Keep looking until told to stop."""
    settings = load_settings()
    configure("studio-backups", settings.log)
    keeper = Keeper(settings)
    while True:
        keeper.look()
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
