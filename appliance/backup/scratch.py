"""A Postgres on a restored copy, on a private socket: it recovers up to a moment and answers questions."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.kit.settings import Settings
from appliance import postgres
from appliance.backup import archive
from appliance.backup.manifest import Connection, connect
from appliance.postgres import OPTIONS, SUPERUSER
from appliance.process import Program, minimal_environment
from appliance.refusal import Refusal
from appliance.users import Account, as_account, give, myself, postgres_account

PATIENCE_S = 24 * 3600.0  # replaying a busy day takes long; it ends by itself when it cannot go on
# “The database system is starting up” and the like is what whoever knocks too early is told.
_FATAL = re.compile(r"(?:FATAL|PANIC):(?!\s*the database system is )\s*(.*)")


class Recovery(Refusal):
    """The copy could not be recovered to the moment that was asked for."""


class EndsTooEarly(Recovery):
    """The log ends before that moment."""


def until_position(lsn: str) -> dict[str, str]:
    """Everything before this position of the log, and nothing after."""
    return {
        "recovery_target_lsn": f"'{lsn}'",
        "recovery_target_inclusive": "off",
        "recovery_target_timeline": "'current'",
    }


def until_time(moment: datetime) -> dict[str, str]:
    """Everything committed up to this moment."""
    return {"recovery_target_time": f"'{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}'"}


def until_the_end() -> dict[str, str]:
    """Everything in the log."""
    return {}


class Scratch:
    """Runs on `data`, which it recovers, with `place` (a short path) for its socket and configuration."""

    def __init__(self, settings: Settings, data: Path, place: Path) -> None:
        self._settings = settings
        self._data = data
        self._place = place
        self._account = postgres_account(settings)
        self._program = Program("The restored database", signal.SIGINT)
        major = int((data / "PG_VERSION").read_text())
        there = postgres.installed()
        if major not in there:
            raise Refusal(
                f"The backup holds a database of Postgres {major}, and this machine has Postgres "
                f"{', '.join(map(str, sorted(there))) or 'none'}. Install postgresql-{major}, or restore "
                "with the image that made it."
            )
        self._binaries = there[major]

    @contextmanager
    def recovered(self, log: Path, target: Mapping[str, str]) -> Iterator[Connection]:
        """Recover with the segments in `log` up to `target`; a superuser's connection, then a clean stop.

        Raises Recovery when it does not get there, and EndsTooEarly when the log is what is too short.
        """
        self._prepare(log, target)
        try:
            self._start()
            with connect(self._place) as connection:
                yield connection
        finally:
            self._program.stop(60.0)
            shutil.rmtree(self._place, ignore_errors=True)

    def _prepare(self, log: Path, target: Mapping[str, str]) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(mode=0o755, parents=True)
        give(self._place, self._account, 0o755)
        for folder in (self._data, log):
            _hand_over(folder, self._account)
        (self._data / "recovery.signal").touch()
        give(self._data / "recovery.signal", self._account, 0o600)
        options = {
            **OPTIONS,
            "unix_socket_directories": archive.quoted(str(self._place)),
            "shared_buffers": "64MB",
            "archive_mode": "off",
            "hot_standby": "off",  # it answers when it is where it was to go, not on the way
            "restore_command": archive.quoted(archive.restore_command(log)),
            "recovery_target_action": "promote",
            "fsync": "off",  # the folder is flushed as a whole when it is to stay
            **target,
        }
        files = {
            "postgresql.conf": "".join(f"{name} = {value}\n" for name, value in options.items()),
            "pg_hba.conf": f"local all {SUPERUSER} peer map=studio\n",
            "pg_ident.conf": "".join(
                f"studio {name} {SUPERUSER}\n" for name in {self._account.name, myself().name}
            ),
        }
        for name, content in files.items():
            (self._place / name).write_text(content, encoding="utf-8")

    def _start(self) -> None:
        names = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
        command = [
            str(self._binaries / "postgres"),
            *("-D", str(self._data)),
            *(part for option, name in names.items() for part in ("-c", f"{option}={self._place / name}")),
        ]
        lines = self._place / "lines"
        with lines.open("wb") as output:
            self._program.start(
                as_account(
                    self._account,
                    command,
                    passes_folders=not all(
                        self._account.can_traverse(folder)
                        for folder in (self._data.parent, self._place, *archive.programs())
                    ),
                    death_signal=signal.SIGINT,
                ),
                minimal_environment(self._account.home),
                output.fileno(),
            )
        try:
            self._program.wait_until(lambda: postgres.is_serving(self._place), PATIENCE_S)
        except Refusal as exc:
            raise _judged(lines.read_text(errors="replace")) from exc

    def flush(self) -> None:
        """Make every file of the copy durable."""
        command = [str(self._binaries / "initdb"), "--sync-only", f"--pgdata={self._data}"]
        line = as_account(self._account, command, passes_folders=True)
        subprocess.run(
            line, env=minimal_environment(self._account.home), capture_output=True, cwd="/", check=True
        )


def _hand_over(folder: Path, account: Account) -> None:
    """A folder and all in it to the user of Postgres, closed to others."""
    give(folder, account, 0o700)
    for inner, folders, files in os.walk(folder):
        for name in folders:
            give(Path(inner, name), account, 0o700)
        for name in files:
            give(Path(inner, name), account, 0o600)


def _judged(lines: str) -> Recovery:
    """Why the recovery ended, from its last words."""
    found = _FATAL.findall(lines)
    reason = found[-1].strip().rstrip(".") if found else "it did not say why"
    if "recovery ended before configured recovery target was reached" in reason:
        return EndsTooEarly(
            "The log of the database ends before the moment that was asked for.", exit_code=74
        )
    if "before consistent recovery point" in reason:
        return Recovery("The moment asked for is older than this backup.", exit_code=74)
    return Recovery(f"The database could not be recovered from the backup: {reason}.", exit_code=74)
