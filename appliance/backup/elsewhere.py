"""The database in DATABASE_URL as the place of a restore: empty, or replaced after a dump of what it holds.

Nothing is dropped and nothing comes in but in one transaction. What it held before is written down first.
"""

from pathlib import Path

from app.kit.settings import Settings
from appliance import external
from appliance.backup.dump import Dump, take
from appliance.backup.entry import elsewhere, telling
from appliance.backup.load import load
from appliance.backup.questions import Connection, blob_names, has, rows_in, standing_still, tables_in
from appliance.refusal import Refusal

SAFETY = "database.dump"


def refuse_unfit(settings: Settings, replace: bool) -> None:
    """Look before anything is fetched. Raises Refusal: out of reach, in use, or it holds something."""
    external.check_database(settings, lambda _: None)
    with telling(), elsewhere(settings).connect() as connection:
        _refuse_others(connection)
        _refuse_full(connection, replace)


def refuse_older(settings: Settings, major: int) -> None:
    """Raises Refusal when the server is older than the one that the backup was taken from."""
    with telling(), elsewhere(settings).connect() as connection:
        here = connection.info.server_version // 10_000
    if here < major:
        raise Refusal(
            f"The backup holds a database of Postgres {major}, and the one in DATABASE_URL is Postgres "
            f"{here}, which does not take it in. Use Postgres {major} or newer."
        )


def take_in(
    settings: Settings, file: Path, dump: Dump, *, replace: bool, aside: Path
) -> tuple[list[str], int]:
    """Read the dump in, in the place of what is there, which is written down in `aside` first.

    Gives the files that the database names now, and how many rows it has. Raises Refusal: all is as it was.
    """
    entry = elsewhere(settings)
    with telling(), entry.connect() as connection:
        _refuse_others(connection)
        _refuse_full(connection, replace)
        is_full = bool(tables_in(connection))
        if is_full:
            aside.mkdir(parents=True, exist_ok=True)
            with standing_still(connection):
                take(entry, connection, aside / SAFETY, keeps_rights=True)
    # The safety dump stays, come what may: after a connection that breaks at the COMMIT nobody knows.
    with telling():
        load(entry, file, dump, replaces=is_full)
    with telling(), entry.connect() as connection, standing_still(connection):
        return blob_names(connection), sum(rows_in(connection).values())


def _refuse_others(connection: Connection) -> None:
    """The login is Studio's; what watches the server or keeps its copies is somebody else's."""
    others = [
        name
        for (name,) in connection.execute(
            """
            SELECT DISTINCT coalesce(nullif(application_name, ''), 'somebody') FROM pg_stat_activity
             WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
             ORDER BY 1
            """
        )
    ]
    if others:
        raise Refusal(
            f"The database in DATABASE_URL is used by {', '.join(others)}. Stop the boxes that use it first.",
            exit_code=75,
        )


def _refuse_full(connection: Connection, replace: bool) -> None:
    tables = tables_in(connection)
    if not tables:
        return
    if not has(connection, "alembic_version"):
        raise Refusal(
            f"The database in DATABASE_URL holds tables that are not Studio's, such as {tables[0]}. Give "
            "Studio a database of its own."
        )
    if not replace:
        raise Refusal(
            f"The database in DATABASE_URL holds a Studio already ({len(tables)} tables). Restore into an "
            "empty one, or say --replace: what is there is then written down on the volume and dropped."
        )
