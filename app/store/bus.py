"""Redis pub/sub: live events, cancels and wake-ups. Losing a message costs latency, never a fact."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.kit.log import get_logger

log = get_logger(__name__)


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

    @classmethod
    def open(cls, url: str) -> "Bus":
        """A bus on this Redis; no connection is made until the first use."""
        return cls(connect(url), Redis.from_url(url, socket_connect_timeout=2.0, health_check_interval=15))

    @property
    def redis(self) -> Redis:
        """The command connection, for health checks and the queue."""
        return self._redis

    async def publish(self, channel: str, payload: bytes) -> None:
        """Send to whoever listens now. Redis being away is logged and otherwise ignored."""
        try:
            await self._redis.publish(channel, payload)
        except (RedisError, OSError) as exc:
            log.warning(
                "live message not published", action="bus_publish_failed", channel=channel, error=str(exc)
            )

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Several messages in one round trip."""
        if len(messages) == 1:
            return await self.publish(*messages[0])
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for channel, payload in messages:
                    pipe.publish(channel, payload)
                await pipe.execute()
        except (RedisError, OSError) as exc:
            log.warning("live messages not published", action="bus_publish_failed", error=str(exc))

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
        """Give the connections back."""
        await self._redis.aclose()
        await self._listener.aclose()
