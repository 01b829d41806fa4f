"""The bus: messages in order, and whoever publishes does not wait for Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisAway

from app.kit.settings import Settings
from app.store.bus import Bus
from tests.engine.fixtures import bus

__all__ = ["bus"]

PLACE = "studio:live:test"


async def heard(messages: AsyncIterator[dict[str, object]], count: int) -> list[object]:
    found: list[object] = []
    async with asyncio.timeout(20):
        async for message in messages:
            found.append(message["data"])
            if len(found) == count:
                return found
    raise AssertionError("the channel closed")


async def test_messages_arrive_in_the_order_of_their_publication(bus: Bus) -> None:
    async with bus.listen(PLACE) as channel:
        for number in range(0, 900, 3):
            await bus.publish(PLACE, b"%d" % number)
            await bus.publish_all([(PLACE, b"%d" % (number + 1)), (PLACE, b"%d" % (number + 2))])
        found = await heard(channel.listen(), 900)
    assert found == [b"%d" % number for number in range(900)]


async def test_nobody_waits_for_a_redis_that_does_not_answer(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, is_back = asyncio.Event(), asyncio.Event()
    publish = bus.redis.publish

    async def hang(channel: str, payload: bytes) -> int:
        silent.set()
        await is_back.wait()
        raise RedisAway("gone")

    monkeypatch.setattr(bus.redis, "publish", hang)
    async with bus.listen(PLACE) as channel:
        await bus.publish(PLACE, b"lost with Redis")
        await silent.wait()
        await bus.publish(PLACE, b"waits")
        monkeypatch.setattr(bus.redis, "publish", publish)
        is_back.set()
        assert await heard(channel.listen(), 1) == [b"waits"]


async def test_what_was_published_last_is_heard_before_the_end(settings: Settings) -> None:
    listener, speaker = Bus.open(settings.redis.url), Bus.open(settings.redis.url)
    async with listener.listen(PLACE) as channel:
        await speaker.publish(PLACE, b"goodbye")
        await speaker.close()
        assert await heard(channel.listen(), 1) == [b"goodbye"]
    await listener.close()
