"""Cancel: from every state, at once, and nothing comes back to life."""

import asyncio

import pytest

from app.engine.errors import InstanceAlreadyFinished, InstanceNotFound
from app.flow.messages import CANCEL_CHANNEL
from app.kit.ids import InstanceId, new_id
from app.store.bus import Bus
from tests.engine.world import World, node


async def test_a_pending_instance_is_cancelled_and_its_queue_emptied(world: World) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]))
    await world.cancel(instance)
    assert await world.status(instance) == "cancelled"
    assert set((await world.step_statuses(instance)).values()) == {"cancelled"}
    assert await world.worker().claim() is None
    assert (await world.story(instance))[-1] == "instance.cancelled"


async def test_a_running_step_is_told_to_stop_by_message_and_by_heartbeat(world: World, bus: Bus) -> None:
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    async with bus.listen(CANCEL_CHANNEL) as orders:
        await world.cancel(instance)
        order = await anext(orders.listen())
    assert order["data"].decode() == str(job.attempt_id)
    assert await hand.beat(job) == ([job.attempt_id], [])
    assert (await hand.complete(job)).accepted is False
    assert await world.status(instance) == "cancelled"
    await world.events(instance)


async def test_a_waiting_instance_is_cancelled_and_its_timer_never_fires(world: World) -> None:
    instance = await world.start(node("wait", "core.delay", with_={"seconds": 60}))
    await world.cancel(instance)
    await world.execute("UPDATE steps SET due_at = now() WHERE instance_id = %(id)s", id=instance)
    assert (await world.engine.sweep()).woken == 0
    assert await world.status(instance) == "cancelled"


async def test_cancelling_twice_is_harmless(world: World) -> None:
    instance = await world.start(node("a"))
    await world.cancel(instance)
    await world.cancel(instance)
    assert (await world.story(instance)).count("instance.cancelled") == 1


async def test_a_finished_instance_cannot_be_cancelled(world: World) -> None:
    instance = await world.start(node("a", "core.set", with_={"value": 1}))
    with pytest.raises(InstanceAlreadyFinished):
        await world.cancel(instance)


async def test_another_organizations_instance_does_not_exist(world: World) -> None:
    with pytest.raises(InstanceNotFound):
        await world.cancel(InstanceId(new_id()))


async def test_a_fan_out_is_cancelled_with_all_its_items(world: World) -> None:
    instance = await world.start(
        node("spread", each="{{ inputs.list }}", max_parallel=2),
        given={"list": list(range(5))},
        inputs={"list": {"type": "json"}},
    )
    hand = world.worker()
    job = await hand.must_claim()
    await world.cancel(instance)
    assert {item["status"] for item in await world.items(instance, "spread")} == {"cancelled"}
    assert (await hand.complete(job)).accepted is False
    assert await hand.claim() is None


async def test_cancel_claim_and_finish_at_once_leave_no_attempt_open(world: World) -> None:
    for _ in range(15):
        instance = await world.start(*(node(f"n{number}") for number in range(6)))
        hand = world.worker()
        job = await hand.must_claim()
        await asyncio.gather(
            world.cancel(instance),
            hand.complete(job, take_next=True),
            *(world.worker().claim() for _ in range(4)),
        )
        assert await world.worker().claim() is None
        assert await world.status(instance) == "cancelled"
        left = [one["status"] for one in await world.attempts(instance)]
        assert not {"queued", "leased"} & set(left)
        await world.events(instance)
