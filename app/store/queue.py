"""The doorbell: arq jobs that carry one attempt id, and a wake-up so that nobody waits for a poll.

Only this module and `workers/bell.py` know arq. A lost bell is rung again by the engine's sweep.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.flow.messages import BELL_FUNCTION, queue_name, wake_channel
from app.kit.codec import encode
from app.kit.log import get_logger

log = get_logger(__name__)

# arq drops jobs that wait longer than this; the sweep rings again long before.
BELL_EXPIRES = timedelta(days=30)


class Bells:
    """Rings the workers of a lane."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ring(self, lane: str, attempt_ids: Sequence[UUID]) -> bool:
        """Queue these ids and wake the lane; False when Redis is away (the sweep rings again later)."""
        # What arq's enqueue_job does in four round trips an id, in one for all of them; a ring that is queued
        # already stays as it is.
        now_ms = timestamp_ms()
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for attempt_id in attempt_ids:
                    text = str(attempt_id)
                    job = serialize_job(BELL_FUNCTION, (text,), {}, None, now_ms, serializer=encode)
                    pipe.set(job_key_prefix + text, job, px=BELL_EXPIRES, nx=True)
                    pipe.zadd(queue_name(lane), {text: now_ms}, nx=True)
                pipe.publish(wake_channel(lane), b"")
                await pipe.execute()
        except (RedisError, OSError) as exc:
            log.warning(
                "bell not rung", action="bell_failed", lane=lane, count=len(attempt_ids), error=str(exc)
            )
            return False
        return True
