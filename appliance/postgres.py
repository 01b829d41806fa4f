"""The embedded Postgres: finding it, making its cluster once, its configuration, its roles."""

import hashlib
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from app.kit.backups import Backups
from app.kit.crypto import derive
from app.kit.settings import Settings
from appliance.backup import archive
from appliance.files import sync_folder
from appliance.hydrate.home import data_root, is_hydrating
from appliance.process import Program, ask, minimal_environment, processes_in
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import as_account, give, myself, postgres_account, service_account, take_over

SUPERUSER = "postgres"  # enters by peer authentication alone, as the user that runs Postgres
OWNER = "studio"  # owns the database and its tables; migrations and seeding
APPLICATION = "studio_app"  # what the API and the daemon are: owns nothing, cannot bypass row-level security
DATABASE = "studio"
STANDBY = "studio_volume"  # in hydrate mode: who writes the log to the volume, and its slot
DEBIAN = Path("/usr/lib/postgresql")

# What differs from Postgres's own defaults, each with its reason.
OPTIONS: Mapping[str, str] = {
    "listen_addresses": "''",  # nothing outside this machine talks to it; its socket is enough
    "unix_socket_permissions": "0777",  # who may enter is pg_hba's business, and it lets nobody in on trust
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",  # volumes are solid-state
    "jit": "off",  # our statements end before the compiler would have started
    # A container's /dev/shm is 64 MB, and parallel queries fail there with “could not resize shared
    # memory segment”. Ours are short.
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",  # nothing replicates logically; one process less
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "lc_messages": "'C'",  # the log is read by the one voice
    "log_destination": "'stderr'",
    "logging_collector": "off",
    "log_line_prefix": "''",
    "log_checkpoints": "off",
    "log_min_error_statement": "'panic'",  # a failed statement may carry what somebody typed
}

# In hydrate mode: a commit returns when the volume has it.
HYDRATE_OPTIONS: Mapping[str, str] = {
    "synchronous_commit": "on",
    "synchronous_standby_names": STANDBY,
    # A volume that is away for long must not fill this disk too; then a new base is made.
    "max_slot_wal_keep_size": "4GB",
    "wal_sender_timeout": "15s",  # a stop waits for the volume so long, and no longer
}


class Cluster:
    """One Postgres cluster, `postgres/<major>` on the volume or this machine's disk, and how to start it."""

    def __init__(
        self, settings: Settings, options: Mapping[str, str] | None = None, *, former: int | None = None
    ) -> None:
        """`former`: the cluster of this older version, to read it once more."""
        self._settings = settings
        self._is_hydrating = is_hydrating(settings)
        self._options = {
            **OPTIONS,
            # What was received on the volume is the archive there (appliance.hydrate.archive).
            **(HYDRATE_OPTIONS if self._is_hydrating else archive.options(settings)),
            **(options or {}),
        }
        self._program = Program("Postgres", signal.SIGINT)
        self._account = postgres_account(settings)
        self._root = data_root(settings)
        self.socket_dir = settings.database.socket_dir
        self.major, self._binaries = (former, installed()[former]) if former else self._choose_major()
        self.data = self._root / str(self.major)
        self.note = self._root / f"{self.major}.json"  # what the boot knows of its schema

    def prepare(self) -> bool:
        """Make the cluster if there is none, write its configuration, clear what a crash left behind.

        Gives True when the cluster is new. Needs `storage.prepare` before it.
        """
        self.make_root()
        keeper = myself() if self._is_hydrating else self._account
        make_folder(Backups(self._settings.workspace).wal, keeper, 0o700)
        is_new = not (self.data / "PG_VERSION").exists()
        if is_new:
            self._initialize()
        take_over(self.data, self._account)
        give(self.data, self._account, 0o700)
        self._clear_leftovers()
        self._write_configuration()
        return is_new

    def make_root(self) -> None:
        """The folder of the clusters."""
        self._root.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        make_folder(self._root, service_account(self._settings), 0o755)

    def set_standby(self, name: str) -> None:
        """From now on commits wait for this standby; for none with an empty name."""
        self._options = {**self._options, "synchronous_standby_names": _literal(name)}
        self._write_configuration()
        self.run_sql("SELECT pg_reload_conf()")

    def command(self) -> list[str]:
        """The command line of the server, as its own user."""
        return self._as_owner([str(self.binary("postgres")), "-D", str(self.data), *self._config_files()])

    def binary(self, name: str) -> Path:
        """Where a program of this major version is, or a newer one that serves a bare server too."""
        own = self._binaries / name
        if own.exists():
            return own
        there = installed(name)
        return there[max(there)] / name

    def environment(self) -> dict[str, str]:
        """The environment of the server; none of Studio's secrets."""
        return minimal_environment(self._account.home)

    def start(self, timeout_s: float = 60.0) -> None:
        """Start it outside supervisord, wait until it answers, and see to its roles."""
        self.start_server(timeout_s)
        self.ensure_roles()

    def start_server(self, timeout_s: float = 60.0) -> None:
        """The same, with nothing written yet. Raises Refusal with what it said."""
        lines = self._settings.run_dir / "postgres.lines"
        with lines.open("wb") as output:
            self._program.start(self.command(), self.environment(), output.fileno())
        try:
            self._program.wait_until(self.ready, timeout_s)
        except Refusal as exc:
            said = _last_line(lines.read_text(errors="replace"))
            raise Refusal(f"{exc.sentence} {said}".strip(), exit_code=exc.exit_code) from exc

    def stop(self, timeout_s: float = 60.0) -> int | None:
        """A fast, clean shutdown: clients are cut, the checkpoint is written."""
        return self._program.stop(timeout_s)

    def ready(self) -> bool:
        """Whether it takes connections (not merely listens: it may still be recovering)."""
        return is_serving(self.socket_dir)

    def ensure_roles(self) -> None:
        """The owner, the application role and the database, with today's passwords. Harmless to repeat."""
        password = self._settings.keys.require("postgres_password")
        self.run_sql(
            f"""
            SET client_min_messages = warning;
            SELECT 'CREATE ROLE {OWNER}'
             WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') \\gexec
            SELECT 'CREATE ROLE {APPLICATION}'
             WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') \\gexec
            ALTER ROLE {OWNER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
                  PASSWORD {_literal(password)};
            ALTER ROLE {APPLICATION} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
                  PASSWORD {_literal(derive(password, APPLICATION))};
            SELECT 'CREATE DATABASE {DATABASE} OWNER {OWNER}'
             WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
            -- Its health page tells of everybody's transactions, and of the WAL.
            GRANT pg_monitor TO {APPLICATION};
            REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
            GRANT CONNECT ON DATABASE {DATABASE} TO {APPLICATION};
            """  # noqa: S608  only our own names and quoted literals
        )

    def tool(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of Postgres's programs, as the superuser of this running cluster."""
        entry = [f"--host={self.socket_dir}", f"--username={SUPERUSER}", "--no-password"]
        return self._as_owner([str(self.binary(name)), *entry, *arguments])

    def run_sql(self, sql: str, database: str = SUPERUSER) -> str:
        """Run SQL as the superuser through psql, by peer authentication; gives the bare rows."""
        command = [
            str(self.binary("psql")),
            *("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"),
            *(f"--host={self.socket_dir}", f"--username={SUPERUSER}", f"--dbname={database}", "--file=-"),
        ]
        done = subprocess.run(
            self._as_owner(command),
            input=sql,
            text=True,
            capture_output=True,
            env=self.environment(),
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise Refusal(f"Postgres refused what Studio asked of it: {done.stderr.strip()}", exit_code=70)
        return done.stdout.strip()

    def _as_owner(self, command: list[str]) -> list[str]:
        return as_account(
            self._account,
            command,
            # A newcomer's clone, or Python, often lies in /root (0700), where Debian's postgres cannot go.
            passes_folders=not all(
                self._account.can_traverse(folder)
                for folder in (self._root, self._settings.run_dir, *archive.programs())
            ),
            death_signal=signal.SIGINT,
        )

    def _choose_major(self) -> tuple[int, Path]:
        """The major version this volume holds, else the newest installed."""
        there = installed("initdb")  # those that a box may live on
        if not there:
            raise Refusal(
                "Postgres is not installed on this machine. Install Debian's package “postgresql”, "
                "or set DATABASE_URL to a Postgres elsewhere."
            )
        folders = [path.parent for path in self._root.glob("*/PG_VERSION")]
        if self._is_hydrating:
            folders = list((self._settings.workspace / "hydrate").iterdir()) if self._has_home() else []
        held = sorted(
            int(folder.name)
            for folder in folders
            # What a move had begun and cannot go on with here is no database yet.
            if folder.name.isdigit() and (int(folder.name) in there or not moving_mark(folder).exists())
        )
        usable = [major for major in held if major in there]
        newest = self._root / str(held[-1]) if held else None
        if newest and max(there) > held[-1] and self._can_move(newest):
            usable = []  # for a newer one
        elif held and held[-1] > max(there):
            raise Refusal(
                f"The volume holds a database of Postgres {held[-1]}, and this machine has Postgres "
                f"{', '.join(map(str, sorted(there)))}, which is older. Start the Studio that made it, or "
                f"install postgresql-{held[-1]}."
            )
        elif held and held[-1] not in there and self._is_hydrating:
            raise Refusal(
                f"The volume holds a database of Postgres {held[-1]}, and this machine has Postgres "
                f"{', '.join(map(str, sorted(there)))}. Start the Studio that made it, or install "
                f"postgresql-{held[-1]}: on a volume like this one nothing moves it to a newer one."
            )
        elif held and held[-1] not in there:
            raise Refusal(
                f"The volume holds a database of Postgres {held[-1]}, and this machine has Postgres "
                f"{', '.join(map(str, sorted(there)))}. Start the Studio that made it, or move the database: "
                f"where postgresql-{held[-1]} is, as on the machine that made it, stop the box and run "
                "`studio dump`; the next start here reads it in."
            )
        major = max(usable or there)
        return major, there[major]

    def _can_move(self, newest: Path) -> bool:
        """Whether it has been written down, or its server is here for nothing but that."""
        if self._is_hydrating:
            return False  # nothing moves it in this mode: the newer one would begin with nothing
        major = int(newest.name)
        is_former = major in installed() and major not in installed("initdb")
        return is_former or dumped_state(self._settings, newest)

    def _has_home(self) -> bool:
        return (self._settings.workspace / "hydrate").is_dir()

    def _initialize(self) -> None:
        """Make the cluster beside its place and move it in when whole: a power cut leaves no half of one."""
        draft = self._root / f".new-{self.major}"
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        give(draft, self._account, 0o700)
        command = initdb_command(self._binaries, self.major, draft)
        done = subprocess.run(
            self._as_owner(command),
            text=True,
            capture_output=True,
            env=self.environment(),
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise Refusal(
                f"The database could not be made on the volume: {_last_line(done.stderr)}", exit_code=70
            )
        if self.data.exists():
            self.data.rmdir()  # only an empty folder may stand in the way; anything else raises
        draft.rename(self.data)
        sync_folder(self._root)

    def _clear_leftovers(self) -> None:
        """Remove pid and lock files of a server that was killed, once none of its processes is left.

        In a container the old process id belongs to somebody else at the next start, and Postgres would take
        that one for its own former self and refuse. While a process of the old server lives, its files stay.
        """
        deadline = time.monotonic() + 10.0
        while processes_in(self.data, "postgres", self._account.uid):
            if time.monotonic() > deadline:
                raise Refusal(
                    f"An earlier Postgres still runs on {self.data}. Stop it, then start Studio again.",
                    exit_code=75,
                )
            time.sleep(0.05)
        for leftover in (self.data / "postmaster.pid", *self.socket_dir.glob(".s.PGSQL.*")):
            leftover.unlink(missing_ok=True)

    def _config_files(self) -> list[str]:
        folder = self._settings.run_dir
        names = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
        return [part for option, name in names.items() for part in ("-c", f"{option}={folder / name}")]

    def _write_configuration(self) -> None:
        """Written at every boot outside the cluster: an update of Studio brings its own, none grows stale."""
        folder = self._settings.run_dir
        options = {**self._options, "unix_socket_directories": _literal(str(self.socket_dir))}
        files = {
            "postgresql.conf": "".join(f"{name} = {value}\n" for name, value in options.items()),
            "pg_hba.conf": (
                f"local all {SUPERUSER} peer map=studio\n"
                f"local replication {SUPERUSER} peer map=studio\n"
                f"local all all scram-sha-256\n"
                f"host all {SUPERUSER} all reject\n"
                f"host all all all scram-sha-256\n"
            ),
            # Whoever boots may come in as well, to copy the cluster and its log: under root that is root.
            "pg_ident.conf": "".join(
                f"studio {name} {SUPERUSER}\n" for name in sorted({self._account.name, myself().name})
            ),
        }
        for name, content in files.items():
            path = folder / name
            path.unlink(missing_ok=True)
            path.write_text(content, encoding="utf-8")
            path.chmod(0o644)


def initdb_command(binaries: Path, major: int, data: Path) -> list[str]:
    """How every cluster of Studio's is made."""
    return [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        # C.UTF-8 sorts by code point for ever; a locale of the C library sorts differently after an
        # upgrade of the system and silently breaks every text index.
        "--locale=C.UTF-8",
        *(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []),
        "--data-checksums",
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--no-instructions",
    ]


def is_serving(socket_dir: Path) -> bool:
    """Whether the Postgres behind this socket takes connections; one that recovers only listens."""
    # A start-up packet of protocol 3.0. Any answer but “the database system is starting up”
    # (SQLSTATE 57P03), be it a request for a password, means that it serves.
    payload = struct.pack("!i", 196608) + f"user\0{OWNER}\0database\0{DATABASE}\0\0".encode()
    answer = ask(socket_dir / ".s.PGSQL.5432", struct.pack("!i", len(payload) + 4) + payload)
    return bool(answer) and b"57P03" not in answer


def moving_mark(data: Path) -> Path:
    """There while a move fills the cluster `data`, which is not whole until then."""
    return data.with_name(f"{data.name}.moving")


def dump_path(settings: Settings, major: int) -> Path:
    """Where `studio dump` writes; beside it, in `.state`, of which state of the cluster it is."""
    return Backups(settings.workspace).folder / f"postgres-{major}.dump"


def control_hash(data: Path) -> str:
    """Changes whenever a cluster is started or stopped."""
    return hashlib.sha256((data / "global" / "pg_control").read_bytes()).hexdigest()


def dumped_state(settings: Settings, data: Path) -> bool:
    """Whether this cluster has been written down as it is now."""
    path = dump_path(settings, int(data.name))
    try:
        return path.exists() and path.with_suffix(".state").read_text() == control_hash(data)
    except OSError:
        return False


def installed(name: str = "postgres") -> dict[int, Path]:
    """Major versions on this machine that have the program `name`, with their folders of programs: Debian's,
    else what PATH has. The image has a server that stands alone, to read what it wrote elsewhere.
    """
    found = {
        int(program.parent.parent.name): program.parent
        for program in DEBIAN.glob(f"*/bin/{name}")
        if program.parent.parent.name.isdigit()
    }
    elsewhere = shutil.which(name)
    if not found and elsewhere:
        said = subprocess.run([elsewhere, "--version"], capture_output=True, text=True, check=False).stdout
        if number := re.search(r"\d+", said):
            found[int(number[0])] = Path(elsewhere).resolve().parent
    return found


def _literal(text: str) -> str:
    """A quoted string, in SQL and in postgresql.conf alike."""
    return "'" + text.replace("'", "''") + "'"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    chosen = next(
        (line for line in lines if re.search("error|could not|FATAL", line)), lines[-1] if lines else ""
    )
    return chosen.removeprefix("initdb: ").removeprefix("error: ")
