"""What a backup says about itself, counted in the same moment: what a drill asks it about later.

A database elsewhere is counted in the transaction whose snapshot its dump is written from. Of the embedded
one the counts belong to one position of the log. A count is a snapshot of the database, and a snapshot is no
position: a transaction may have written its commit and not be visible yet. So the counting waits for a moment
in which nobody is in the middle of writing; there, snapshot and position are the same. On a box that commits
a thousand times a second it comes after some hundredths of a second. Nothing is locked for it.
"""

import time
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from app.kit.crypto import key_id
from app.kit.passport import Passport
from app.kit.sealing import Place, master_key, seal, unseal
from app.kit.settings import KEY_NAMES, Keys, Settings
from appliance.backup.base import Base
from appliance.backup.dump import Dump
from appliance.backup.questions import Connection, blobs_in, connect, one, rows_in, schema_in
from appliance.postgres import Cluster

FORMAT: Final = 2  # 1: of the embedded database; 2: of a dump
QUIET_PATIENCE_S: Final = 10.0


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was, and when."""

    moment: datetime
    lsn: str | None  # the state right before this position of the log; None: of a dump, which is that state
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
    base: Base | None = None  # of the embedded database; or
    dump: Dump | None = None  # of one elsewhere
    counted: Counted
    encryption_key_id: str
    keys: str  # the keys of the box, sealed with the encryption key

    @property
    def database(self) -> Base | Dump:
        """The copy of the database. Raises LookupError for a manifest that names none."""
        found = self.base or self.dump
        if found is None:
            raise LookupError("a backup without a database")
        return found


def write(settings: Settings, box: Passport, copy: Base | Dump, counted: Counted) -> bytes:
    """The manifest as a file."""
    manifest = Manifest(
        # The version before an upgrade has to be able to read what was made before it.
        format=1 if isinstance(copy, Base) else FORMAT,
        box=box,
        studio=box.version,  # before an upgrade still the former one
        base=copy if isinstance(copy, Base) else None,
        dump=copy if isinstance(copy, Dump) else None,
        counted=counted,
        encryption_key_id=key_id(settings.keys.require("encryption_key")),
        keys=_seal_keys(settings.keys, box.box_id),
    )
    return msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"


def read(raw: bytes) -> Manifest:
    """A manifest from its file. Raises msgspec.MsgspecError."""
    found = msgspec.json.decode(raw, type=Manifest)
    if found.base is None and found.dump is None:
        raise msgspec.ValidationError("it names no database")
    return found


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
        return _counted(connection, moment, lsn, is_exact=is_exact)


def count_still(connection: Connection) -> Counted:
    """Count every table as an open transaction sees it, which a dump is written from."""
    (moment,) = one(connection, "SELECT clock_timestamp()")
    return _counted(connection, moment, None, is_exact=True)


def _counted(connection: Connection, moment: datetime, lsn: str | None, *, is_exact: bool) -> Counted:
    blobs, blobs_bytes = blobs_in(connection)
    return Counted(
        moment=moment,
        lsn=lsn,
        is_exact=is_exact,
        schema=schema_in(connection),
        rows=rows_in(connection),
        blobs=blobs,
        blobs_bytes=blobs_bytes,
    )


def _is_quiet(snapshot: str) -> bool:
    """Whether nobody is writing: `xmin:xmax:those in between`, where the first two are then the same."""
    oldest, following, _ = snapshot.split(":")
    return oldest == following


def _seal_keys(keys: Keys, box_id: str) -> str:
    held = {name: getattr(keys, name) for name in KEY_NAMES if getattr(keys, name) is not None}
    return seal(master_key(keys.require("encryption_key")), msgspec.json.encode(held), _place(box_id))


def _place(box_id: str) -> Place:
    return Place("backup", "keys", UUID(box_id))
