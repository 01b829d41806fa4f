"""Steps that ask again later: no worker waits with them, nothing is used up, nothing piles up."""

import asyncio
from datetime import timedelta

import pytest

from app.flow import plan
from app.flow.messages import ErrorClass, Failed, Postponed, StepError
from app.flow.plan import MOST_ATTEMPTS
from app.store.database import Scope
from tests.engine.world import World, node

LATER = Postponed(delay_s=30.0, reason="“state” is “queued”.")


async def test_a_postponed_step_waits_in_the_queue_and_holds_no_worker(world: World) -> None:
    instance = await world.start(node("poll"))
    hand = world.worker()
    job = await hand.must_claim()
    assert (await hand.finish(job, LATER)).accepted
    step, (attempt,) = (await world.steps(instance))["poll"], await world.attempts(instance)
    assert (step["status"], step["reason"]) == ("queued", "Asking again in 30 s. “state” is “queued”.")
    assert (attempt["status"], attempt["worker_id"], attempt["lease_until"]) == ("queued", None, None)
    assert (await hand.beat(job)) == ([], [job.attempt_id])
    (ahead,) = await world.rows(
        "SELECT available_at - now() AS wait FROM attempts WHERE id = %(id)s", id=attempt["id"]
    )
    assert timedelta(seconds=20) < ahead["wait"] <= timedelta(seconds=30)
    assert await hand.claim() is None
    assert not (await hand.finish(job, LATER)).accepted, "the same report once more changes nothing"
    assert (await world.engine.sweep()).next_due_s is not None


async def test_a_report_said_twice_at_once_changes_nothing_the_second_time(world: World) -> None:
    """Both wait for the instance; when the second has it, the attempt is back in the queue under a new id."""
    instance = await world.start(node("poll"))
    hand = world.worker()
    job = await hand.must_claim()
    async with world.database.transaction(Scope.system()) as tx:
        await tx.fetch_one("SELECT FROM instances WHERE id = %(id)s FOR UPDATE", {"id": instance})
        both = [asyncio.create_task(hand.finish(job, LATER)) for _ in range(2)]
        while await waiting_for_locks(world) < 2:  # noqa: ASYNC110  a lock does not tell who waits for it
            await asyncio.sleep(0.01)
    assert sorted([(await one).accepted for one in both]) == [False, True]
    (attempt,) = await world.attempts(instance)
    assert (attempt["status"], attempt["fence"]) == ("queued", 1)


async def waiting_for_locks(world: World) -> int:
    """How many sessions of this database wait for a lock."""
    (row,) = await world.rows(
        "SELECT count(*) AS waiting FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE a.datname = current_database() AND NOT l.granted"
    )
    return int(row["waiting"])


async def test_when_its_time_comes_it_is_rung_for_and_goes_on(world: World) -> None:
    instance = await world.start(node("poll"), node("after", needs=["poll"]))
    hand = world.worker()
    first = await hand.must_claim()
    await hand.finish(first, LATER)
    await world.execute("UPDATE attempts SET available_at = now() - interval '1 s'")
    assert (await world.engine.sweep()).rung == 1
    again = await hand.must_claim()
    assert (again.step_id, again.number) == (first.step_id, 1)
    assert again.attempt_id != first.attempt_id, "workers drop the second bell of an id they know"
    assert not (await hand.complete(first)).accepted, "the call before is over"
    await hand.complete(again)
    await world.drain(hand)
    assert await world.status(instance) == "completed"
    await world.events(instance)


async def test_a_step_knows_how_long_it_has_asked(world: World) -> None:
    instance = await world.start(node("poll"))
    hand = world.worker()
    job = await hand.must_claim()
    assert job.age_s < 60
    await hand.finish(job, LATER)
    await world.execute("UPDATE attempts SET available_at = now()")
    await world.execute(
        "UPDATE steps SET started_at = now() - interval '1 hour' WHERE instance_id = %(id)s", id=instance
    )
    assert 3600 <= (await hand.must_claim()).age_s < 3660


async def test_workers_that_die_between_answers_do_not_add_up(world: World) -> None:
    instance = await world.start(node("poll"))
    hand = world.worker()
    for _ in range(plan.POISON_AFTER):
        await hand.must_claim()
        await world.expire_leases()
        assert (await world.engine.sweep()).lost == 1
        await hand.finish(await hand.must_claim(), LATER)
        await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    await hand.complete(await hand.must_claim())
    assert await world.status(instance) == "completed"


async def test_asking_often_uses_up_neither_retries_nor_rows_nor_tries(world: World) -> None:
    retry = {"max": 1, "backoff_s": 0.01, "on": ["transient"]}
    instance = await world.start(node("poll", retry=retry))
    hand = world.worker()
    for _ in range(MOST_ATTEMPTS + 5):
        await hand.finish(await hand.must_claim(), Postponed(delay_s=1.0, reason=""))
        await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    (attempt,) = await world.attempts(instance)
    assert (attempt["number"], attempt["status"]) == (1, "queued")
    error = StepError(error_class=ErrorClass.transient, message="Away.")
    await hand.finish(await hand.must_claim(), Failed(error=error))
    await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    job = await hand.must_claim()
    assert job.number == 2, "the one retry there is was still there"
    await hand.complete(job)
    assert await world.status(instance) == "completed"
    await world.events(instance)


async def test_a_cancel_ends_a_postponed_step(world: World) -> None:
    instance = await world.start(node("poll"))
    hand = world.worker()
    await hand.finish(await hand.must_claim(), LATER)
    await world.cancel(instance)
    await world.execute("UPDATE attempts SET available_at = now()")
    assert await hand.claim() is None
    assert [one["status"] for one in await world.attempts(instance)] == ["cancelled"]


async def test_a_worker_that_dies_while_it_asks_loses_nothing(world: World) -> None:
    instance = await world.start(node("poll"))
    hand = world.worker()
    await hand.finish(await hand.must_claim(), LATER)
    await world.execute("UPDATE attempts SET available_at = now()")
    await hand.must_claim()
    await world.expire_leases()
    assert (await world.engine.sweep()).lost == 1
    job = await world.worker().must_claim()
    assert job.number == 2
    await world.worker_like(hand).complete(job)
    assert [one["status"] for one in await world.attempts(instance)] == ["lost", "leased"]


@pytest.mark.parametrize(
    ("delay_s", "age_s", "expected"), [(30, 0, 30), (0, 0, 1), (30, 3600, 36), (-5, 0, 1), (1e9, 0, 86_400)]
)
def test_the_longer_it_has_asked_the_less_often_it_asks(
    delay_s: float, age_s: float, expected: float
) -> None:
    assert plan.postponement(delay_s, age_s) == expected


def test_a_year_of_asking_is_some_hundred_times() -> None:
    age_s, times = 0.0, 0
    while age_s < 366 * 86_400:
        age_s += plan.postponement(1.0, age_s)
        times += 1
    assert times < 2_000
