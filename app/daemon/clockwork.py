"""What the elected daemon does all day: sweep when something is due, and run each room's periodic work.

A box that was restored does neither until somebody releases it: what was under way may have happened already.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from redis.exceptions import RedisError

from app.daemon.election import Office
from app.engine.gates import BELIEVED_S
from app.engine.sweep import Swept
from app.kit import meters
from app.kit.backups import Backups
from app.kit.log import get_logger
from app.resources.periodic import Job, Parts

log = get_logger(__name__)

TICK_S: Final = 1.0  # leases and silent bells are looked for this often, timers when they are due
REST_S: Final = 0.05  # between two sweeps, however many timers are being set
FIRST_JOBS_S: Final = 5.0  # a box that has just started has better things to do
LONGEST_PAUSE_S: Final = 10.0  # after failures
# Redis keeps this key as long as it keeps the bells; when it is gone, so are they.
BELLS_KEY: Final = "studio:bells"


class Clockwork:
    """Turns until its office is lost or it is cancelled."""

    def __init__(self, parts: Parts, jobs: Sequence[Job]) -> None:
        self._parts = parts
        self._jobs = jobs
        self._backups = Backups(parts.settings.workspace)
        self._timer_set = asyncio.Event()
        self._must_ring_all = False  # bells were lost, and no sweep has rung them again yet
        self._was_open = True  # the volume took new things at the last sweep
        self._closed: frozenset[str] = frozenset()  # gates that were closed at the last sweep
        self._opened_at: float | None = None  # when one was seen to open that some process may think closed

    async def turn(self, office: Office) -> None:
        """Work while this process is the daemon. Raises what ended the office, in a group."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(office))
            group.create_task(self._sweep_for_ever())
            for job in self._jobs:
                group.create_task(self._repeat(job))

    async def _listen(self, office: Office) -> None:
        async for _ in office.timers():
            self._timer_set.set()

    async def _sweep_for_ever(self) -> None:
        failures = 0
        while True:
            heed_cancellation()
            self._timer_set.clear()
            if self._backups.is_held():
                self._must_ring_all = True  # nobody answers a bell meanwhile
                await asyncio.sleep(TICK_S)
                continue
            try:
                pause_s = await self._sweep()
                failures = 0
            except Exception as exc:  # noqa: BLE001  the engine's tick: the next one tries again
                failures += 1
                self._parts.tally.count(meters.SWEEP_FAILURES)
                pause_s = min(TICK_S * failures, LONGEST_PAUSE_S)
                log.error("sweep failed; it is tried again", action="sweep_failed", error=repr(exc))
            await asyncio.sleep(min(REST_S, pause_s))
            await self._timer_or(pause_s - REST_S)

    async def _sweep(self) -> float:
        """One sweep; how long the next one may wait."""
        self._must_ring_all |= await self._bells_are_lost() or self._has_opened()
        began = time.monotonic()
        swept = await self._parts.engine.sweep(bells_are_lost=self._must_ring_all)
        self._must_ring_all = self._gate_opened(swept.closed)
        self._count(swept, time.monotonic() - began)
        if swept.lost or swept.overrun:
            log.info("sweep mended", action="swept", lost=swept.lost, overrun=swept.overrun)
        if swept.found or self._must_ring_all:
            return 0.0  # there may be more than one sweep takes at once
        return TICK_S if swept.next_due_s is None else min(TICK_S, swept.next_due_s)

    def _count(self, swept: Swept, took_s: float) -> None:
        tally = self._parts.tally
        tally.count(meters.SWEEPS)
        tally.count(meters.SWEEP_SECONDS, by=took_s)
        for kind in ("lost", "overrun", "woken", "told", "rung"):
            if done := getattr(swept, kind):
                tally.count(meters.SWEEP_REPAIRS, kind, by=done)

    def _has_opened(self) -> bool:
        """Whether the volume takes new things again: while it did not, every bell went unanswered."""
        was_open, self._was_open = self._was_open, self._parts.watch.is_open
        return self._was_open and not was_open

    def _gate_opened(self, closed: frozenset[str]) -> bool:
        """Whether to ring for those behind a gate: when it opens, and again when every process knows of it.

        Who opened it has rung too, but a claim that comes to a process which still believes it closed is told
        that there is nothing, and the bell is gone with it.
        """
        has_opened, self._closed = bool(self._closed - closed), closed
        if has_opened:
            self._opened_at = time.monotonic()
            return True
        if self._opened_at is None or time.monotonic() - self._opened_at < BELIEVED_S:
            return False
        self._opened_at = None
        return True

    async def _bells_are_lost(self) -> bool:
        """Whether Redis has come back empty since the last sweep."""
        try:
            return bool(await self._parts.bus.redis.set(BELLS_KEY, b"1", nx=True))
        except (RedisError, OSError):
            return False  # nobody hears a bell now; they are rung when it is back

    async def _timer_or(self, seconds: float) -> None:
        """Wait, but no longer than until somebody sets a timer."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._timer_set.wait()
        except TimeoutError:
            return

    async def _repeat(self, job: Job) -> None:
        """Run a job again and again; spread, so that all of them do not start in the same moment."""
        await asyncio.sleep(min(FIRST_JOBS_S, job.every_s) * random.uniform(0.5, 1.0))  # noqa: S311  no secret
        while True:
            heed_cancellation()
            began = time.monotonic()
            if self._backups.is_held():
                await asyncio.sleep(TICK_S)
                continue
            try:
                done = await job.run(self._parts)
            except Exception as exc:  # noqa: BLE001  one room's trouble must not stop the others' work
                self._parts.tally.count(meters.JOB_FAILURES, job.name)
                log.error("periodic work failed", action="job_failed", job=job.name, error=repr(exc))
            else:
                if done:
                    log.info(job.name, action="job_done", count=done)
            await asyncio.sleep(max(0.0, job.every_s - (time.monotonic() - began)))


def heed_cancellation() -> None:
    """Raise a cancellation that a library has swallowed.

    redis-py waits with asyncio.wait_for, which on Python 3.11 loses a cancellation that arrives in the moment
    its command succeeds (python/cpython#86296). A loop that never looked would then never end: seen as a
    daemon that outlived SIGTERM in one of twenty stops.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
