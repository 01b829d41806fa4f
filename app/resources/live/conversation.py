"""One WebSocket: what a client may ask, and what it hears.

Client: {"subscribe": "instance:<id>", "after": <seq>} · {"unsubscribe": "instance:<id>"} · {"ping": …}
        {"subscribe": "instances"} hears of every instance of the organization, without numbers.
Server: {"topic", "subscribed": true} · {"topic", "events": [{seq, type, step_id, data, at}]} ·
        {"topic", "progress": {step_id, data}} · {"topic", "late": true while Redis or Postgres is away} ·
        {"topic", "refused": {status, detail}} ·
        {"pong": …} · {"ping": true}
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.errors import InstanceNotFound
from app.kit.codec import encode_text
from app.kit.errors import Conflict, Malformed, StudioError
from app.kit.log import get_logger
from app.resources.accounts.principal import Principal
from app.resources.instances import model
from app.resources.live.follow import Follower, organization_news
from app.store.bus import Bus
from app.store.database import Database

log = get_logger(__name__)

INSTANCES: Final = "instances"
MAX_TOPICS: Final = 50  # of one socket; a page follows one or two


class NoSuchTopic(Malformed):
    """Subscribe to instance:<id>, or to instances."""


class TooManyTopics(Conflict):
    """This connection follows too much at once; unsubscribe from something first."""


class Unreadable(Malformed):
    """Send a JSON object with subscribe, unsubscribe or ping."""


class Wish(msgspec.Struct, frozen=True):
    """What a client says."""

    subscribe: str | None = None
    unsubscribe: str | None = None
    after: int = 0
    ping: Any = msgspec.UNSET


class Conversation:
    """Follows what the client asks for and passes it on; closed with the socket."""

    def __init__(
        self, database: Database, bus: Bus, principal: Principal, send: Callable[[str], Awaitable[None]]
    ) -> None:
        self._database = database
        self._bus = bus
        self._principal = principal
        self._send = send
        self._topics: dict[str, asyncio.Task[None]] = {}

    async def hear(self, text: str) -> None:
        """One message of the client; what is wrong with it is answered, not raised."""
        try:
            wish = msgspec.json.decode(text, type=Wish)
        except (msgspec.DecodeError, ValueError):
            await self._refuse(None, Unreadable())
            return
        if wish.ping is not msgspec.UNSET:
            await self.say({"pong": wish.ping})
        if wish.unsubscribe is not None:
            await self._stop(wish.unsubscribe)
        if wish.subscribe is not None:
            try:
                await self._follow(wish.subscribe, max(0, wish.after))
            except StudioError as exc:
                await self._refuse(wish.subscribe, exc)

    async def say(self, message: Any) -> None:
        """Send one frame."""
        await self._send(encode_text(message))

    async def close(self) -> None:
        """Stop following anything."""
        tasks = list(self._topics.values())
        self._topics.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, topic: str, after: int) -> None:
        """Raises NoSuchTopic, TooManyTopics, InstanceNotFound."""
        await self._stop(topic)
        if len(self._topics) >= MAX_TOPICS:
            raise TooManyTopics
        if topic == INSTANCES:
            work = self._pass_on_instances()
        else:
            instance_id = instance_of(topic)
            await refuse_foreign(self._database, self._principal, instance_id)
            work = self._pass_on(topic, instance_id, after)
        await self.say({"topic": topic, "subscribed": True})
        self._topics[topic] = asyncio.create_task(self._guarded(topic, work))

    async def _guarded(self, topic: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001  a request door: the client is told and may subscribe again
            log.warning("a live view broke off", action="live_broken", topic=topic, error=repr(exc))
            self._topics.pop(topic, None)
            await self._refuse(topic, exc if isinstance(exc, StudioError) else StudioError())

    async def _pass_on(self, topic: str, instance_id: UUID, after: int) -> None:
        follower = Follower(self._database, self._bus, self._principal.scope, instance_id, after)
        async with aclosing(follower.news()) as all_news:
            async for news in all_news:
                await self.say({"topic": topic, **news.message()})

    async def _pass_on_instances(self) -> None:
        async with aclosing(organization_news(self._bus, self._principal.organization_id)) as all_news:
            async for events in all_news:
                await self.say({"topic": INSTANCES, "events": events})

    async def _stop(self, topic: str) -> None:
        task = self._topics.pop(topic, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _refuse(self, topic: str | None, exc: StudioError) -> None:
        await self.say({"topic": topic, "refused": {"status": exc.status, "detail": exc.detail}})


def instance_of(topic: str) -> UUID:
    """The instance a topic names. Raises NoSuchTopic."""
    kind, _, text = topic.partition(":")
    try:
        if kind == "instance":
            return UUID(text)
    except ValueError:
        pass
    raise NoSuchTopic


async def refuse_foreign(database: Database, principal: Principal, instance_id: UUID) -> None:
    """Raises InstanceNotFound unless the person's organization has this instance."""
    async with database.transaction(principal.scope) as tx:
        if not await model.has_instance(tx, instance_id):
            raise InstanceNotFound
