"""Following an instance: every event once, in order, without a gap, however the message bus fares.

Postgres holds the events, Redis says when there are new ones. A follower subscribes first and then reads what
is already there; after that a message either continues exactly where it stands, or it is a hint to read
again. A message that never came is noticed by a look now and then. While Redis is away it looks each second;
while Postgres is away it waits.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from app.engine.announce import organization_channel
from app.flow.messages import live_channel
from app.kit.codec import decode_any
from app.kit.ids import InstanceId, OrganizationId
from app.resources.instances import model
from app.resources.instances.schemas import EventView
from app.store.bus import Bus
from app.store.database import Database, DatabaseUnavailable, Scope

LOOK_AGAIN_S: Final = 5.0  # a message that Redis lost is noticed by then
PATIENCE_S: Final = 1.0  # between two looks while a server is away
PAGE: Final = 500  # events read at once
# Redis or Postgres is being restarted: the view outlives it and misses nothing.
AWAY: Final = (
    *(RedisError, DatabaseUnavailable, OSError),
    *(psycopg.OperationalError, psycopg.InterfaceError, DBAPIError),  # a commit fails as SQLAlchemy's own
)


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a follower hears: numbered events, or progress, which is no fact and has no number, or that from
    now on it hears of everything late, because Redis or Postgres is away, and that this is over.
    """

    events: list[EventView] = []
    progress: dict[str, Any] | None = None
    is_late: bool | None = None

    def message(self) -> dict[str, Any]:
        """As a client is told, beside the topic."""
        if self.is_late is not None:
            return {"late": self.is_late}
        return {"events": self.events} if self.progress is None else {"progress": self.progress}


class Follower:
    """One follower of one instance, from behind event `after`."""

    def __init__(self, database: Database, bus: Bus, scope: Scope, instance_id: UUID, after: int) -> None:
        self._database = database
        self._bus = bus
        self._scope = scope
        self._instance_id = InstanceId(instance_id)
        self._last = after

    async def news(self) -> AsyncGenerator[News, None]:
        """Everything there is and everything to come; ends only when the caller stops asking."""
        is_late = False
        while True:
            try:
                async with (
                    self._bus.listen(live_channel(self._instance_id)) as messages,
                    aclosing(self._while_redis_lasts(messages)) as heard,
                ):
                    if is_late:
                        is_late = False
                        yield News(is_late=False)
                    async for news in heard:
                        yield news
            except AWAY:
                if not is_late:
                    is_late = True
                    yield News(is_late=True)
                with suppress(*AWAY):
                    async for news in self._unread():
                        yield news
                await asyncio.sleep(PATIENCE_S)

    async def _while_redis_lasts(self, messages: PubSub) -> AsyncGenerator[News, None]:
        async for news in self._unread():
            yield news
        while True:
            message = await messages.get_message(ignore_subscribe_messages=True, timeout=LOOK_AGAIN_S)
            if message is not None and (progress := _progress(message["data"])) is not None:
                yield News(progress=progress)
                continue
            fresh = [] if message is None else self._continuing(message["data"])
            if fresh:
                yield self._told(fresh)
            else:
                async for news in self._unread():
                    yield news

    def _continuing(self, data: bytes) -> list[EventView]:
        """The events of a message if they continue where this follower stands; else none."""
        events = [event for event in _events(data) if event.seq > self._last]
        return events if events and events[0].seq == self._last + 1 else []

    async def _unread(self) -> AsyncGenerator[News, None]:
        """What Postgres has behind the last event told."""
        while True:
            async with self._database.transaction(self._scope) as tx:
                rows = await model.list_events(tx, self._instance_id, after=self._last, limit=PAGE)
            if rows:
                yield self._told([msgspec.convert(row, EventView, from_attributes=True) for row in rows])
            if len(rows) < PAGE:
                return

    def _told(self, events: list[EventView]) -> News:
        self._last = events[-1].seq
        return News(events=events)


async def organization_news(bus: Bus, organization_id: OrganizationId) -> AsyncGenerator[list[Any], None]:
    """The instance events of an organization as they happen, unnumbered: a hint to look at a list again."""
    while True:
        try:
            async with bus.listen(organization_channel(organization_id)) as messages:
                while True:
                    message = await messages.get_message(ignore_subscribe_messages=True, timeout=LOOK_AGAIN_S)
                    if message is not None:
                        yield decode_any(message["data"])
        except AWAY:
            await asyncio.sleep(PATIENCE_S)


def _progress(data: bytes) -> dict[str, Any] | None:
    """A progress message; events come as a list."""
    found = decode_any(data) if data.startswith(b"{") else None
    return found if isinstance(found, dict) else None


def _events(data: bytes) -> list[EventView]:
    return msgspec.json.decode(data, type=list[EventView])
