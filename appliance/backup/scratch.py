"""A Postgres of a backup on a private socket, which answers questions.

Its files are recovered up to a moment, or a new cluster is filled with its dump.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.kit.settings import Settings
from appliance import postgres
from appliance.backup import archive
from appliance.backup.entry import Entry, beside
from appliance.backup.questions import Connection, connect
from appliance.postgres import APPLICATION, DATABASE, OPTIONS, OWNER, SUPERUSER
from appliance.process import Program, complaint_in, minimal_environment
from appliance.refusal import Refusal
from appliance.users import as_account, give, hand_over, myself, postgres_account

PATIENCE_S = 24 * 3600.0  # replaying a busy day takes long; it ends by itself when it cannot go on
# “The database system is starting up” and the like is what whoever knocks too early is told.
_FATAL = re.compile(r"(?:FATAL|PANIC):(?!\s*the database system is )\s*(.*)")


class NoServer(Refusal):
    """No Postgres of this machine can hold what is in the backup."""


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


def server_of(major: int) -> int:
    """The major version that files of Postgres `major` need: the same. Raises NoServer."""
    there = sorted(postgres.installed())
    if major in there:
        return major
    raise NoServer(
        f"The backup holds a database of Postgres {major}, and this machine has Postgres "
        f"{', '.join(map(str, there)) or 'none'}. Install postgresql-{major}, or restore with the image that "
        "made it."
    )


def server_for(major: int) -> int:
    """The newest one here, for a dump of Postgres `major`, which no older one takes in. Raises NoServer."""
    newest = max(postgres.installed("initdb"), default=0)
    if newest >= major:
        return newest
    raise NoServer(
        f"The backup holds a dump of Postgres {major}, and the newest Postgres of this machine is "
        f"{newest or 'none'}. Install postgresql-{major} or newer, or use an image of Studio that carries it."
    )


class Scratch:
    """Runs Postgres `major` on `data`, with `place` (a short path) for its socket and configuration."""

    def __init__(self, settings: Settings, data: Path, place: Path, major: int) -> None:
        self.data = data
        self.major = major
        self.entry: Entry = beside(place)
        self.socket_dir = place
        self._account = postgres_account(settings)
        self._program = Program("The restored database", signal.SIGINT)
        self._binaries = postgres.installed()[major]

    def binary(self, name: str) -> Path:
        """Where a program of its major version is."""
        return self._binaries / name

    @contextmanager
    def recovered(self, log: Path, target: Mapping[str, str]) -> Iterator[Connection]:
        """Recover with the segments in `log` up to `target`; a superuser's connection, then a clean stop.

        Raises Recovery when it does not get there, and EndsTooEarly when the log is what is too short.
        """
        for folder in (self.data, log):
            hand_over(folder, self._account)
        (self.data / "recovery.signal").touch()
        give(self.data / "recovery.signal", self._account, 0o600)
        recovery = {
            "hot_standby": "off",  # it answers when it is where it was to go, not on the way
            "restore_command": archive.quoted(archive.restore_command(log)),
            "recovery_target_action": "promote",
            **target,
        }
        with self._serving(recovery), connect(self.socket_dir) as connection:
            yield connection

    @contextmanager
    def filled(self, fill: Callable[[Entry], None]) -> Iterator[Connection]:
        """Make a new cluster at `data` and fill its database; a superuser's connection, then a clean stop."""
        self.data.mkdir(parents=True)
        hand_over(self.data, self._account)
        command = [*postgres.initdb_command(self._binaries, self.major, self.data), "--no-sync"]
        done = subprocess.run(
            self._as_owner(command),
            env=minimal_environment(self._account.home),
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise Refusal(
                f"No cluster could be made for the copy: {complaint_in(done.stderr)}.", exit_code=74
            )
        with self._serving({"max_wal_size": "4GB"}):
            with connect(self.socket_dir, SUPERUSER) as connection:
                # As the boot finds them on an older volume: it sees to their passwords and rights.
                for statement in (
                    f"CREATE ROLE {OWNER}",
                    f"CREATE ROLE {APPLICATION}",
                    f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
                ):
                    connection.execute(statement)
            fill(self.entry)
            with connect(self.socket_dir) as connection:
                yield connection

    @contextmanager
    def _serving(self, options: Mapping[str, str]) -> Iterator[None]:
        self._configure(options)
        try:
            self._start()
            yield
        finally:
            self._program.stop(60.0)
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _configure(self, more: Mapping[str, str]) -> None:
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        self.socket_dir.mkdir(mode=0o755, parents=True)
        options = {
            **OPTIONS,
            "unix_socket_directories": archive.quoted(str(self.socket_dir)),
            "shared_buffers": "64MB",
            "archive_mode": "off",
            "fsync": "off",  # the folder is flushed as a whole when it is to stay
            **more,
        }
        files = {
            "postgresql.conf": "".join(f"{name} = {value}\n" for name, value in options.items()),
            "pg_hba.conf": "".join(
                f"local {whom} {SUPERUSER} peer map=studio\n" for whom in ("all", "replication")
            ),
            "pg_ident.conf": "".join(
                f"studio {name} {SUPERUSER}\n" for name in {self._account.name, myself().name}
            ),
        }
        for name, content in files.items():
            (self.socket_dir / name).write_text(content, encoding="utf-8")

    def _start(self) -> None:
        place = self.socket_dir
        names = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
        command = [
            str(self._binaries / "postgres"),
            *("-D", str(self.data)),
            *(part for option, name in names.items() for part in ("-c", f"{option}={place / name}")),
        ]
        lines = self.socket_dir / "lines"
        with lines.open("wb") as output:
            # Only now, with everything in it: what root writes does not follow a link that another made.
            give(place, self._account, 0o755)
            self._program.start(
                self._as_owner(command, self.socket_dir, *archive.programs(), death_signal=signal.SIGINT),
                minimal_environment(self._account.home),
                output.fileno(),
            )
        try:
            self._program.wait_until(lambda: postgres.is_serving(self.socket_dir), PATIENCE_S)
        except Refusal as exc:
            raise _judged(lines.read_text(errors="replace")) from exc

    def flush(self) -> None:
        """Make every file of the copy durable."""
        there = postgres.installed("initdb")
        command = [str(there[max(there)] / "initdb"), "--sync-only", f"--pgdata={self.data}"]
        environment = minimal_environment(self._account.home)
        subprocess.run(self._as_owner(command), env=environment, capture_output=True, cwd="/", check=True)

    def _as_owner(
        self, command: list[str], *folders: Path, death_signal: signal.Signals | None = None
    ) -> list[str]:
        return as_account(
            self._account,
            command,
            # A container lends nobody the right to pass closed folders: it is asked for only where one is.
            passes_folders=not all(map(self._account.can_traverse, (self.data.parent, *folders))),
            death_signal=death_signal,
        )


def _judged(lines: str) -> Recovery:
    """Why the recovery ended, from its last words."""
    found = _FATAL.findall(lines)
    last = lines.strip().splitlines()[-1:] or ["it did not say why"]
    reason = (found or last)[-1].strip().rstrip(".")
    if "recovery ended before configured recovery target was reached" in reason:
        return EndsTooEarly(
            "The log of the database ends before the moment that was asked for.", exit_code=74
        )
    if "before consistent recovery point" in reason:
        return Recovery("The moment asked for is older than this backup.", exit_code=74)
    return Recovery(f"The database could not be recovered from the backup: {reason}.", exit_code=74)
