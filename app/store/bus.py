"""Redis pub/sub: live events, cancels and wake-ups. Losing a message costs latency, never a fact."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.kit.log import get_logger

log = get_logger(__name__)

MOST_WAITING: Final = (
    10_000  # messages; the oldest give way while Redis is slow, and views read what they missed
)
AT_ONCE: Final = 256  # messages in one round trip
LAST_WORDS_S: Final = 1.0  # how long a process that ends waits for its last messages


def connect(url: str) -> Redis:
    """A client that answers within seconds or fails: a dead Redis must never hold a request."""
    client: Redis = Redis.from_url(
        url, socket_timeout=5.0, socket_connect_timeout=2.0, health_check_interval=30
    )
    return client


class Bus:
    """Publishes after commits and lets live views listen."""

    def __init__(self, redis: Redis, listener: Redis) -> None:
        self._redis = redis
        self._listener = listener  # without a read timeout: a quiet channel is no fault
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, url: str) -> "Bus":
        """A bus on this Redis; no connection is made until the first use."""
        return cls(connect(url), Redis.from_url(url, socket_connect_timeout=2.0, health_check_interval=15))

    @property
    def redis(self) -> Redis:
        """The command connection, for health checks and the queue."""
        return self._redis

    async def publish(self, channel: str, payload: bytes) -> None:
        """Send to whoever listens then."""
        await self.publish_all([(channel, payload)])

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Send these, in order, behind those before them; nobody waits for Redis.

        The answer to a finish is on its way to the worker while its events are told, and what gathers during
        one round trip goes with the next. Redis being away is logged and otherwise ignored.
        """
        self._waiting.extend(messages)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                if len(batch) == 1:
                    await self._redis.publish(*batch[0])
                    continue
                async with self._redis.pipeline(transaction=False) as pipe:
                    for channel, payload in batch:
                        pipe.publish(channel, payload)
                    await pipe.execute()
            except (RedisError, OSError) as exc:
                log.warning(
                    "live messages not published",
                    action="bus_publish_failed",
                    count=len(batch),
                    error=str(exc),
                )

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator[PubSub]:
        """Subscribed while the block runs. Raises RedisError or OSError when Redis is away."""
        pubsub = self._listener.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(*channels)
            yield pubsub
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py leaves it untyped

    async def close(self) -> None:
        """Send what waits, if Redis takes it soon, and give the connections back."""
        if self._sending is not None and not self._sending.done():
            await asyncio.wait([self._sending], timeout=LAST_WORDS_S)
            self._sending.cancel()
        await self._redis.aclose()
        await self._listener.aclose()
