"""What all processes of the box have counted together, in Redis.

Each hands in what it counted since the last time, so the sums outlive any process and are the same whoever
shows them. Redis may lose them: counters then begin at zero, which every reader of counters expects.
"""

import asyncio
import contextlib
import functools
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.kit.codec import encode
from app.kit.tally import MOST_SERIES, Key, Tally

PLACE: Final = "studio:counts"
HAND_IN_S: Final = 10.0
LAST_S: Final = 0.5  # of the nine seconds that a whole box has to stop
_decoder: Final = msgspec.json.Decoder(Key)


async def hand_in(redis: Redis, tally: Tally) -> bool:
    """Add what this process counted to the sums; False, and kept for the next time, while Redis is away."""
    taken = tally.take()
    if not taken:
        return True
    try:
        async with redis.pipeline(transaction=True) as pipe:
            for key, amount in taken.items():
                pipe.hincrbyfloat(PLACE, encode(key).decode(), amount)
            await pipe.execute()
    except (RedisError, OSError):
        tally.give_back(taken)
        return False
    return True


async def hand_in_last(redis: Redis, tally: Tally) -> None:
    """The same for a process that ends, which waits for nobody."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_S):
            await hand_in(redis, tally)


async def sums(redis: Redis) -> dict[Key, float]:
    """Everything that was handed in. Raises RedisError or OSError."""
    found: dict[bytes, bytes] = await redis.hgetall(PLACE)  # type: ignore[misc]  # redis-py: or not awaitable
    return {_key(field): float(value) for field, value in found.items()}


@functools.lru_cache(maxsize=4 * MOST_SERIES)  # a histogram has several keys a series
def _key(field: bytes) -> Key:
    key: Key = _decoder.decode(field)
    return key
