"""What a database of Studio's is asked: its rows, its schema, the files it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeAlias

from appliance.postgres import DATABASE, SUPERUSER

if TYPE_CHECKING:
    import psycopg

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

# What an extension brought along is the extension's, and in no dump.
_TABLES: Final = """
    SELECT quote_ident(relname) FROM pg_class c
     WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
                          AND deptype = 'e')
     ORDER BY 1
"""


def connect(socket_dir: Path, database: str = DATABASE) -> Connection:
    """As the superuser of the cluster whose socket is there, each statement its own transaction."""
    import psycopg  # late: every boot comes by here, and it costs a fifth of a second

    return psycopg.connect(
        host=str(socket_dir),
        user=SUPERUSER,
        dbname=database,
        application_name="studio-backup",
        autocommit=True,
    )


@contextmanager
def standing_still(connection: Connection) -> Iterator[None]:
    """One state of the database for all that is asked inside, and nothing is written."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("ROLLBACK")


def one(connection: Connection, question: LiteralString) -> tuple[Any, ...]:
    """The one row of the answer."""
    row = connection.execute(question).fetchone()
    if row is None:
        raise LookupError(f"no row for {question}")
    return row


def has(connection: Connection, table: str) -> bool:
    """Whether there is a table of this name; an older backup may not know it."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"public.{table}"]).fetchone()
    return row is not None and bool(row[0])


def tables_in(connection: Connection) -> list[str]:
    """The tables, with their names quoted where that is needed."""
    return [name for (name,) in connection.execute(_TABLES)]


def rows_in(connection: Connection) -> dict[str, int]:
    """The rows of every table, as this transaction sees them."""
    return {
        name: one(connection, f"SELECT count(*) FROM public.{name}")[0]  # noqa: S608  quoted
        for name in tables_in(connection)
    }


def blob_names(connection: Connection) -> list[str]:
    """The files that the database names."""
    if not has(connection, "blobs"):
        return []
    return [name for (name,) in connection.execute("SELECT sha256 FROM public.blobs ORDER BY sha256")]


def blobs_in(connection: Connection) -> tuple[int, int]:
    """How many files the database names, and how many bytes they have."""
    if not has(connection, "blobs"):
        return 0, 0
    found, size_bytes = one(
        connection, "SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM public.blobs"
    )
    return found, size_bytes


def schema_in(connection: Connection) -> str:
    """The revision of the schema; “none” for a database without one."""
    if not has(connection, "alembic_version"):
        return "none"
    return str(one(connection, "SELECT version_num FROM public.alembic_version")[0])
