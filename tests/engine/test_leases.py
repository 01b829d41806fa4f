"""Leases and fences: late, double and foreign reports change nothing; silence is mended, poison is found."""

import asyncio

import pytest

from app.engine.engine import Engine
from app.flow.catalog import Catalog
from app.flow.messages import Completed, ErrorClass, LogLine
from app.flow.plan import MOST_ATTEMPTS, POISON_AFTER
from app.kit.ids import new_id
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, World, node


async def test_a_double_finish_is_harmless(world: World) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]))
    hand = world.worker()
    job = await hand.must_claim()
    assert (await hand.complete(job, "first")).accepted is True
    assert (await hand.complete(job, "second")).accepted is False
    assert (await world.steps(instance))["a"]["outputs"]["value"] == "first"
    assert len(await world.attempts(instance)) == 2


async def test_the_same_finish_sent_from_two_connections_counts_once(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    done = await asyncio.gather(*(hand.complete(job, number) for number in range(5)))
    assert sorted(one.accepted for one in done) == [False, False, False, False, True]


async def test_a_finish_with_another_fence_or_by_another_worker_is_refused(world: World) -> None:
    await world.start(node("a"))
    hand, other = world.worker(), world.worker()
    job = await hand.must_claim()
    assert (await other.complete(job)).accepted is False
    stale = type(job)(
        **{name: getattr(job, name) for name in job.__struct_fields__} | {"fence": job.fence + 1}
    )
    assert (await hand.complete(stale)).accepted is False
    assert (await hand.complete(job)).accepted is True


async def test_a_finish_of_an_unknown_attempt_is_refused(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    unknown = type(job)(
        **{name: getattr(job, name) for name in job.__struct_fields__} | {"attempt_id": new_id()}
    )
    assert (await hand.complete(unknown, take_next=True)).accepted is False


async def test_two_workers_never_get_the_same_attempt(world: World) -> None:
    for _ in range(8):
        await world.start(node("a"), node("b"), node("c"))
    hands = [world.worker() for _ in range(6)]
    jobs = [job for job in await asyncio.gather(*(hand.claim() for hand in hands * 5)) if job is not None]
    assert len(jobs) == len({job.attempt_id for job in jobs}) == 24


async def test_a_heartbeat_keeps_the_lease(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    await world.expire_leases()
    assert await hand.beat(job) == ([], [])
    assert (await world.engine.sweep()).lost == 0
    assert (await hand.complete(job)).accepted is True


async def test_an_expired_lease_goes_to_another_worker_and_uses_up_no_retry(world: World) -> None:
    instance = await world.start(node("a"))
    silent, other = world.worker(), world.worker()
    first = await silent.must_claim()
    await world.expire_leases()
    assert (await world.engine.sweep()).lost == 1
    second = await other.must_claim()
    assert (second.step_id, second.number, second.seed) == (first.step_id, 2, first.seed)
    assert await silent.beat(first) == ([], [first.attempt_id])
    assert (await silent.complete(first, "late")).accepted is False
    assert (await other.complete(second, "good")).accepted is True
    step = (await world.steps(instance))["a"]
    assert (step["outputs"]["value"], step["attempts_used"], step["times_lost"]) == ("good", 0, 1)
    assert [one["status"] for one in await world.attempts(instance)] == ["lost", "completed"]
    assert [one["cause"] for one in await world.attempts(instance)] == ["first", "lost"]
    assert "step.requeued" in await world.story(instance)


async def test_two_sweeps_at_once_mend_each_thing_once(world: World) -> None:
    instance = await world.start(node("a"), node("b"), node("wait", "core.delay", with_={"seconds": 60}))
    hand = world.worker()
    await hand.must_claim()
    await hand.must_claim()
    await world.expire_leases()
    await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
    swept = await asyncio.gather(*(world.engine.sweep() for _ in range(4)))
    assert sum(one.lost for one in swept) == 2
    assert sum(one.woken for one in swept) == 1
    assert sum(one["status"] == "queued" for one in await world.attempts(instance)) == 2
    await world.events(instance)


async def test_a_finished_step_is_never_touched_by_a_sweep(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    await world.expire_leases()
    assert (await hand.complete(job)).accepted is True
    swept = await world.engine.sweep()
    assert (swept.lost, swept.overrun) == (0, 0)
    assert await world.status(instance) == "completed"


async def test_a_step_that_ends_every_worker_is_poison_and_says_so(world: World) -> None:
    instance = await world.start(node("a", retry={"max": 3, "backoff_s": 1}))
    for _ in range(POISON_AFTER):
        await world.worker().must_claim()
        await world.expire_leases()
        await world.engine.sweep()
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"]["class"] == "lost"
    assert "5 workers" in row["error"]["message"]
    assert await world.worker().claim() is None


async def test_a_killed_process_costs_the_step_no_retry_but_counts_as_poison(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    for number in range(1, POISON_AFTER):
        await hand.fail(await hand.must_claim(), ErrorClass.lost, "The model process was ended from outside.")
        step = (await world.steps(instance))["a"]
        assert (step["status"], step["times_lost"], step["attempts_used"]) == ("queued", number, 0)
        assert step["reason"] == "Trying again after: The model process was ended from outside."
    await hand.fail(await hand.must_claim(), ErrorClass.lost, "The model process was ended from outside.")
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "lost")
    await world.events(instance)


async def test_a_worker_that_leaves_gives_back_everything_and_that_is_not_poison(world: World) -> None:
    instance = await world.start(node("a"), node("b"))
    for _ in range(POISON_AFTER + 1):
        leaving = world.worker()
        await leaving.must_claim()
        await leaving.must_claim()
        assert await world.engine.give_back(leaving.id) == 2
    assert await world.drain() == 2
    assert await world.status(instance) == "completed"


async def test_what_a_dead_worker_held_is_lost_at_once_and_counts_as_poison(world: World) -> None:
    instance = await world.start(node("a", retry={"max": 3, "backoff_s": 1}))
    for number in range(1, POISON_AFTER):
        dead = world.worker()
        await dead.must_claim()
        assert await world.engine.lose(dead.id) == 1
        assert await world.engine.lose(dead.id) == 0
        step = (await world.steps(instance))["a"]
        assert (step["status"], step["times_lost"], step["attempts_used"]) == ("queued", number, 0)
        assert step["reason"] == "Its worker died or went silent; another takes over."
    dead = world.worker()
    await dead.must_claim()
    assert await world.engine.lose(dead.id) == 1
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "lost")
    await world.events(instance)


@pytest.mark.parametrize("how", ["known to be dead", "silent"])
async def test_a_worker_that_dies_with_several_steps_counts_against_none_of_them(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.finish.random.random", lambda: 0.9)  # chance may also say: at once
    instance = await world.start(node("a"), node("b"))
    for _ in range(POISON_AFTER + 2):
        await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
        dead = world.worker()
        await dead.must_claim()
        await dead.must_claim()
        if how == "silent":
            await world.expire_leases()
            assert (await world.engine.sweep()).lost == 2
        else:
            assert await world.engine.lose(dead.id) == 2
    for step in (await world.steps(instance)).values():
        assert (step["status"], step["times_lost"], step["attempts_used"]) == ("queued", 0, 0)
    waiting = await world.rows(
        "SELECT cause, available_at > now() AS later FROM attempts WHERE status = 'queued'"
    )
    assert {row["cause"] for row in waiting} == {"lost_beside"}
    assert all(row["later"] for row in waiting), "those who keep dying together are tried apart"
    await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    assert await world.drain() == 2
    assert await world.status(instance) == "completed"
    await world.events(instance)


async def test_the_step_that_ends_its_workers_is_found_among_innocent_neighbours(world: World) -> None:
    instance = await world.start(node("culprit"), node("innocent"))
    dead = world.worker()
    culprit = await dead.must_claim()
    await dead.must_claim()
    assert await world.engine.lose(dead.id) == 2
    for _ in range(POISON_AFTER):
        hand = world.worker()
        job = await hand.must_claim()
        if job.node_id != culprit.node_id:
            await hand.complete(job)
            job = await hand.must_claim()
        assert await world.engine.lose(hand.id) == 1
    assert await world.step_statuses(instance) == {"culprit": "failed", "innocent": "completed"}
    assert "5 workers" in (await world.instance(instance))["error"]["message"]


async def test_a_step_that_everybody_hands_back_ends_some_time(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    await world.execute("UPDATE attempts SET number = %(most)s", most=MOST_ATTEMPTS - 1)
    await hand.give_back(await hand.must_claim())
    await hand.give_back(await hand.must_claim())
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "lost")
    assert "100 times" in row["error"]["message"]


async def test_one_attempt_can_be_given_back_alone(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    await hand.give_back(await hand.must_claim())
    job = await hand.must_claim()
    assert job.number == 2
    await hand.complete(job)
    assert (await world.steps(instance))["a"]["attempts_used"] == 0


OLD_CLAIM = """
UPDATE attempts SET claimed_at = claimed_at - interval '12 s', lease_until = lease_until - interval '12 s'
 WHERE status = 'leased'
"""


async def test_a_job_whose_worker_never_heard_of_it_goes_to_another_and_counts_as_no_loss(
    world: World,
) -> None:
    instance = await world.start(node("a"), node("b"))
    hand, other = world.worker(), world.worker()
    known, unheard = await hand.must_claim(), await hand.must_claim()
    assert await hand.beat(known) == ([], []), "the answer to the second claim may still be on its way"
    assert await other.claim() is None
    await world.execute(OLD_CLAIM)
    assert await hand.beat(known) == ([], [])
    again = await other.must_claim()
    assert (again.step_id, again.number) == (unheard.step_id, 2)
    assert await other.claim() is None
    step = (await world.steps(instance))[again.node_id]
    assert (step["times_lost"], step["attempts_used"]) == (0, 0)
    assert (await hand.complete(unheard)).accepted is False, "the answer came after all, too late"
    assert (await hand.complete(known)).accepted is True
    await world.events(instance)


async def test_an_idle_worker_gives_back_what_it_never_heard_of(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    await hand.must_claim()
    await world.execute(OLD_CLAIM)
    assert await world.worker().beat() == ([], []), "another worker's heartbeat says nothing about it"
    assert await hand.claim() is None
    assert await hand.beat() == ([], [])
    assert (await hand.must_claim()).number == 2


async def test_a_heartbeat_that_arrives_late_gives_nothing_back(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    await world.execute(OLD_CLAIM)
    assert await hand.beat(job) == ([], [])
    assert await hand.beat() == ([], []), "it was sent before the job was there"
    assert (await hand.complete(job)).accepted is True


async def test_the_answer_to_a_finish_carries_the_next_job(world: World) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]), node("c", needs=["b"]))
    hand = world.worker()
    job = await hand.must_claim()
    second = (await hand.complete(job, take_next=True)).next
    assert second is not None
    assert second.node_id == "b"
    third = (await hand.complete(second, take_next=True)).next
    assert third is not None
    assert third.node_id == "c"
    assert (await hand.complete(third, take_next=True)).next is None
    assert await world.status(instance) == "completed"


async def test_a_worker_that_was_fenced_out_still_gets_its_next_job(world: World) -> None:
    await world.start(node("a"))
    hand = world.worker()
    stale = await hand.must_claim()
    await world.expire_leases()
    await world.engine.sweep()
    done = await hand.complete(stale, take_next=True)
    assert done.accepted is False
    assert done.next is not None
    assert done.next.step_id == stale.step_id


async def test_the_most_urgent_attempt_is_claimed_first(world: World) -> None:
    await world.start(node("slow"))
    await world.start(node("node_first", priority=10))
    await world.start(node("instance_first"), priority=20)
    hand = world.worker()
    claimed = [(await hand.must_claim()).node_id for _ in range(3)]
    assert claimed == ["instance_first", "node_first", "slow"]


async def test_outputs_that_do_not_fit_are_a_bug_of_the_step(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    await hand.finish(job, Completed(outputs={"number": "not a number"}))
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "bug")


async def test_an_instance_whose_step_type_is_gone_ends_with_a_sentence(world: World, bus: Bus) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]))
    hand = world.worker()
    job = await hand.must_claim()
    without = Catalog(spec for spec in catalog().values() if spec.kind != "debug.work")
    world.engine = Engine(
        world.database, without, Bells(bus.redis), bus, assets=world.shelf, callbacks=ADDRESSES
    )
    assert (await world.worker_like(hand).complete(job)).accepted is False
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert "step types" in row["error"]["message"]


async def test_a_nul_character_in_outputs_is_stored_as_a_replacement(world: World) -> None:
    instance = await world.start(node("a"), outputs={"text": "{{ steps.a.outputs.value }}"})
    hand = world.worker()
    await hand.complete(await hand.must_claim(), "a\0b\\u0000c")
    assert (await world.instance(instance))["outputs"] == {"text": "a\ufffdb\\u0000c"}


async def test_progress_and_logs_are_noted_only_under_the_lease(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    lines = [LogLine(at="2026-11-23T22:00:00Z", level="info", message=f"line {n}") for n in range(3)]
    assert await hand.report(job, progress_fraction=0.5, progress_message="Half", logs=lines) is True
    assert await world.worker().report(job, progress_fraction=0.9) is False
    step = (await world.steps(instance))["a"]
    assert (step["progress_fraction"], step["progress_message"]) == (0.5, "Half")
    logs = await world.rows(
        "SELECT message FROM step_logs WHERE step_id = %(id)s ORDER BY id", id=job.step_id
    )
    assert [line["message"] for line in logs] == ["line 0", "line 1", "line 2"]
    await hand.complete(job)
    assert await hand.report(job, progress_fraction=0.9) is False
