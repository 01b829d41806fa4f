"""The slots of a lane: who works on what, chains of jobs without a second bell, and stopping in time.

A result and the next job travel in one trip: `finish` answers with the job that follows. A lane that is not
to stand still (a card costs by the hour) fetches the next job first, when it knows of one, and delivers the
result while it works: on a backlog the card waits for a claim instead of for a finish and a claim.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from app.flow.messages import Cancelled, Finish, GivenBack, Job, Lane, Lease, Outcome
from app.kit.log import get_logger
from workers.gateway import Gateway
from workers.refusals import ApiAway, Refused

log = get_logger(__name__)

STOP_LIMIT_S: Final = 1.8  # a step that is told to end and does not is left behind after this

T = TypeVar("T")
Perform = Callable[[Job, int], Awaitable[Outcome]]


class Ending(StrEnum):
    """Why a job is being stopped from outside."""

    cancelled = "cancelled"  # a person, or its instance, wants it no more
    lost = "lost"  # the lease is another worker's now
    leaving = "leaving"  # this worker goes away


class Held:
    """A job under way."""

    def __init__(self, job: Job, work: asyncio.Task[Outcome], slot: int) -> None:
        self.job = job
        self.work = work
        self.slot = slot
        self.ending: Ending | None = None
        self.told = asyncio.Event()

    def stop(self, ending: Ending) -> None:
        """Tell the job to end; the first reason counts."""
        if self.ending is None:
            self.ending = ending
            self.told.set()
            self.work.cancel()


class LaneSlots:
    """Runs jobs of one lane, `slots` at once."""

    def __init__(
        self,
        lane: Lane,
        slots: int,
        gateway: Gateway,
        perform: Perform,
        on_free: Callable[[], None] = lambda: None,
        *,
        never_idle: bool = False,
    ) -> None:
        self.lane = lane
        self.slots = slots
        self._gateway = gateway
        self._perform = perform
        self._on_free = on_free
        self._never_idle = never_idle
        self._free = list(range(slots - 1, -1, -1))
        self._shut: set[int] = set()  # what they work with is gone
        self._busy: set[int] = set()
        self._held: dict[UUID, Held] = {}
        self._chains: set[asyncio.Task[Any]] = set()
        self._slot_free = asyncio.Event()
        self._slot_free.set()
        self._is_leaving = False
        self._empty_at = 0.0

    @property
    def leases(self) -> list[Lease]:
        """What this worker believes it holds."""
        return [
            Lease(held.job.attempt_id, held.job.fence)
            for held in self._held.values()
            if held.ending != Ending.lost
        ]

    def is_stale(self, since: float) -> bool:
        """Whether a bell first seen then has been overtaken: a claim sent later found the lane empty."""
        return since < self._empty_at

    async def answer(self, attempt_id: UUID | None) -> None:
        """Claim and work until the lane has nothing more; waits for a free slot first."""
        while not self._free:
            if len(self._shut) == self.slots:
                return  # nobody here can take it; the engine rings again
            self._slot_free.clear()
            await self._slot_free.wait()
        if self._is_leaving:
            return
        slot = self._free.pop()
        self._busy.add(slot)
        chain = self._keep(self._chain(slot, attempt_id))
        # A ring that is cut off (Redis away, say) must not take the work down with it.
        await asyncio.shield(chain)

    async def look(self) -> None:
        """Use every free slot without a bell; for the time when Redis is away or has forgotten its bells."""
        looks = [asyncio.ensure_future(self.answer(None)) for _ in range(len(self._free))]
        if looks:
            await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)

    def stop(self, attempt_id: UUID, ending: Ending) -> None:
        """End this attempt, if it runs here."""
        held = self._held.get(attempt_id)
        if held is not None:
            held.stop(ending)

    def shut(self, slot: int) -> None:
        """Begin nothing more in this slot; what runs in it goes on."""
        if slot not in self._shut:
            self._shut.add(slot)
            if slot in self._free:
                self._free.remove(slot)
            self._slot_free.set()  # whoever waits for one looks whether it is worth it

    def open(self, slot: int) -> bool:
        """Take work in this slot again; whether it was shut."""
        if slot not in self._shut:
            return False
        self._shut.discard(slot)
        if slot not in self._busy:
            self._give_back(slot)
        return True

    def stop_slot(self, slot: int, ending: Ending) -> None:
        """End what runs in this slot."""
        for held in list(self._held.values()):
            if held.slot == slot:
                held.stop(ending)

    def stop_all(self, ending: Ending) -> None:
        """End every attempt."""
        for held in list(self._held.values()):
            held.stop(ending)

    async def leave(self, within_s: float) -> None:
        """Take nothing more and end what runs; its attempts go to other workers."""
        self._is_leaving = True
        self._slot_free.set()
        self.stop_all(Ending.leaving)
        # A chain that ends may leave a delivery behind, so whoever is there now is looked at again.
        until = time.monotonic() + within_s
        while self._chains and (left_s := until - time.monotonic()) > 0:
            await asyncio.wait(self._chains, timeout=left_s)
        for chain in self._chains:
            chain.cancel()

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin something that `leave` waits for."""
        task = asyncio.ensure_future(work)
        self._chains.add(task)
        task.add_done_callback(self._chains.discard)
        return task

    async def _chain(self, slot: int, attempt_id: UUID | None) -> None:
        try:
            job = await self._claim(attempt_id)
            # What comes while the worker leaves is not begun; its goodbye gives it back.
            while job is not None and not self._is_leaving:
                job = await self._work(job, slot)
        finally:
            self._busy.discard(slot)
            if slot not in self._shut:
                self._give_back(slot)

    def _give_back(self, slot: int) -> None:
        self._free.append(slot)
        self._slot_free.set()
        self._on_free()

    async def _claim(self, attempt_id: UUID | None) -> Job | None:
        asked = time.monotonic()
        try:
            job = await self._gateway.claim(self.lane, attempt_id)
        except ApiAway as exc:
            # The bell is gone with this; the engine's sweep rings again, and we look by ourselves as well.
            log.warning("the API does not answer a claim", action="claim_failed", error=str(exc))
            return None
        except Refused as exc:
            log.error("the API refuses a claim", action="claim_refused", error=str(exc))
            return None
        if job is None:
            self._empty_at = max(self._empty_at, asked)
        return job

    async def _work(self, job: Job, slot: int) -> Job | None:
        """Run one job and see to its outcome; the next job, if there is one."""
        work = asyncio.ensure_future(self._perform(job, slot))
        held = self._held[job.attempt_id] = Held(job, work, slot)
        try:
            outcome = await self._outcome(held)
        except BaseException:
            self._held.pop(job.attempt_id, None)
            raise
        if outcome is None:
            self._held.pop(job.attempt_id, None)
            return None
        goes_on = not self._is_leaving and slot not in self._shut
        if self._never_idle and job.others_wait and goes_on:
            following = await self._claim(None)
            if following is not None:
                self._keep(self._deliver(held, outcome, take_next=False))
                return following
        return await self._deliver(held, outcome, take_next=goes_on)

    async def _outcome(self, held: Held) -> Outcome | None:
        told = asyncio.ensure_future(held.told.wait())
        try:
            await asyncio.wait({held.work, told}, return_when=asyncio.FIRST_COMPLETED)
            if not held.work.done():
                await asyncio.wait({held.work}, timeout=STOP_LIMIT_S)
        finally:
            told.cancel()
        if not held.work.done():
            log.warning("a step does not end; left behind", action="step_left", attempt=held.job.attempt_id)
        elif not held.work.cancelled():
            # Done all the same, perhaps in the moment it was told to stop: its result counts if it may.
            return None if held.ending is Ending.lost else held.work.result()
        match held.ending:
            case Ending.cancelled:
                return Cancelled()
            case Ending.leaving:
                return GivenBack()
            case _:
                return None

    async def _deliver(self, held: Held, outcome: Outcome, *, take_next: bool) -> Job | None:
        """Tell the engine how a job ended, however long that takes; its lease is renewed until then."""
        try:
            return await self._finish(held, outcome, take_next=take_next)
        finally:
            self._held.pop(held.job.attempt_id, None)

    async def _finish(self, held: Held, outcome: Outcome, *, take_next: bool) -> Job | None:
        job = held.job
        asked = time.monotonic()
        end = Finish(attempt_id=job.attempt_id, fence=job.fence, outcome=outcome, take_next=take_next)
        try:
            answer = await self._gateway.finish(end)
        except Refused as exc:
            log.error(
                "the API refuses a result", action="finish_refused", attempt=job.attempt_id, error=str(exc)
            )
            return None
        if not answer.accepted and held.ending is None:
            log.warning(
                "a result came too late; another worker has the attempt, or it has ended",
                action="finish_late",
                attempt=job.attempt_id,
            )
        if answer.next is None and end.take_next:
            self._empty_at = max(self._empty_at, asked)
        return answer.next
