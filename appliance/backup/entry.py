"""How a database is entered to be written down or read in: by psycopg here, and by programs of Postgres."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from app.kit.settings import Settings
from appliance.backup.questions import Connection
from appliance.external import reason_in
from appliance.postgres import DATABASE, OWNER, SUPERUSER
from appliance.process import minimal_environment
from appliance.refusal import Refusal
from appliance.users import myself

# Row-level security is forced upon the owner of the tables, too; and no server's own limits end a long copy.
OPTIONS = "-c studio.system=on -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One database and who enters it."""

    address: str  # as libpq reads it, without the password
    password: str | None = None
    owner: str | None = None  # whose its tables are to be; None: of whoever enters

    def __repr__(self) -> str:
        return "Entry(****)"

    def connect(self) -> Connection:
        """Each statement its own transaction. Raises psycopg.OperationalError."""
        import psycopg  # late: every boot comes by here, and it costs a fifth of a second

        given: dict[str, Any] = {} if self.password is None else {"password": self.password}
        return psycopg.connect(self.address, connect_timeout=10, autocommit=True, **given)

    def environment(self) -> dict[str, str]:
        """What a program of Postgres needs; the password is in no argument, which every user may read."""
        own = {name: value for name, value in os.environ.items() if name.startswith("PG")}
        secret = {} if self.password is None else {"PGPASSWORD": self.password}
        return {**minimal_environment(myself().home), **own, **secret}


def elsewhere(settings: Settings) -> Entry:
    """The database in DATABASE_URL, with the login that owns its tables."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(settings.database.owner_url)
    password = parts.pop("password", None)
    parts["options"] = f"{parts.get('options') or ''} {OPTIONS}".strip()
    parts["application_name"] = "studio-backup"
    # One connection waits while pg_dump works, and what stands between may forget those that say nothing.
    alive = {"connect_timeout": 10, "keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
    parts = {**alive, **parts}
    return Entry(address=make_conninfo("", **parts), password=None if password is None else str(password))


@contextmanager
def telling() -> Iterator[None]:
    """A database elsewhere may break off at any statement; then that is said in a sentence (Refusal)."""
    import psycopg

    try:
        yield
    except psycopg.Error as exc:
        raise Refusal(
            f"The database in DATABASE_URL could not be used: {reason_in(str(exc))}.", exit_code=74
        ) from exc


def beside(socket_dir: Path) -> Entry:
    """The database of a cluster of ours, as its superuser; its tables are the owner's."""
    from psycopg.conninfo import make_conninfo

    return Entry(
        address=make_conninfo(
            "", host=str(socket_dir), user=SUPERUSER, dbname=DATABASE, application_name="studio-backup"
        ),
        owner=OWNER,
    )
