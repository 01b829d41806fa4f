"""Pause and resume: nothing begins meanwhile, what runs finishes, and nothing is forgotten."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.engine.errors import InstanceAlreadyFinished, InstanceNotFound, InstancePaused, StepNotWaiting
from app.flow.messages import ErrorClass, Lane, Postponed, queue_name
from app.flow.roles import Role
from app.flow.waits import Answer, WaitKind
from app.kit.ids import InstanceId, StepId, new_id
from app.store.bus import Bus
from app.store.database import Scope
from tests.engine.world import World, document, node


def scope(world: World) -> Scope:
    return Scope.organization(world.organization_id)


async def pause(world: World, instance: InstanceId, name: str = "Ada") -> None:
    """Pause it as a person would."""
    async with world.database.transaction(scope(world)) as tx:
        await world.engine.pause(tx, instance, by=None, name=name)


async def resume(world: World, instance: InstanceId) -> None:
    """Let it go on."""
    async with world.database.transaction(scope(world)) as tx:
        await world.engine.resume(tx, instance, by=None, name="Ada")


async def answer(world: World, instance: InstanceId, node_id: str, value: Any) -> None:
    """Answer a question."""
    step = (await world.steps(instance))[node_id]["id"]
    given = Answer(at=datetime.now(UTC), value=value, role=Role.owner, name="Ada", by=new_id())
    async with world.database.transaction(scope(world)) as tx:
        await world.engine.answer(tx, instance, StepId(step), given, kind=WaitKind.person)


async def test_nothing_of_a_paused_instance_is_handed_out_until_it_goes_on(world: World, bus: Bus) -> None:
    instance = await world.start(node("a"), node("b"), node("c", needs=["a"]))
    await pause(world, instance)
    row = await world.instance(instance)
    assert (row["status"], row["reason"]) == ("waiting", "Paused by Ada.")
    assert await world.worker().claim() is None
    await world.execute("UPDATE attempts SET available_at = now() - interval '1 hour', rung_at = NULL")
    assert (await world.engine.sweep()).rung == 0
    before = {one["id"] for one in await world.attempts(instance)}
    await bus.redis.flushdb()
    await resume(world, instance)
    assert await world.status(instance) == "pending"
    assert await bus.redis.zcard(queue_name(Lane.cpu)) == 2
    # A worker drops a second bell of an attempt it has asked for in vain.
    assert not before & {one["id"] for one in await world.attempts(instance)}
    assert await world.drain() == 3
    assert await world.status(instance) == "completed"
    story = await world.story(instance)
    assert [one for one in story if one.startswith("instance.")] == [
        "instance.created",
        "instance.paused",
        "instance.resumed",
        "instance.pending",
        "instance.running",
        "instance.completed",
    ]


async def test_what_runs_finishes_and_what_follows_waits(world: World) -> None:
    instance = await world.start(
        node("a"),
        node("quick", "core.set", with_={"value": 1}, needs=["a"]),
        node("b", needs=["quick"]),
        outputs={"b": "{{ steps.b.outputs.value }}"},
    )
    hand = world.worker()
    job = await hand.must_claim()
    await pause(world, instance)
    assert (await hand.complete(job, 1)).accepted
    assert await world.step_statuses(instance) == {"a": "completed", "quick": "pending", "b": "pending"}
    assert (await world.instance(instance))["reason"] == "Paused by Ada."
    await resume(world, instance)
    assert await world.step_statuses(instance) == {"a": "completed", "quick": "completed", "b": "queued"}
    await world.drain()
    assert await world.status(instance) == "completed"


async def test_the_last_step_ends_a_paused_instance(world: World) -> None:
    for fails in (True, False):
        instance = await world.start(node("a"))
        hand = world.worker()
        job = await hand.must_claim()
        await pause(world, instance)
        await (hand.fail(job) if fails else hand.complete(job))
        assert await world.status(instance) == ("failed" if fails else "completed")
        with pytest.raises(InstanceAlreadyFinished):
            await resume(world, instance)


async def test_another_try_waits_too(world: World) -> None:
    instance = await world.start(node("a", retry={"max": 3, "backoff_s": 0, "on": ["transient"]}), node("b"))
    hand, other = world.worker(), world.worker()
    first, second = await hand.must_claim(), await other.must_claim()
    await pause(world, instance)
    await hand.fail(first, ErrorClass.transient)
    await other.give_back(second)
    assert await hand.claim() is None
    assert [one["status"] for one in await world.attempts(instance)].count("paused") == 2
    await resume(world, instance)
    assert await world.drain() == 2
    assert await world.status(instance) == "completed"


async def test_a_step_that_asks_again_later_asks_after_the_pause(world: World) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    await pause(world, instance)
    await hand.finish(job, Postponed(delay_s=0.0, reason="Not yet."))
    await world.execute("UPDATE attempts SET available_at = now() - interval '1 s'")
    assert await hand.claim() is None
    await resume(world, instance)
    assert await world.drain() == 1
    assert await world.status(instance) == "completed"


async def test_a_worker_that_fell_silent_is_replaced_after_the_pause(world: World) -> None:
    instance = await world.start(node("a"))
    await world.worker().must_claim()
    await pause(world, instance)
    await world.expire_leases()
    assert (await world.engine.sweep()).lost == 1
    assert await world.worker().claim() is None
    await resume(world, instance)
    assert await world.drain() == 1


async def test_a_fan_out_stops_at_the_items_it_has_open(world: World) -> None:
    instance = await world.start(
        node("fan", each="{{ inputs.list }}", max_parallel=2, with_={"value": "{{ item }}"}),
        given={"list": list(range(5))},
        inputs={"list": {"type": "json"}},
        outputs={"all": "{{ steps.fan.outputs.value }}"},
    )
    hand = world.worker()
    job = await hand.must_claim()
    await pause(world, instance)
    await hand.complete(job, job.inputs["value"])
    assert await hand.claim() is None
    assert [item["status"] for item in await world.items(instance, "fan")] == [
        "completed",
        "queued",
        *["pending"] * 3,
    ]
    await resume(world, instance)
    assert await world.drain() == 4
    assert (await world.instance(instance))["outputs"] == {"all": list(range(5))}


async def test_a_fan_out_whose_items_all_end_meanwhile_goes_on_afterwards(world: World) -> None:
    instance = await world.start(
        node("fan", each="{{ [1, 2] }}", with_={"value": "{{ item }}"}),
        node("after", "core.set", with_={"value": "{{ steps.fan.outputs.value }}"}),
        outputs={"all": "{{ steps.after.outputs.value }}"},
    )
    hand = world.worker()
    jobs = [await hand.must_claim(), await hand.must_claim()]
    await pause(world, instance)
    for job in jobs:
        await hand.complete(job, job.inputs["value"])
    assert await world.step_statuses(instance) == {"fan": "completed", "after": "pending"}
    await resume(world, instance)
    assert (await world.instance(instance))["outputs"] == {"all": [1, 2]}


async def test_a_timer_that_comes_due_meanwhile_rings_afterwards(world: World) -> None:
    instance = await world.start(node("wait", "core.delay", with_={"seconds": 60}))
    other = await world.start(node("wait", "core.delay", with_={"seconds": 60}))
    await pause(world, instance)
    await world.execute("UPDATE steps SET due_at = now() - interval '1 s'")
    assert (await world.engine.sweep()).woken == 1
    assert (await world.status(instance), await world.status(other)) == ("waiting", "completed")
    await resume(world, instance)
    assert (await world.engine.sweep()).woken == 1
    assert await world.status(instance) == "completed"


async def test_an_answer_is_taken_and_leads_on_afterwards(world: World) -> None:
    instance = await world.start(
        node("ask", "human.approve", with_={"question": "Good?"}), node("after", needs=["ask"])
    )
    await pause(world, instance)
    await answer(world, instance, "ask", {"decision": "approved"})
    assert await world.step_statuses(instance) == {"ask": "completed", "after": "pending"}
    with pytest.raises(StepNotWaiting):
        await answer(world, instance, "ask", {"decision": "approved"})
    await resume(world, instance)
    assert (await world.step_statuses(instance))["after"] == "queued"


async def test_a_step_is_not_started_by_hand_meanwhile(world: World) -> None:
    instance = await world.start(node("a", mode="stop"))
    await pause(world, instance)
    step = StepId((await world.steps(instance))["a"]["id"])
    given = Answer(at=datetime.now(UTC), name="Ada")
    with pytest.raises(InstancePaused):
        async with world.database.transaction(scope(world)) as tx:
            await world.engine.start_step(tx, instance, step, given)
    await resume(world, instance)
    assert (await world.instance(instance))["reason"].startswith("Stopped before this step")
    async with world.database.transaction(scope(world)) as tx:
        await world.engine.start_step(tx, instance, step, given)
    assert await world.drain() == 1


async def test_pausing_and_resuming_twice_is_harmless(world: World) -> None:
    instance = await world.start(node("a"))
    await pause(world, instance)
    await pause(world, instance, "Bob")
    assert (await world.instance(instance))["reason"] == "Paused by Ada."
    await resume(world, instance)
    await resume(world, instance)
    story = await world.story(instance)
    assert (story.count("instance.paused"), story.count("instance.resumed")) == (1, 1)
    assert await world.drain() == 1
    with pytest.raises(InstanceAlreadyFinished):
        await pause(world, instance)
    with pytest.raises(InstanceNotFound):
        await pause(world, InstanceId(new_id()))
    with pytest.raises(InstanceNotFound):
        await resume(world, InstanceId(new_id()))


async def test_a_paused_instance_can_be_cancelled(world: World) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]))
    await pause(world, instance)
    await world.cancel(instance)
    assert await world.status(instance) == "cancelled"
    assert {one["status"] for one in await world.attempts(instance)} == {"cancelled"}


async def test_its_own_time_stands_still(world: World) -> None:
    version = await world.publish(document(node("a"), timeout_s=60))
    instance = (await world.start_version(version)).id
    await pause(world, instance)
    await world.execute("UPDATE instances SET deadline_at = now() - interval '1 s'")
    assert (await world.engine.sweep()).overrun == 0
    await world.execute(
        """UPDATE instances SET deadline_at = '2020-01-01T00:00:10Z',
                  pause = pause || '{"at": "2020-01-01T00:00:00Z"}'"""
    )
    await resume(world, instance)
    (row,) = await world.rows("SELECT deadline_at - now() AS remaining FROM instances")
    assert 0 < row["remaining"].total_seconds() <= 10


async def test_what_its_steps_run_is_paused_with_it(world: World) -> None:
    body = {"nodes": [node("inner"), node("then", needs=["inner"])]}
    outer = await world.start(node("again", "core.repeat", with_={"body": body, "until": True}))
    (child,) = await world.rows("SELECT id FROM instances WHERE parent_id = %(id)s", id=outer)
    hand = world.worker()
    job = await hand.must_claim()
    await pause(world, outer)
    await hand.complete(job)
    assert await hand.claim() is None
    assert (await world.instance(child["id"]))["reason"] == "Paused by Ada."
    await resume(world, outer)
    assert await world.drain() == 1
    assert (await world.status(child["id"]), await world.status(outer)) == ("completed", "completed")


async def test_no_round_begins_meanwhile(world: World) -> None:
    body = {"nodes": [node("inner")]}
    outer = await world.start(node("again", "core.repeat", with_={"body": body, "until": "{{ round == 2 }}"}))
    hand = world.worker()
    job = await hand.must_claim()
    await pause(world, outer)
    (child,) = await world.rows("SELECT id FROM instances WHERE parent_id = %(id)s", id=outer)
    await hand.complete(job)
    assert await world.status(child["id"]) == "completed"
    await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
    await world.engine.sweep()
    assert len(await world.rows("SELECT FROM instances WHERE parent_id = %(id)s", id=outer)) == 1
    await resume(world, outer)
    await world.engine.sweep()
    assert len(await world.rows("SELECT FROM instances WHERE parent_id = %(id)s", id=outer)) == 2
    await world.drain()
    assert await world.status(outer) == "completed"


async def test_one_that_waits_for_its_turn_begins_when_it_goes_on(world: World) -> None:
    version = await world.publish(document(node("a"), concurrency={"limit": 1}))
    first, second = [(await world.start_version(version)).id for _ in range(2)]
    await pause(world, second)
    assert await world.drain() == 1
    assert (await world.status(first), await world.status(second)) == ("completed", "waiting")
    assert await world.worker().claim() is None
    await resume(world, second)
    assert await world.drain() == 1
    assert await world.status(second) == "completed"


async def test_claims_and_a_pause_at_once_leave_nothing_behind(world: World) -> None:
    for _ in range(10):
        instance = await world.start(*(node(f"n{number}") for number in range(6)))
        hands = [world.worker() for _ in range(4)]
        _, *jobs = await asyncio.gather(pause(world, instance), *(hand.claim() for hand in hands))
        assert await world.worker().claim() is None
        for hand, job in zip(hands, jobs, strict=True):
            if job is not None:
                assert (await hand.complete(job)).accepted
        await resume(world, instance)
        await world.drain()
        assert await world.status(instance) == "completed"
        await world.events(instance)
