"""Postgres: one transaction per thing that happens, under row-level security.

    async with database.transaction(Scope.organization(id)) as tx:
        rows = await tx.fetch_all("SELECT …", {…})
        tx.after_commit(lambda: bells.ring(…))

The scope is set for the transaction only (`set_config(…, true)`), so a pooled connection never carries one
organization's view into another's request. Without a scope no organization's row is visible.
"""

import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import psycopg
from psycopg.adapt import Buffer
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection as SqlConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.kit.codec import decode_any, encode_text
from app.kit.errors import Unavailable
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.store.aftermath import Action, After, Aftermath

log = get_logger(__name__)
T = TypeVar("T")
Params = Mapping[str, Any]
Row = dict[str, Any]


def _loads(raw: str | bytes | Buffer) -> Any:
    return decode_any(raw if isinstance(raw, str | bytes) else bytes(raw))


set_json_dumps(encode_text)
set_json_loads(_loads)


def jsonb(value: Any) -> Jsonb:
    """A value for a jsonb column."""
    return Jsonb(value)


_CONNECTION_FAULTS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    OperationalError,
    InterfaceError,
    OSError,
)
# Statements are prepared once per connection, perhaps while a table is still empty: a plan that scans it
# would stay until the next ANALYZE while the table grows (measured: a finish took three times as long on a
# young database). Every query here has its index, so it is always taken; jit would compile such plans.
_PLANS = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"


class DatabaseUnavailable(Unavailable):
    """The database does not answer; Studio tries again by itself, and so can you in a moment."""


class Scope(msgspec.Struct, frozen=True):
    """Whose rows a transaction may see: one organization's, the whole box's, or nobody's."""

    organization_id: UUID | None
    is_system: bool

    def opening(self) -> bytes:
        """What begins a transaction with `studio.organization` and `studio.system` set for it alone."""
        organization = "" if self.organization_id is None else UUID(str(self.organization_id))
        system = "on" if self.is_system else ""
        return (
            f"BEGIN; SET LOCAL studio.organization = '{organization}'; SET LOCAL studio.system = '{system}'"
        ).encode()

    @classmethod
    def organization(cls, organization_id: UUID) -> "Scope":
        """The rows of one organization."""
        return cls(organization_id, False)

    @classmethod
    def system(cls) -> "Scope":
        """Every organization's rows: for the engine's sweeps, workers' claims and the super admin."""
        return cls(None, True)

    @classmethod
    def nobody(cls) -> "Scope":
        """Only tables that belong to the box, such as users before they are signed in."""
        return cls(None, False)


class Transaction:
    """One open transaction: raw SQL for what is hot, a SQLAlchemy session for what is not."""

    def __init__(self, connection: SqlConnection, raw: psycopg.AsyncConnection[Any], scope: Scope) -> None:
        self._connection = connection
        self._raw = raw
        self._session: AsyncSession | None = None
        self.after: list[After] = []  # the commit
        self._at_end: list[Callable[[], None]] = []
        self.scope = scope

    @property
    def organization_id(self) -> UUID:
        """The organization of this transaction; asking under another scope is a bug."""
        if self.scope.organization_id is None:
            raise LookupError("this transaction is not scoped to one organization")
        return self.scope.organization_id

    @property
    def session(self) -> AsyncSession:
        """The ORM on the same connection and transaction."""
        if self._session is None:
            self._session = AsyncSession(bind=self._connection, expire_on_commit=False)
        return self._session

    @property
    def raw(self) -> psycopg.AsyncConnection[Any]:
        """psycopg's connection, for COPY and pipelines. Never commit it."""
        return self._raw

    async def execute(self, sql: str, params: Params | None = None) -> int:
        """Run a statement; the number of rows it touched."""
        async with self._raw.cursor() as cursor:
            await cursor.execute(cast(Any, sql), params)
            return cursor.rowcount

    async def execute_many(self, sql: str, params: Sequence[Params]) -> None:
        """One statement for many rows, pipelined into few round trips."""
        async with self._raw.cursor() as cursor:
            await cursor.executemany(cast(Any, sql), params)

    async def fetch_all(self, sql: str, params: Params | None = None) -> list[Row]:
        """Every row as a dict."""
        async with self._raw.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(cast(Any, sql), params)
            return await cursor.fetchall()

    async def fetch_one(self, sql: str, params: Params | None = None) -> Row | None:
        """The first row as a dict, or None."""
        async with self._raw.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(cast(Any, sql), params)
            return await cursor.fetchone()

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row, or None."""
        async with self._raw.cursor() as cursor:
            await cursor.execute(cast(Any, sql), params)
            row = await cursor.fetchone()
            return None if row is None else row[0]

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What raises inside is undone, and the transaction can go on; two round trips."""
        await self.flush()
        async with self._raw.transaction():
            yield
            await self.flush()

    def after_commit(self, action: Action) -> None:
        """Do this once the transaction is durable: ring bells, publish events. Dropped on rollback."""
        self.after.append(After(action, is_move=False))

    def lead_to(self, move: Action) -> None:
        """Let this transaction of its own follow; where many do, in the background. Dropped on rollback.

        It may be lost with its process, so somebody has to find what was not done.
        """
        self.after.append(After(move, is_move=True))

    def at_end(self, action: Callable[[], None]) -> None:
        """Do this when the transaction is over, however it ends."""
        self._at_end.append(action)

    async def flush(self) -> None:
        """Send the session's pending changes, so that raw statements see them."""
        if self._session is not None:
            await self._session.flush()

    async def close(self) -> None:
        """Let go of everything; the Database calls this, nobody else."""
        for action in self._at_end:
            action()
        if self._session is not None:
            await self._session.close()


class Database:
    """A pool of connections as the application role."""

    def __init__(
        self,
        url: str,
        *,
        role: str | None,
        pool_size: int,
        application: str,
        pool_timeout_s: float = 10.0,  # how long a transaction waits for a connection of a full pool
    ) -> None:
        options = f"{_PLANS} -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"
        if role is not None:
            # The operator's own database: the login may be the owner, the work is done as this role.
            options += f" -c role={role}"
        self._aftermath = Aftermath()
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=pool_size,
            # Connections beyond the pool would be closed after use: a process and all its plans each time.
            max_overflow=0,
            pool_timeout=pool_timeout_s,
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=False,  # a round trip each; a broken connection is replaced once instead
            json_serializer=encode_text,
            json_deserializer=decode_any,
            connect_args={
                "application_name": application,
                "connect_timeout": 5,
                "prepare_threshold": 2,
                "options": options,
            },
        )

    @classmethod
    def open(cls, settings: Settings, application: str, *, pool_size: int = 20) -> "Database":
        """The box's database as the application role; connects at the first transaction."""
        database = settings.database
        role = None if database.embedded else "studio_app"
        return cls(database.app_url, role=role, pool_size=pool_size, application=application)

    @asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[Transaction]:
        """One transaction: commits when the block ends, rolls back when it raises, then runs what waits
        for the commit. Raises DatabaseUnavailable when no connection can be had, when the server goes down
        or cannot write, or when it breaks at the commit; then nobody knows whether that was done.
        """
        connection, raw = await self._begin(scope)
        tx = Transaction(connection, raw, scope)
        try:
            try:
                yield tx
                await tx.flush()
                await connection.commit()
            except BaseException as exc:
                await self._abandon(connection)
                if _is_away(exc):
                    raise DatabaseUnavailable from exc
                raise
        finally:
            await tx.close()
            await connection.close()
        await self._aftermath.follow(tx.after)

    async def _begin(self, scope: Scope) -> tuple[SqlConnection, psycopg.AsyncConnection[Any]]:
        """A connection with its scope set. A pooled connection that a database restart broke is replaced."""
        try:
            return await self._checkout(scope)
        except PoolTimeout as exc:
            # Every connection is busy, none is broken: a second pool beside it would only crowd Postgres.
            raise DatabaseUnavailable from exc
        except _CONNECTION_FAULTS:
            # Every pooled connection of a restarted server is broken; start afresh rather than one by one.
            await self._engine.dispose()
        try:
            return await self._checkout(scope)
        except (PoolTimeout, *_CONNECTION_FAULTS) as exc:
            raise DatabaseUnavailable from exc

    async def _checkout(self, scope: Scope) -> tuple[SqlConnection, psycopg.AsyncConnection[Any]]:
        connection = self._engine.connect()
        try:
            await connection.start()
            raw = await self._raw(connection)
            await raw.execute(scope.opening(), prepare=False)
        except BaseException:
            await self._invalidate(connection)
            raise
        return connection, raw

    @staticmethod
    async def _raw(connection: SqlConnection) -> psycopg.AsyncConnection[Any]:
        await connection.begin()
        fairy = await connection.get_raw_connection()
        return cast("psycopg.AsyncConnection[Any]", fairy.driver_connection)

    @staticmethod
    async def _abandon(connection: SqlConnection) -> None:
        try:
            await connection.rollback()
        except (*_CONNECTION_FAULTS, SQLAlchemyError):
            await Database._invalidate(connection)

    @staticmethod
    async def _invalidate(connection: SqlConnection) -> None:
        try:
            await connection.invalidate()
            await connection.close()
        except (*_CONNECTION_FAULTS, SQLAlchemyError) as exc:
            log.debug("broken connection could not be closed", action="db_invalidate", error=repr(exc))

    async def settled(self) -> None:
        """Wait until everything is done that followed the commits so far."""
        await self._aftermath.settled()

    async def end_aftermath(self) -> None:
        """Finish the moves in the background that have begun, before what they need is closed."""
        await self._aftermath.end()

    async def close(self) -> None:
        """Give every connection back."""
        await self.end_aftermath()
        await self._engine.dispose()


def _is_away(exc: BaseException) -> bool:
    """Whether this says that the database cannot serve now, and nothing about what was asked of it."""
    if isinstance(exc, OperationalError | InterfaceError):  # SQLAlchemy's names for what psycopg raised
        return True
    told = exc.orig if isinstance(exc, DBAPIError) else exc
    if not isinstance(told, psycopg.Error):
        return False
    if told.diag.severity_nonlocalized in ("FATAL", "PANIC"):
        return True
    # A volume that has become read-only reads as a want of rights.
    is_refused = isinstance(told, psycopg.errors.InsufficientPrivilege)
    return is_refused and os.strerror(errno.EROFS) in (told.diag.message_primary or "")
