"""Reading a dump into a database: whole or not at all, in one transaction with whatever it replaces.

pg_restore writes statements and psql runs them, rather than pg_restore alone: so dropping what was there and
the rights of the application are in the same transaction, and a server that is older than our programs is not
told of settings it does not know.
"""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from appliance.backup.dump import Dump, tools_for
from appliance.backup.entry import Entry
from appliance.postgres import APPLICATION
from appliance.process import complaint_in
from appliance.refusal import Refusal
from appliance.users import as_account, myself

CHUNK_BYTES: Final = 1024**2
LOCK_PATIENCE: Final = "60s"

# As the first migration makes it, where the database is not ours.
_ROLE = f"""
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APPLICATION}') THEN
        CREATE ROLE {APPLICATION} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
        EXECUTE format('GRANT {APPLICATION} TO %I', current_user);
      END IF;
    END $$
"""
# Everything in `public` but what an extension brought along; CASCADE takes what hangs on it.
_DROPS = """
    WITH own AS (
      SELECT CASE relkind WHEN 'S' THEN 2 ELSE 1 END AS turn,  -- those of a table's columns go with it
             CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                          WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
             format('public.%I', relname) AS name, 'pg_class'::regclass AS class, oid
        FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      UNION ALL
      SELECT 3, 'ROUTINE', format('public.%I(%s)', proname, pg_get_function_identity_arguments(oid)),
             'pg_proc'::regclass, oid
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL
      SELECT 4, 'TYPE', format('public.%I', typname), 'pg_type'::regclass, oid
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
    )
    SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM own
     WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = own.oid AND deptype = 'e')
     ORDER BY turn, name
"""
_HEAD_ENDS: Final = b"SELECT pg_catalog.set_config"  # after it come rows, which may look like anything
_SETTING = re.compile(rb"^SET (\w+) = .*;\n", re.MULTILINE)
_SCHEMA_ITSELF = re.compile(r"\d+; 2615 \d+ SCHEMA - public ")  # 2615: pg_namespace


def load(entry: Entry, file: Path, dump: Dump, *, replaces: bool = False) -> None:
    """Read it in. `replaces`: what is there goes, in the same transaction.

    Raises Refusal: then nothing has changed.
    """
    import psycopg  # late: only a restore needs it, and it costs a fifth of a second

    why = f"The dump was written by the pg_dump of Postgres {dump.tool}, and no older program reads it"
    _, programs = tools_for(dump.tool, why)
    with entry.connect() as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM pg_settings")}
        drops = [drop for (drop,) in connection.execute(_DROPS)] if replaces else []
    begin = [
        "BEGIN",
        "SET LOCAL statement_timeout = 0",
        f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'",
        *drops,
    ]
    begin.append(_ROLE if entry.owner is None else f"SET LOCAL ROLE {entry.owner}")
    wanted = file.with_name(f"{file.name}.list")
    wanted.write_text(_contents(entry, programs, file), encoding="utf-8")
    read = [str(programs / "pg_restore"), "--no-owner", "--no-privileges", "--no-tablespaces"]
    read += [f"--use-list={wanted}", "--file=-", str(file)]
    run = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    run += [f"--dbname={entry.address}", "--file=-"]
    with (
        _running(entry, read, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as reader,
        _running(entry, run, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as session,
    ):
        with contextlib.suppress(BrokenPipeError):  # it has given up, and says why
            session.input.write(_statements(begin))
            _pour(reader.output, session.input, known)
            if reader.wait() != 0:  # psql ends without a COMMIT
                raise Refusal(f"The dump of the database is damaged: {reader.reason()}.", exit_code=74)
            session.input.write(_statements([*dump.grants, "COMMIT"]))
            session.input.close()
        if session.wait() != 0:
            raise Refusal(f"The dump could not be read into the database: {session.reason()}.", exit_code=74)
    wanted.unlink()
    # Plans want to know the data, and a dump brings no statistics. The data is in; autovacuum comes by, too.
    with contextlib.suppress(psycopg.Error), entry.connect() as connection:
        connection.execute("ANALYZE")


def _contents(entry: Entry, programs: Path, file: Path) -> str:
    """What is in the dump, without the schema `public` itself, which every database has."""
    done = subprocess.run(
        as_account(myself(), [str(programs / "pg_restore"), "--list", str(file)]),
        env=entry.environment(),
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(f"The dump of the database is damaged: {complaint_in(done.stderr)}.", exit_code=74)
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not _SCHEMA_ITSELF.match(line))


def _pour(source: IO[bytes], target: IO[bytes], known: AbstractSet[str]) -> None:
    """From one program to the other, but settings at the head that the server does not know."""
    head = b""
    while _HEAD_ENDS not in head and (chunk := source.read(4096)):
        head += chunk
    settings, mark, rest = head.partition(_HEAD_ENDS)
    target.write(_SETTING.sub(lambda line: line[0] if line[1].decode() in known else b"", settings))
    target.write(mark + rest)
    shutil.copyfileobj(source, target, CHUNK_BYTES)


def _statements(statements: Iterable[str]) -> bytes:
    return "".join(f"{statement};\n" for statement in statements).encode()


class _Running:
    """A program at work, and what it complains about."""

    def __init__(self, child: "subprocess.Popen[bytes]", complaints: IO[bytes]) -> None:
        self._child = child
        self._complaints = complaints

    @property
    def input(self) -> IO[bytes]:
        """Where it reads."""
        if self._child.stdin is None:
            raise LookupError("it reads nothing")
        return self._child.stdin

    @property
    def output(self) -> IO[bytes]:
        """What it writes."""
        if self._child.stdout is None:
            raise LookupError("it writes nothing")
        return self._child.stdout

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return self._child.wait()

    def reason(self) -> str:
        """Why it ended."""
        self._complaints.seek(0)
        return complaint_in(self._complaints.read().decode(errors="replace"))


@contextmanager
def _running(entry: Entry, command: Sequence[str], *, stdin: int, stdout: int) -> Iterator[_Running]:
    """It does not outlive the block."""
    with TemporaryFile() as complaints:
        child = subprocess.Popen(
            as_account(myself(), command, death_signal=signal.SIGTERM),
            stdin=stdin,
            stdout=stdout,
            stderr=complaints,
            env=entry.environment(),
            cwd="/",
        )
        try:
            yield _Running(child, complaints)
        finally:
            if child.poll() is None:
                child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            child.wait()
