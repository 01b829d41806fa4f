"""When Redis took each ring of the doorbell, by its own clock."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import Monitor

from app.flow.messages import Lane, queue_name
from app.kit.settings import Settings

QUEUES = {queue_name(lane) for lane in Lane}


@asynccontextmanager
async def rings(settings: Settings) -> AsyncIterator[list[float]]:
    """The rings while the block runs, in order: seconds since 1970.

    Redis tells every command with the moment of its arrival (MONITOR). A listener's own clock would be read
    when the listener has its turn, which is later.
    """
    client: Redis = Redis.from_url(settings.redis.url)
    rung_at: list[float] = []
    async with client.monitor() as monitor:
        listening = asyncio.create_task(_listen(monitor, rung_at))
        try:
            yield rung_at
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
    await client.aclose()


async def _listen(monitor: Monitor, rung_at: list[float]) -> None:
    async for told in monitor.listen():
        words = told["command"].split(" ")
        if words[0] == "ZADD" and words[1] in QUEUES:
            rung_at.append(told["time"])
