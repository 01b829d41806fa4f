"""A dump: a database as pg_dump writes it down, from one moment, while everybody works on.

For a database elsewhere, whose files nobody here can copy. It holds what Studio has in the schema `public`,
and not whose it is there: who may do what is a matter of the place. What the application itself may do is
noted beside it. It is not compressed, so that the repository finds what was there before; restic packs it.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from appliance import postgres
from appliance.backup.entry import Entry
from appliance.backup.questions import Connection, one
from appliance.postgres import APPLICATION
from appliance.process import complaint_in
from appliance.refusal import Refusal
from appliance.users import as_account, myself

Told = Callable[[float], None]  # how much is done, from 0 to 1

LOOK_S = 0.2
LOCK_PATIENCE_MS = 120_000  # a migration that holds a table; then somebody has to look

# What hides rows from a login under row-level security that says `studio.system`: pg_dump would not notice.
_BLIND = """
    SELECT relname FROM pg_class c
     WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND row_security_active(c.oid)
       AND (NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polpermissive
                           AND polcmd IN ('*', 'r')
                           AND pg_get_expr(polqual, polrelid) LIKE '%studio_is_system()%')
            OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND NOT polpermissive))
     ORDER BY 1 LIMIT 1
"""
# What the application may do with tables, single columns and the schema.
_GRANTS = f"""
    WITH held AS (
      SELECT format('%s public.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname) AS what,
             privilege_type AS may, grantee
        FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'public'::regnamespace
      UNION ALL
      SELECT format('TABLE public.%I', relname), format('%s (%I)', privilege_type, attname), grantee
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid, aclexplode(attacl)
       WHERE relnamespace = 'public'::regnamespace
      UNION ALL
      SELECT 'SCHEMA public', privilege_type, grantee
        FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public'
    )
    SELECT format('GRANT %s ON %s TO %I', string_agg(may, ', ' ORDER BY may), what, rolname)
      FROM held JOIN pg_roles ON pg_roles.oid = grantee
     WHERE rolname = '{APPLICATION}' GROUP BY what, rolname ORDER BY what
"""  # noqa: S608  our own name


class NoTools(Refusal):
    """No program of Postgres on this machine can do it."""


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """A dump as it lies in a file."""

    major: int  # of the server it was taken from; an older one may not take it in
    tool: int  # of the pg_dump that wrote it; an older pg_restore cannot read it
    size_bytes: int
    database_bytes: int  # what the database took there, with its indexes
    grants: list[str]  # what the application may do, as statements


def take(
    entry: Entry,
    connection: Connection,
    target: Path,
    told: Told = lambda _: None,
    *,
    keeps_rights: bool = False,
) -> Dump:
    """Write down what the open transaction of `connection` sees into the new file `target`.

    The file is for nobody else to read. `keeps_rights`: with the owners and rights of that place, for a dump
    that goes back there by hand. Raises Refusal: then nothing is there.
    """
    major = connection.info.server_version // 10_000
    tool, programs = tools_for(
        major, f"The database is Postgres {major}, and no older pg_dump writes it down"
    )
    _refuse_blindness(connection)
    (snapshot,) = one(connection, "SELECT pg_export_snapshot()")
    tables_bytes, database_bytes = _sizes(connection)
    command = [
        str(programs / "pg_dump"),
        *("--format=custom", "--compress=0", "--schema=public", "--no-password", "--enable-row-security"),
        *("--no-security-labels", f"--lock-wait-timeout={LOCK_PATIENCE_MS}", f"--snapshot={snapshot}"),
        *([] if keeps_rights else ["--no-privileges"]),
        f"--dbname={entry.address}",
    ]
    target.unlink(missing_ok=True)
    try:
        _write(command, entry, target, lambda size: told(min(0.99, size / max(1, tables_bytes))))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    told(1.0)
    return Dump(
        major=major,
        tool=tool,
        size_bytes=target.stat().st_size,
        database_bytes=database_bytes,
        grants=[statement for (statement,) in connection.execute(_GRANTS)],
    )


def tools_for(major: int, why: str) -> tuple[int, Path]:
    """The oldest of the machine's programs that know Postgres `major`: their version and folder.

    Raises NoTools, which begins with `why`.
    """
    there = postgres.installed("pg_dump")
    fitting = [version for version in there if version >= major]
    if not fitting:
        raise NoTools(
            f"{why}; this machine has those of Postgres {', '.join(map(str, sorted(there))) or 'none'}. "
            f"Install postgresql-client-{major} or newer (Debian's own may be older: apt.postgresql.org has "
            "all), or use an image of Studio that carries it."
        )
    return min(fitting), there[min(fitting)]


def _write(command: list[str], entry: Entry, target: Path, grown: Callable[[int], None]) -> None:
    # The whole database: for nobody else, and not through a link.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file, TemporaryFile() as complaints:
        child = subprocess.Popen(
            as_account(myself(), command, death_signal=signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=complaints,
            env=entry.environment(),
            cwd="/",
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(LOOK_S)
                    break
                grown(target.stat().st_size)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        if child.returncode != 0:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace")
            raise Refusal(f"The database could not be written down: {complaint_in(said)}.", exit_code=74)
        file.flush()
        os.fsync(file.fileno())


def _refuse_blindness(connection: Connection) -> None:
    row = connection.execute(_BLIND).fetchone()
    if row is not None:
        raise Refusal(
            f"A policy on the table {row[0]} hides rows from the login in DATABASE_URL, so a backup would "
            "miss them. Remove policies that are not Studio's, or give that login BYPASSRLS."
        )


def _sizes(connection: Connection) -> tuple[int, int]:
    """What the tables take, without their indexes, and what the whole database takes."""
    tables_bytes, database_bytes = one(
        connection,
        """
        SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint, pg_database_size(current_database())
          FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        """,
    )
    return tables_bytes, database_bytes
