"""One daemon at a time: a session-level advisory lock on a connection of its own.

The lock ends with the connection, so a daemon that is killed, or whose machine goes away, is followed by the
next one as soon as Postgres notices. A daemon that lost its connection has lost its office, too.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from app.engine.statements import DUE_CHANNEL
from app.kit.log import get_logger
from app.kit.settings import Settings

log = get_logger(__name__)

LOCK_KEY: Final = 0x5354_4441_454D  # "STDAEM"
APPLICATION: Final = "studio-daemon-election"
ASK_AGAIN_S: Final = 2.0  # a standby asks this often; a dead leader is followed within this time
# A leader whose machine vanishes without a word: Postgres ends its session after about 15 s.
_ALIVE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2",
}


class Office:
    """The elected daemon's connection: it holds the lock and hears of timers."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    @classmethod
    async def win(cls, settings: Settings) -> "Office":
        """Wait until this process is the daemon. Raises psycopg.OperationalError while Postgres is away."""
        address = make_conninfo(settings.database.app_url, application_name=APPLICATION, **_ALIVE)
        connection = await AsyncConnection.connect(address, autocommit=True)
        try:
            is_standby = False
            while not await _try_lock(connection):
                if not is_standby:
                    log.info("another daemon is at work; standing by", action="daemon_standby")
                    is_standby = True
                await asyncio.sleep(ASK_AGAIN_S)
            await connection.execute(f"LISTEN {DUE_CHANNEL}")
        except BaseException:
            await connection.close()
            raise
        return cls(connection)

    async def timers(self) -> AsyncIterator[None]:
        """Yields when a timer was set; ends by raising psycopg.OperationalError when the office is lost."""
        while True:
            async for _ in self._connection.notifies(timeout=0):
                yield
            # psycopg looks up ten times a second while it waits: a fifth of all that an idle daemon does.
            await _something_to_read(self._connection)

    async def leave(self) -> None:
        """Let the next one take over."""
        await self._connection.close()


async def _something_to_read(connection: AsyncConnection[Any]) -> None:
    """Wait until the server says something, or is gone."""
    loop, has_come = asyncio.get_running_loop(), asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, has_come.set)
    try:
        await has_come.wait()
    finally:
        loop.remove_reader(descriptor)


async def _try_lock(connection: AsyncConnection[Any]) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


Lost = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
