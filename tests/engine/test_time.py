"""What time brings: delays, retries with backoff, timeouts, bells that never rang, lanes without workers."""

import pytest

from app.engine.engine import Engine
from app.flow.messages import ErrorClass, Lane, queue_name
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, World, node

RETRY = {"max": 2, "backoff_s": 10, "jitter": 0, "on": ["transient"]}


async def bells_in(bus: Bus, lane: str = "cpu") -> int:
    """How many bells hang in the queue of a lane."""
    return int(await bus.redis.zcard(queue_name(lane)))


async def test_a_delay_holds_no_worker_and_says_what_it_waits_for(world: World) -> None:
    instance = await world.start(
        node("wait", "core.delay", with_={"seconds": 3600, "value": "v"}),
        node("after", "core.set", with_={"value": "{{ steps.wait.outputs.value }}"}),
        outputs={"value": "{{ steps.after.outputs.value }}"},
    )
    row = await world.instance(instance)
    assert row["status"] == "waiting"
    assert row["reason"].startswith("Waiting until")
    assert await world.attempts(instance) == []
    swept = await world.engine.sweep()
    assert swept.woken == 0
    assert swept.next_due_s is not None
    assert 3590 < swept.next_due_s <= 3600
    await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
    assert (await world.engine.sweep()).woken == 1
    row = await world.instance(instance)
    assert (row["status"], row["outputs"], row["reason"]) == ("completed", {"value": "v"}, None)


async def test_an_instance_waits_only_while_nothing_else_runs(world: World) -> None:
    instance = await world.start(node("wait", "core.delay", with_={"seconds": 60}), node("work"))
    assert await world.status(instance) == "running"
    await world.drain()
    row = await world.instance(instance)
    assert row["status"] == "waiting"
    assert row["reason"].startswith("Waiting until")


async def test_a_retry_waits_for_its_backoff_and_doubles_it(world: World) -> None:
    instance = await world.start(node("a", retry=RETRY))
    hand = world.worker()
    for delay_s in (10, 20):
        await hand.fail(await hand.must_claim(), ErrorClass.transient, "Try later.")
        assert await hand.claim() is None
        (waits,) = await world.rows(
            """SELECT extract(epoch FROM available_at - created_at)::float AS delay_s, rung_at FROM attempts
                WHERE instance_id = %(id)s AND status = 'queued'""",
            id=instance,
        )
        assert waits["delay_s"] == pytest.approx(delay_s, abs=0.5)
        assert waits["rung_at"] is None
        step = (await world.steps(instance))["a"]
        assert (step["status"], step["error"]["message"]) == ("queued", "Try later.")
        await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    await hand.fail(await hand.must_claim(), ErrorClass.transient, "Still no.")
    row = await world.instance(instance)
    assert (row["status"], row["error"]["message"]) == ("failed", "Still no.")
    assert (await world.steps(instance))["a"]["attempts_used"] == 3


async def test_only_the_named_classes_are_tried_again(world: World) -> None:
    instance = await world.start(node("a", retry=RETRY))
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.bad_input)
    assert await world.status(instance) == "failed"


async def test_a_retry_that_succeeds_clears_the_error(world: World) -> None:
    instance = await world.start(node("a", retry=RETRY))
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.transient)
    await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    await hand.complete(await hand.must_claim())
    step = (await world.steps(instance))["a"]
    assert (step["status"], step["error"], step["attempts_used"]) == ("completed", None, 1)


async def test_a_due_retry_is_rung_by_the_sweep(world: World, bus: Bus) -> None:
    await world.start(node("a", retry=RETRY))
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.transient)
    await bus.redis.flushdb()
    assert (await world.engine.sweep()).rung == 0
    await world.execute("UPDATE attempts SET available_at = now() WHERE status = 'queued'")
    assert (await world.engine.sweep()).rung == 1
    assert await bells_in(bus) == 1


async def test_an_overrun_step_is_ended_by_the_sweep_when_its_worker_does_not(world: World) -> None:
    instance = await world.start(node("a", timeout_s=5))
    hand = world.worker()
    job = await hand.must_claim()
    assert job.deadline_s == 5
    await world.execute("UPDATE attempts SET deadline_at = now() - interval '1 s' WHERE status = 'leased'")
    assert (await world.engine.sweep()).overrun == 0, "the worker has a little grace to end it itself"
    await world.execute("UPDATE attempts SET deadline_at = now() - interval '1 min' WHERE status = 'leased'")
    assert (await world.engine.sweep()).overrun == 1
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "timeout")
    assert (await hand.complete(job)).accepted is False


async def test_a_timeout_is_tried_again_when_the_policy_says_so(world: World) -> None:
    instance = await world.start(node("a", timeout_s=5, retry={"max": 1, "backoff_s": 0, "on": ["timeout"]}))
    await world.worker().must_claim()
    await world.execute("UPDATE attempts SET deadline_at = now() - interval '1 min' WHERE status = 'leased'")
    await world.engine.sweep()
    assert await world.drain() == 1
    assert await world.status(instance) == "completed"


class SilentBells(Bells):
    """Bells of a process that died between its commit and the ringing."""

    async def ring(self, lane: str, attempt_ids: object) -> bool:
        return False


async def test_a_bell_that_never_rang_is_rung_by_the_sweep(world: World, bus: Bus) -> None:
    died = Engine(
        world.database, catalog(), SilentBells(bus.redis), bus, assets=world.shelf, callbacks=ADDRESSES
    )
    alive, world.engine = world.engine, died
    await world.start(node("a"))
    world.engine = alive
    assert await bells_in(bus) == 0
    assert (await alive.sweep()).rung == 0, "a bell of a moment ago may still be on its way"
    await world.execute("UPDATE attempts SET rung_at = now() - interval '6 s'")
    assert (await alive.sweep()).rung == 1
    assert await bells_in(bus) == 1


async def test_losing_redis_loses_no_bell(world: World, bus: Bus) -> None:
    await world.start(node("a"), node("b"))
    assert await bells_in(bus) == 2
    await bus.redis.flushall()
    await world.execute("UPDATE attempts SET rung_at = now() - interval '6 s'")
    await world.engine.sweep()
    assert await bells_in(bus) == 2


async def test_a_bell_nobody_answers_is_rung_less_and_less_often(world: World) -> None:
    await world.start(node("a"))
    await world.execute(
        "UPDATE attempts SET available_at = now() - interval '1 h', rung_at = now() - interval '30 s'"
    )
    assert (await world.engine.sweep()).rung == 0
    await world.execute("UPDATE attempts SET rung_at = now() - interval '61 s'")
    assert (await world.engine.sweep()).rung == 1


async def test_a_lane_without_workers_is_named_as_the_reason_and_a_claim_clears_it(world: World) -> None:
    instance = await world.start(node("a", "debug.gpu_work"))
    assert await world.engine.explain_waits([Lane.cpu]) == 0, "a worker may come within moments"
    await world.execute("UPDATE attempts SET available_at = now() - interval '5 s'")
    assert await world.engine.explain_waits([Lane.cpu, Lane.gpu]) == 0
    assert await world.engine.explain_waits([Lane.cpu]) == 1
    assert await world.engine.explain_waits([Lane.cpu]) == 0, "it is told once"
    row = await world.instance(instance)
    assert row["status"] == "waiting"
    assert "gpu" in row["reason"]
    await world.worker().must_claim(Lane.gpu)
    row = await world.instance(instance)
    assert (row["status"], row["reason"]) == ("running", None)
    await world.events(instance)
