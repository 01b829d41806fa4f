"""The doorbell: arq jobs that carry one attempt id, and a wake-up so that nobody waits for a poll.

Only this module and `workers/bell.py` know arq. A lost bell is rung again by the engine's sweep.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.flow.messages import BELL_FUNCTION, queue_name, wake_channel
from app.kit.codec import decode_any, encode
from app.kit.log import get_logger

log = get_logger(__name__)

# arq drops jobs that wait longer than this; the sweep rings again long before.
BELL_EXPIRES = timedelta(days=30)


class Bells:
    """Rings the workers of a lane."""

    def __init__(self, redis: Redis) -> None:
        self._arq = ArqRedis(
            connection_pool=redis.connection_pool,
            job_serializer=encode,
            job_deserializer=decode_any,
        )

    async def ring(self, lane: str, attempt_ids: Sequence[UUID]) -> bool:
        """Queue these ids and wake the lane; False when Redis is away (the sweep rings again later)."""
        try:
            for attempt_id in attempt_ids:
                text = str(attempt_id)
                await self._arq.enqueue_job(
                    BELL_FUNCTION, text, _job_id=text, _queue_name=queue_name(lane), _expires=BELL_EXPIRES
                )
            await self._arq.publish(wake_channel(lane), b"")
        except (RedisError, OSError) as exc:
            log.warning(
                "bell not rung", action="bell_failed", lane=lane, count=len(attempt_ids), error=str(exc)
            )
            return False
        return True
