"""Bring a database to this version's schema, alone, or say why not.

The session-level advisory lock frees itself when the process dies, and a database already at head is not
locked at all. A schema this version does not know is from the future: refused, nothing is touched.
"""

from pathlib import Path

import msgspec
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

LOCK_KEY = 0x5354_5544_494F  # "STUDIO"; one migration at a time, whoever starts it
LOCK_WAIT_S = 120


class SchemaFromTheFuture(Exception):
    """The database was last used by a newer version of Studio; start that version again."""


class SchemaBehind(Exception):
    """The database still needs migrations, and CREATE_TABLES=false leaves them to someone else."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_path_separator", "os")
    return config


def head() -> str:
    """The revision this version of Studio wants."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("this build carries no migrations")
    return revision


def _known(revision: str) -> bool:
    script = ScriptDirectory.from_config(_config())
    return any(entry.revision == revision for entry in script.walk_revisions())


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def current(url: str) -> str | None:
    """The revision the database is at, None for an empty one. Raises SchemaFromTheFuture."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            revision = _current(connection)
    finally:
        engine.dispose()
    _refuse_future(revision)
    return revision


class Look(msgspec.Struct, frozen=True):
    """How a database stands to this version's migrations."""

    current: str | None  # None: empty
    head: str
    is_known: bool  # False: a newer version of Studio made this schema
    pending: list[str]  # what an upgrade would run, in order


def look(url: str) -> Look:
    """Only look, and refuse nothing."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            revision = _current(connection)
    finally:
        engine.dispose()
    chain = [entry.revision for entry in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]
    is_known = revision is None or revision in chain
    done = 0 if revision is None or not is_known else chain.index(revision) + 1
    return Look(revision, head(), is_known, chain[done:] if is_known else [])


def check(url: str) -> None:
    """Only look. Raises SchemaBehind or SchemaFromTheFuture."""
    revision = current(url)
    if revision != head():
        raise SchemaBehind(
            f"The database is at {revision or 'no schema yet'}, this version wants {head()}. "
            "Run `python -m app.migrations upgrade` with the owner's DATABASE_URL, or set CREATE_TABLES=true."
        )


def upgrade(url: str) -> bool:
    """Migrate to head under the lock; whether anything was done. Raises SchemaFromTheFuture."""
    if current(url) == head():
        return False
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(f"SET lock_timeout = '{LOCK_WAIT_S}s'"))
            connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            connection.execute(sa.text("SET lock_timeout = '10s'"))
            connection.commit()
            revision = _current(connection)
            connection.commit()
            _refuse_future(revision)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
            connection.commit()
    finally:
        engine.dispose()
    return revision != head()


def downgrade(url: str, target: str) -> None:
    """Go back to a revision; for tests and rehearsals, never called by the boot."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.downgrade(config, target)
            connection.commit()
    finally:
        engine.dispose()


def _refuse_future(revision: str | None) -> None:
    if revision is not None and not _known(revision):
        raise SchemaFromTheFuture(
            f"The database is at schema {revision}, which this version of Studio does not know: it was last "
            "used by a newer one. Start that newer version (its number stands in studio.json on the volume)."
        )


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        poolclass=sa.NullPool,
        connect_args={"connect_timeout": 5, "application_name": "studio-migrations"},
    )
