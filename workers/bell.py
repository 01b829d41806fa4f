"""Hears the doorbell: arq's worker with a loop that wakes at once and outlives Redis.

Only this module and `app/store/queue.py` know arq. Stock arq looks at the queue once per poll delay, which
adds up to half a second to every step; here a message on the lane's wake channel ends the wait. Stock arq
also dies with Redis and keeps a killed worker's jobs locked for the longest timeout; here the loop connects
again, and the lock lasts 15 s and is renewed while a ring is being answered.

It touches private names of arq 0.28.0 (`_poll_iteration`, `run_job`, `job_counter`, `sem`, `tasks`,
`job_tasks`, `in_progress_timeout_s`): pinned exactly, and tests/workers/test_bell.py fails when they change.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast
from uuid import UUID

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from app.flow.messages import BELL_FUNCTION, CANCEL_CHANNEL, queue_name, wake_channel
from app.kit.codec import decode_any, encode
from app.kit.log import get_logger

log = get_logger(__name__)

POLL_S: Final = 0.5  # the fallback behind the wake channel: what a lost message costs at most
RING_LOCK_S: Final = 15.0  # how long a killed worker's ring stays locked; renewed every third of it
ANSWER_LIMIT_S: Final = (
    30 * 24 * 3600.0
)  # a ring lasts as long as its chain of steps; deadlines are elsewhere
RECONNECT_S: Final = (0.2, 5.0)  # first and longest pause between attempts to reach Redis
LISTENER_PING_S: Final = 10.0
REMEMBERED_BELLS: Final = 10_000

# What arq's _poll_iteration and start_jobs ask in one round trip and five for every ring, in one for all:
# which rings are due, and which of them are ours now because they were nobody's.
LOOK: Final = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local ids, locked = {}, {}
for place = 1, #due, 2 do
  ids[#ids + 1] = due[place]
  if #locked < tonumber(ARGV[3]) and redis.call('SET', ARGV[4] .. due[place], '1', 'PX', ARGV[5], 'NX') then
    locked[#locked + 1] = {due[place], due[place + 1]}
  end
end
return {ids, locked}
"""

Answer = Callable[[UUID], Awaitable[None]]
OnCancel = Callable[[UUID], None]


class Bell(Worker):
    """One lane's doorbell. `answer` is called for each ring, at most `slots` of them at once.

    `is_stale(since)` says whether a bell first seen then can be dropped without asking the API: a claim
    sent later found the lane empty. `on_cancel` is called for every attempt that is to stop.
    """

    def __init__(
        self,
        redis_url: str,
        lane: str,
        slots: int,
        *,
        answer: Answer,
        on_cancel: OnCancel,
        is_stale: Callable[[float], bool],
        on_connected: Callable[[], None],
    ) -> None:
        self._arq = ArqRedis(
            ConnectionPool.from_url(redis_url, socket_timeout=5.0, socket_connect_timeout=2.0),
            job_serializer=encode,
            job_deserializer=decode_any,
            default_queue_name=queue_name(lane),
        )
        super().__init__(
            functions=[func(cast(Any, self._ring), name=BELL_FUNCTION, max_tries=10**9)],
            queue_name=queue_name(lane),
            redis_pool=self._arq,
            handle_signals=False,
            max_jobs=slots,
            job_timeout=ANSWER_LIMIT_S,
            keep_result=0,
            poll_delay=POLL_S,
            max_tries=10**9,
            health_check_interval=24 * 3600,
            allow_abort_jobs=False,
            job_serializer=encode,
            job_deserializer=decode_any,
            log_results=False,
        )
        self.in_progress_timeout_s = RING_LOCK_S
        self._look_script = self._arq.register_script(LOOK)
        self.is_connected = False
        self._listener: Redis = Redis.from_url(redis_url, socket_connect_timeout=2.0)
        self._wake_channel = wake_channel(lane)
        self._answer = answer
        self._on_cancel = on_cancel
        self._on_connected = on_connected
        self._is_stale = is_stale
        self._woken = asyncio.Event()
        self._first_seen: dict[str, float] = {}
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._lock_renewed_at = 0.0

    def ring_again(self) -> None:
        """Look at the queue now; called when a slot becomes free."""
        self._woken.set()

    async def main(self) -> None:
        """Listen until cancelled. Redis going away is waited out, never an end."""
        pause_s, longest_s = RECONNECT_S
        while True:
            try:
                await self._attend()
            except (RedisError, OSError) as exc:
                if self.is_connected or pause_s == RECONNECT_S[0]:
                    log.warning(
                        "Redis is away; asking the API for work now and then until it is back",
                        action="redis_away",
                        error=str(exc),
                    )
                if self.is_connected:
                    pause_s = RECONNECT_S[0]
                self.is_connected = False
            await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))  # noqa: S311  spread, not secrecy
            pause_s = min(pause_s * 2, longest_s)

    async def close(self) -> None:
        """Let go of Redis. Rings under way stay in the queue and are heard by another worker."""
        self.allow_pick_jobs = False
        for task in [*self.tasks.values()]:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=0.5)
        await self._arq.aclose()
        await self._listener.aclose()

    async def _poll_iteration(self) -> None:
        for job_id, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[job_id]
                task.result()  # Redis broke off under it
        if self.allow_pick_jobs and self.job_counter < self.max_jobs:
            await self._look()

    async def _look(self) -> None:
        """Begin to answer the rings that are due; drop in one go those that a later look has overtaken."""
        seen = time.monotonic()
        due, locked = await self._due()
        for job_id in due:
            self._first_seen.setdefault(job_id, seen)
        stale = [
            job_id
            for job_id in due
            if not self._is_answering(job_id) and self._is_stale(self._first_seen[job_id])
        ]
        if stale:
            await self._drop(stale)
            self._woken.set()  # behind them may be others
        while len(self._first_seen) > REMEMBERED_BELLS:
            del self._first_seen[next(iter(self._first_seen))]
        dropped = set(stale)
        for job_id, score in locked:
            if job_id not in dropped and not self._is_answering(job_id):
                await self._begin(job_id, score)

    def _is_answering(self, job_id: str) -> bool:
        task = self.tasks.get(job_id)
        return task is not None and not task.done()

    async def _due(self) -> tuple[list[str], list[tuple[str, int]]]:
        """The ids of rings that are due; those locked for this worker just now, with their scores."""
        args: list[Any] = [
            timestamp_ms(),
            self.queue_read_limit,
            self.max_jobs - self.job_counter,
            in_progress_key_prefix,
            int(RING_LOCK_S * 1000),
        ]
        due, locked = await self._look_script(keys=[self.queue_name], args=args)
        return [raw.decode() for raw in due], [(raw.decode(), int(score)) for raw, score in locked]

    async def _drop(self, job_ids: list[str]) -> None:
        async with self._arq.pipeline(transaction=False) as pipe:
            pipe.zrem(self.queue_name, *job_ids)
            pipe.delete(
                *[prefix + one for one in job_ids for prefix in (job_key_prefix, in_progress_key_prefix)]
            )
            await pipe.execute()
        for one in job_ids:  # the same attempt may be rung for again, and is to be heard then
            self._first_seen.pop(one, None)

    async def _begin(self, job_id: str, score: int) -> None:
        """Answer, and let arq do its book-keeping meanwhile: a ring's id says all that is in it."""
        await self.sem.acquire()
        self.job_counter += 1
        answer = asyncio.ensure_future(self._answered(job_id))
        self._answers[job_id] = answer
        task = self.loop.create_task(self.run_job(job_id, score))
        task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())
        task.add_done_callback(lambda _: self._forget(job_id, answer))
        self.tasks[job_id] = task

    def _forget(self, job_id: str, answer: asyncio.Future[None]) -> None:
        answer.cancel()  # one that still waits for its slot; work that has begun goes on behind its shield
        if self._answers.get(job_id) is answer:
            del self._answers[job_id]
            self._first_seen.pop(job_id, None)

    async def _answered(self, job_id: str) -> None:
        try:
            attempt_id = UUID(job_id)
        except ValueError:
            log.warning("a bell that names no attempt", action="bad_bell")
            return
        await self._answer(attempt_id)

    async def _ring(self, _ctx: dict[Any, Any], attempt_id: str) -> None:
        await self._answers[attempt_id]

    async def _attend(self) -> None:
        pubsub = self._listener.pubsub()
        listening: asyncio.Task[None] | None = None
        try:
            await pubsub.subscribe(self._wake_channel, CANCEL_CHANNEL)
            listening = asyncio.create_task(self._listen(pubsub))
            while True:
                self._woken.clear()
                await self._poll_iteration()
                if not self.is_connected:
                    self.is_connected = True
                    log.info("listening for the bell", action="bell_connected", queue=self.queue_name)
                    self._on_connected()
                await self._renew_locks()
                if listening.done():
                    listening.result()
                await self._wait_for_wake()
        finally:
            if listening is not None:
                listening.cancel()
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def _wait_for_wake(self) -> None:
        try:
            async with asyncio.timeout(self.poll_delay_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _listen(self, pubsub: Any) -> None:
        """Wake-ups and cancels. A connection that died silently is found by the ping."""
        while True:
            message = await pubsub.get_message(timeout=LISTENER_PING_S)
            if message is None:
                await pubsub.ping()
            elif message["type"] != "message":
                continue  # the answer to a subscription or a ping
            elif message["channel"].decode() == self._wake_channel:
                self._woken.set()
            else:
                self._hear_cancel(message["data"])

    def _hear_cancel(self, data: bytes) -> None:
        try:
            attempt_id = UUID(data.decode())
        except ValueError:
            log.warning("a cancel that names no attempt", action="bad_cancel")
            return
        self._on_cancel(attempt_id)

    async def _renew_locks(self) -> None:
        """Keep other workers off the rings that are being answered here."""
        now = time.monotonic()
        if not self.job_tasks or now - self._lock_renewed_at < RING_LOCK_S / 3:
            return
        self._lock_renewed_at = now
        async with self._arq.pipeline(transaction=False) as pipe:
            for job_id in self.job_tasks:
                pipe.pexpire(in_progress_key_prefix + job_id, int(RING_LOCK_S * 1000))
            await pipe.execute()

    def _release_sem_dec_counter_on_complete(self) -> None:
        super()._release_sem_dec_counter_on_complete()
        self._woken.set()  # a slot is free: look at the queue at once
