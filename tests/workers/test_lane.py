"""The slots of a lane, with an API that does what the test says."""

import asyncio
import time
from collections import deque
from typing import Any, cast
from uuid import UUID

import pytest

from app.flow.messages import (
    Cancelled,
    Completed,
    ErrorClass,
    Failed,
    Finish,
    Finished,
    GivenBack,
    Job,
    Lane,
    Outcome,
    StepError,
)
from app.kit.ids import new_id
from tests.workers.conftest import eventually
from workers.gateway import Gateway
from workers.lane import Ending, LaneSlots
from workers.refusals import ApiAway, Refused


def job(number: int = 1, *, others_wait: bool = False) -> Job:
    """A job as the API hands it out."""
    return Job(
        attempt_id=new_id(),
        fence=number,
        lane=Lane.cpu,
        kind="debug.work",
        version=1,
        inputs={},
        instance_id=new_id(),
        step_id=new_id(),
        organization_id=new_id(),
        node_id=f"n{number}",
        path=[],
        number=1,
        seed=0,
        deadline_s=None,
        others_wait=others_wait,
    )


class Api:
    """Hands out the jobs it was given and remembers what came back."""

    def __init__(self, *jobs: Job) -> None:
        self.queue = deque(jobs)
        self.claims = 0
        self.ended: list[Finish] = []
        self.trouble: Exception | None = None
        self.answers = asyncio.Event()  # cleared: it takes its time with a claim
        self.answers.set()
        self.takes_results = asyncio.Event()
        self.takes_results.set()

    async def claim(self, lane: Lane, attempt_id: UUID | None) -> Job | None:
        self.claims += 1
        await self.answers.wait()
        if self.trouble is not None:
            raise self.trouble
        return self.queue.popleft() if self.queue else None

    async def finish(self, end: Finish) -> Finished:
        self.ended.append(end)
        await self.takes_results.wait()
        if self.trouble is not None:
            raise self.trouble
        following = self.queue.popleft() if end.take_next and self.queue else None
        return Finished(accepted=True, next=following)

    @property
    def outcomes(self) -> list[type[Any]]:
        return [type(end.outcome) for end in self.ended]


class Hands:
    """Does the work of the tests: waits until told, or not at all."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.slots_used: set[int] = set()
        self.gate = asyncio.Event()
        self.outcome: Outcome = Completed(outputs={})
        self.deaf = False

    async def work(self, job: Job, slot: int) -> Outcome:
        self.begun.append(job.node_id)
        self.slots_used.add(slot)
        while True:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
            else:
                return self.outcome


def lane(api: Api, hands: Hands, slots: int = 1, *, never_idle: bool = False) -> LaneSlots:
    """A lane of that API."""
    return LaneSlots(Lane.cpu, slots, cast(Gateway, api), hands.work, never_idle=never_idle)


async def test_one_bell_works_off_the_whole_lane() -> None:
    api, hands = Api(job(1), job(2), job(3)), Hands()
    hands.gate.set()
    await lane(api, hands).answer(None)
    assert hands.begun == ["n1", "n2", "n3"]
    assert api.claims == 1, "the others came with the answer to a finish"


async def test_a_lane_that_is_never_idle_works_while_its_last_result_is_delivered() -> None:
    api, hands = Api(job(1, others_wait=True), job(2)), Hands()
    hands.gate.set()
    api.takes_results.clear()
    slots = lane(api, hands, never_idle=True)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun == ["n1", "n2"])
    await eventually(lambda: len(api.ended) == 2)
    assert len(slots.leases) == 2, "what is not delivered is still ours to renew"
    api.takes_results.set()
    await answer
    await eventually(lambda: not slots.leases)
    assert api.outcomes == [Completed, Completed]
    assert [end.take_next for end in api.ended] == [False, True]


async def test_a_lane_that_is_never_idle_asks_for_more_only_when_more_waited() -> None:
    api, hands = Api(job(1), job(2)), Hands()
    hands.gate.set()
    await lane(api, hands, never_idle=True).answer(None)
    assert hands.begun == ["n1", "n2"]
    assert api.claims == 1


async def test_others_that_went_elsewhere_cost_one_look() -> None:
    api, hands = Api(job(1, others_wait=True)), Hands()
    hands.gate.set()
    await lane(api, hands, never_idle=True).answer(None)
    assert api.outcomes == [Completed]
    assert [end.take_next for end in api.ended] == [True]


async def test_leaving_waits_for_a_result_that_is_still_being_delivered() -> None:
    api, hands = Api(job(1, others_wait=True), job(2)), Hands()
    api.takes_results.clear()
    slots = lane(api, hands, never_idle=True)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun == ["n1"])
    hands.gate.set()
    await eventually(lambda: len(api.ended) == 2)
    leaving = asyncio.ensure_future(slots.leave(within_s=5))
    await asyncio.sleep(0)
    assert not leaving.done()
    api.takes_results.set()
    await asyncio.gather(leaving, answer)
    assert slots.leases == []


async def test_slots_are_used_side_by_side_and_never_twice() -> None:
    api, hands = Api(job(1), job(2), job(3)), Hands()
    slots = lane(api, hands, slots=2)
    answers = [asyncio.ensure_future(slots.answer(None)) for _ in range(3)]
    await eventually(lambda: len(hands.begun) == 2)
    assert hands.slots_used == {0, 1}
    assert len(slots.leases) == 2
    hands.gate.set()
    await asyncio.gather(*answers)
    assert sorted(hands.begun) == ["n1", "n2", "n3"]


async def test_a_bell_is_stale_when_a_later_look_found_nothing() -> None:
    api, hands = Api(), Hands()
    slots = lane(api, hands)
    before = time.monotonic()
    assert not slots.is_stale(before)
    await slots.answer(None)
    assert slots.is_stale(before)
    assert not slots.is_stale(time.monotonic())


async def test_a_cancelled_job_is_told_as_cancelled_and_the_chain_goes_on() -> None:
    api, hands = Api(job(1), job(2)), Hands()
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun == ["n1"])
    slots.stop(slots.leases[0].attempt_id, Ending.cancelled)
    await eventually(lambda: hands.begun == ["n1", "n2"])
    hands.gate.set()
    await answer
    assert api.outcomes == [Cancelled, Completed]


async def test_a_lost_job_is_stopped_and_not_reported() -> None:
    api, hands = Api(job(1)), Hands()
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun)
    slots.stop(slots.leases[0].attempt_id, Ending.lost)
    await answer
    assert api.ended == []
    assert slots.leases == []


async def test_a_step_that_ignores_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.lane.STOP_LIMIT_S", 0.05)
    api, hands = Api(job(1)), Hands()
    hands.deaf = True
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun)
    slots.stop(slots.leases[0].attempt_id, Ending.cancelled)
    await answer
    assert api.outcomes == [Cancelled]
    hands.gate.set()


async def test_leaving_gives_back_what_runs_and_takes_nothing_more() -> None:
    api, hands = Api(job(1), job(2)), Hands()
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun)
    await slots.leave(within_s=2)
    await answer
    assert api.outcomes == [GivenBack]
    assert not api.ended[0].take_next
    await slots.answer(None)
    assert api.claims == 1


async def test_a_job_that_comes_while_the_worker_leaves_is_not_begun() -> None:
    api, hands = Api(job(1)), Hands()
    api.answers.clear()
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: api.claims)
    leaving = asyncio.ensure_future(slots.leave(within_s=2))
    await asyncio.sleep(0)
    api.answers.set()
    await asyncio.gather(leaving, answer)
    assert (hands.begun, api.ended) == ([], [])


async def test_a_result_that_was_ready_when_the_worker_left_counts() -> None:
    api, hands = Api(job(1)), Hands()
    slots = lane(api, hands)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun)
    api.takes_results.clear()
    hands.gate.set()
    await eventually(lambda: api.ended)
    leaving = asyncio.ensure_future(slots.leave(within_s=5))
    await asyncio.sleep(0)
    api.takes_results.set()
    await asyncio.gather(leaving, answer)
    assert api.outcomes == [Completed]


async def test_a_result_counts_whose_next_job_came_while_the_worker_left() -> None:
    api, hands = Api(job(1, others_wait=True), job(2)), Hands()
    slots = lane(api, hands, never_idle=True)
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun == ["n1"])
    api.answers.clear()
    api.takes_results.clear()
    hands.gate.set()
    await eventually(lambda: api.claims == 2)
    leaving = asyncio.ensure_future(slots.leave(within_s=5))
    await asyncio.sleep(0)
    api.answers.set()
    await eventually(lambda: api.ended)
    await answer
    assert not leaving.done(), "it waits for the delivery that came behind"
    api.takes_results.set()
    await leaving
    assert api.outcomes == [Completed]


@pytest.mark.parametrize("trouble", [ApiAway("down"), Refused(422, "no")])
async def test_trouble_with_a_claim_frees_the_slot(trouble: Exception) -> None:
    api, hands = Api(job(1)), Hands()
    slots = lane(api, hands)
    api.trouble = trouble
    await slots.answer(None)
    api.trouble = None
    hands.gate.set()
    await slots.answer(None)
    assert hands.begun == ["n1"]


async def test_a_ring_that_is_cut_off_does_not_end_the_work() -> None:
    api, hands = Api(job(1)), Hands()
    slots = lane(api, hands)
    ring = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun)
    ring.cancel()
    hands.gate.set()
    await eventually(lambda: api.outcomes == [Completed])


async def test_a_failure_is_a_result_like_any_other() -> None:
    api, hands = Api(job(1), job(2)), Hands()
    hands.outcome = Failed(error=StepError(error_class=ErrorClass.bug, message="It broke."))
    hands.gate.set()
    await lane(api, hands).answer(None)
    assert api.outcomes == [Failed, Failed]


async def test_a_slot_that_is_shut_ends_its_job_and_begins_no_other() -> None:
    api, hands = Api(job(1, others_wait=True), job(2)), Hands()
    hands.gate.set()
    slots = lane(api, hands, never_idle=True)
    slots.shut(0)
    await slots.answer(None)
    assert api.claims == 0, "nobody here can take it"
    assert slots.open(0) and not slots.open(0)
    hands.gate.clear()
    answer = asyncio.ensure_future(slots.answer(None))
    await eventually(lambda: hands.begun == ["n1"])
    slots.shut(0)
    assert api.ended == [], "what runs goes on"
    hands.gate.set()
    await answer
    assert hands.begun == ["n1"] and [end.take_next for end in api.ended] == [False]
    slots.open(0)
    await slots.answer(None)
    assert hands.begun == ["n1", "n2"]


async def test_what_runs_in_a_slot_goes_back_without_the_others() -> None:
    api, hands = Api(job(1), job(2)), Hands()
    slots = lane(api, hands, slots=2)
    looking = asyncio.ensure_future(slots.look())
    await eventually(lambda: len(hands.begun) == 2)
    slots.shut(0)
    slots.stop_slot(0, Ending.leaving)
    await eventually(lambda: api.outcomes == [GivenBack])
    assert len(slots.leases) == 1
    hands.gate.set()
    await looking
    await eventually(lambda: not slots.leases)
    assert api.outcomes == [GivenBack, Completed]
