"""What a backup says about itself, counted in the same moment: what a drill asks it about later.

The counts belong to one position of the log. A count is a snapshot of the database, and a snapshot is no
position: a transaction may have written its commit and not be visible yet. So the counting waits for a moment
in which nobody is in the middle of writing; there, snapshot and position are the same. On a box that commits
a thousand times a second it comes after some hundredths of a second. Nothing is locked for it.
"""

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeAlias
from uuid import UUID

import msgspec

from app.kit.crypto import key_id
from app.kit.sealing import Place, master_key, seal, unseal
from app.kit.settings import KEY_NAMES, Keys, Settings
from appliance.backup.base import Base
from appliance.passport import Passport
from appliance.postgres import DATABASE, SUPERUSER, Cluster

if TYPE_CHECKING:
    import psycopg

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
FORMAT: Final = 1
QUIET_PATIENCE_S: Final = 10.0
_TABLES: Final = """
    SELECT quote_ident(relname) FROM pg_class
     WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was, and when."""

    moment: datetime
    lsn: str  # the state right before this position of the log
    is_exact: bool  # False: no quiet moment came, and what was being written then may or may not be in
    schema: str
    rows: dict[str, int]
    blobs: int
    blobs_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of manifest.json in a backup."""

    format: int
    box: Passport
    studio: str
    base: Base
    counted: Counted
    encryption_key_id: str
    keys: str  # the keys of the box, sealed with the encryption key


def write(settings: Settings, box: Passport, base: Base, counted: Counted) -> bytes:
    """The manifest as a file."""
    manifest = Manifest(
        format=FORMAT,
        box=box,
        studio=box.version,  # before an upgrade still the former one, which has to be able to read it
        base=base,
        counted=counted,
        encryption_key_id=key_id(settings.keys.require("encryption_key")),
        keys=_seal_keys(settings.keys, box.box_id),
    )
    return msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"


def read(raw: bytes) -> Manifest:
    """A manifest from its file. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(raw, type=Manifest)


def open_keys(manifest: Manifest, encryption_key: str) -> dict[str, str]:
    """The keys of the box. Raises SecretsLocked for another encryption key, SecretDamaged."""
    place = _place(manifest.box.box_id)
    return msgspec.json.decode(unseal(master_key(encryption_key), manifest.keys, place), type=dict[str, str])


def count(cluster: Cluster, patience_s: float = QUIET_PATIENCE_S) -> Counted:
    """Count every table at one position of the log. `cluster` runs here and lets us in as its superuser."""
    with connect(cluster.socket_dir) as connection:
        deadline = time.monotonic() + patience_s
        while True:
            (before,) = one(connection, "SELECT pg_current_wal_insert_lsn()::text")
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            lsn, snapshot, moment = one(
                connection,
                "SELECT pg_current_wal_insert_lsn()::text, pg_current_snapshot()::text, clock_timestamp()",
            )
            is_exact = lsn == before and _is_quiet(snapshot)
            if is_exact or time.monotonic() > deadline:
                break
            connection.execute("ROLLBACK")
        blobs, blobs_bytes = _blobs_in(connection)
        return Counted(
            moment=moment,
            lsn=lsn,
            is_exact=is_exact,
            schema=schema_in(connection),
            rows=rows_in(connection),
            blobs=blobs,
            blobs_bytes=blobs_bytes,
        )


def connect(socket_dir: Path) -> Connection:
    """As the superuser of the cluster whose socket is there, each statement its own transaction."""
    import psycopg  # late: every boot comes by here, and it costs a fifth of a second

    return psycopg.connect(
        host=str(socket_dir),
        user=SUPERUSER,
        dbname=DATABASE,
        application_name="studio-backup",
        autocommit=True,
    )


def rows_in(connection: Connection) -> dict[str, int]:
    """The rows of every table, as this transaction sees them."""
    names = [name for (name,) in connection.execute(_TABLES)]
    return {name: one(connection, f"SELECT count(*) FROM {name}")[0] for name in names}  # noqa: S608  quoted


def blob_names(connection: Connection) -> list[str]:
    """The files that the database names."""
    if not has(connection, "blobs"):
        return []
    return [name for (name,) in connection.execute("SELECT sha256 FROM blobs ORDER BY sha256")]


def schema_in(connection: Connection) -> str:
    """The revision of the schema; “none” for a database without one."""
    if not has(connection, "alembic_version"):
        return "none"
    return str(one(connection, "SELECT version_num FROM alembic_version")[0])


def one(connection: Connection, question: LiteralString) -> tuple[Any, ...]:
    """The one row of the answer."""
    row = connection.execute(question).fetchone()
    if row is None:
        raise LookupError(f"no row for {question}")
    return row


def _blobs_in(connection: Connection) -> tuple[int, int]:
    if not has(connection, "blobs"):
        return 0, 0
    found, size_bytes = one(connection, "SELECT count(*), coalesce(sum(size_bytes), 0)::bigint FROM blobs")
    return found, size_bytes


def has(connection: Connection, table: str) -> bool:
    """Whether there is a table of this name; an older backup may not know it."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    return row is not None and bool(row[0])


def _is_quiet(snapshot: str) -> bool:
    """Whether nobody is writing: `xmin:xmax:those in between`, where the first two are then the same."""
    oldest, following, _ = snapshot.split(":")
    return oldest == following


def _seal_keys(keys: Keys, box_id: str) -> str:
    held = {name: getattr(keys, name) for name in KEY_NAMES if getattr(keys, name) is not None}
    return seal(master_key(keys.require("encryption_key")), msgspec.json.encode(held), _place(box_id))


def _place(box_id: str) -> Place:
    return Place("backup", "keys", UUID(box_id))
