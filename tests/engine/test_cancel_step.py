"""One step is cancelled: its worker is told, its policy decides, and it is not tried again."""

from typing import Any

import pytest

from app.engine.errors import InstanceAlreadyFinished, StepNotFound, StepNotUnderWay
from app.flow.messages import CANCEL_CHANNEL
from app.flow.rerun import Wish
from app.kit.ids import InstanceId, StepId, new_id
from app.store.bus import Bus
from app.store.database import Scope
from tests.engine.world import World, node

PATIENT: dict[str, Any] = {"retry": {"max": 5, "backoff_s": 0, "on": ["refused", "transient"]}}


async def cancel(world: World, instance: InstanceId, step_id: Any) -> str:
    """Cancel a step as Ada."""
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        return await world.engine.cancel_step(tx, instance, StepId(step_id), by=None, name="Ada")


async def cancel_node(world: World, instance: InstanceId, node_id: str) -> str:
    """The same by the node."""
    return await cancel(world, instance, (await world.steps(instance))[node_id]["id"])


async def test_a_running_step_is_stopped_and_the_instance_fails(world: World, bus: Bus) -> None:
    instance = await world.start(node("a", **PATIENT), node("b", needs=["a"]))
    hand = world.worker()
    job = await hand.must_claim()
    async with bus.listen(CANCEL_CHANNEL) as orders:
        assert await cancel_node(world, instance, "a") == "cancelled"
        order = await anext(orders.listen())
    assert order["data"].decode() == str(job.attempt_id)
    assert await hand.beat(job) == ([job.attempt_id], [])
    assert (await hand.complete(job)).accepted is False
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"] == {"class": "refused", "message": "Cancelled by Ada.", "step": "a"}
    assert await world.step_statuses(instance) == {"a": "cancelled", "b": "cancelled"}
    assert (await world.story(instance)).count("step.cancelled") == 1


async def test_a_queued_or_waiting_step_is_cancelled_before_anybody_has_it(world: World) -> None:
    instance = await world.start(
        node("work", on_error="continue"),
        node("wait", "core.delay", with_={"seconds": 60}, on_error="continue"),
        node("after", "core.set", with_={"value": "{{ steps.work.error }}"}, needs=["wait"]),
        outputs={"error": "{{ steps.after.outputs.value }}"},
    )
    await cancel_node(world, instance, "work")
    assert await world.worker().claim() is None
    await cancel_node(world, instance, "wait")
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]["error"]["message"]) == ("completed", "Cancelled by Ada.")


async def test_the_flow_goes_where_a_failure_would_lead(world: World) -> None:
    instance = await world.start(
        node("a", on_error={"go": "rescue"}), node("rescue"), node("after", needs=["a"])
    )
    await cancel_node(world, instance, "a")
    assert await world.step_statuses(instance) == {"a": "cancelled", "rescue": "queued", "after": "skipped"}
    await world.drain()
    assert await world.status(instance) == "completed"


async def test_an_item_is_cancelled_like_one_that_failed(world: World) -> None:
    for collects in (True, False):
        more: dict[str, Any] = {"on_item_error": "collect"} if collects else {}
        instance = await world.start(
            node("fan", each="{{ [1, 2, 3] }}", with_={"value": "{{ item }}"}, **more)
        )
        items = await world.items(instance, "fan")
        assert await cancel(world, instance, items[1]["id"]) == "cancelled"
        await world.drain()
        step = (await world.steps(instance))["fan"]
        if collects:
            assert step["outputs"]["value"] == [1, None, 3]
            assert step["outputs"]["failed"] == [
                {"index": 1, "class": "refused", "message": "Cancelled by Ada."}
            ]
            assert step["items_failed"] == 1
        else:
            assert (step["status"], step["error"]["message"]) == ("failed", "Item 2: Cancelled by Ada.")
        await world.events(instance)


async def test_a_whole_fan_out_is_cancelled_with_its_items(world: World) -> None:
    instance = await world.start(
        node("fan", each="{{ [1, 2, 3] }}", with_={"value": "{{ item }}"}, on_error="continue"),
        node("after", "core.set", with_={"value": "{{ steps.fan.status }}"}, needs=["fan"]),
        outputs={"status": "{{ steps.after.outputs.value }}"},
    )
    hand = world.worker()
    job = await hand.must_claim()
    await cancel_node(world, instance, "fan")
    assert (await hand.complete(job)).accepted is False
    assert {item["status"] for item in await world.items(instance, "fan")} == {"cancelled"}
    assert (await world.instance(instance))["outputs"] == {"status": "cancelled"}
    assert await hand.claim() is None


async def test_what_the_step_runs_ends_with_it(world: World) -> None:
    body = {"nodes": [node("inner")]}
    for fields in ({}, {"each": "{{ [1, 2] }}"}):
        outer = await world.start(
            node("again", "core.repeat", with_={"body": body, "until": True}, on_error="continue", **fields)
        )
        await cancel_node(world, outer, "again")
        assert await world.status(outer) == "completed"
        children = await world.rows("SELECT status FROM instances WHERE parent_id = %(id)s", id=outer)
        assert {child["status"] for child in children} == {"cancelled"}


async def test_a_timer_that_is_cancelled_among_others_gave_nothing(world: World) -> None:
    instance = await world.start(
        node(
            "wait",
            "core.delay",
            each=[1, 2, 3],
            with_={"seconds": 60, "value": "{{ item }}"},
            on_item_error="collect",
        ),
        outputs={"all": "{{ steps.wait.outputs.value }}", "failed": "{{ steps.wait.outputs.failed }}"},
    )
    first, second, third = await world.items(instance, "wait")
    await cancel(world, instance, second["id"])
    await world.execute(
        "UPDATE steps SET due_at = now() WHERE id = ANY(%(ids)s)", ids=[first["id"], third["id"]]
    )
    assert (await world.engine.sweep()).woken == 2
    row = await world.instance(instance)
    assert row["status"] == "completed"
    assert row["outputs"]["all"] == [1, None, 3]
    assert [one["index"] for one in row["outputs"]["failed"]] == [1]


async def test_what_has_ended_or_not_begun_is_not_cancelled(world: World) -> None:
    instance = await world.start(node("a"), node("b", needs=["a"]))
    hand = world.worker()
    await hand.complete(await hand.must_claim())
    with pytest.raises(StepNotUnderWay):
        await cancel_node(world, instance, "a")
    other = await world.start(node("a"), node("b", needs=["a"]))
    with pytest.raises(StepNotUnderWay):
        await cancel_node(world, other, "b")
    with pytest.raises(StepNotFound):
        await cancel(world, instance, new_id())
    with pytest.raises(StepNotFound):
        await cancel(world, instance, (await world.steps(other))["a"]["id"])
    await world.drain()
    with pytest.raises(InstanceAlreadyFinished):
        await cancel_node(world, instance, "b")


async def test_cancelling_twice_is_harmless_and_it_can_be_run_again(world: World) -> None:
    instance = await world.start(node("a", on_error="continue"), node("b"))
    await cancel_node(world, instance, "a")
    assert await cancel_node(world, instance, "a") == "cancelled"
    assert (await world.story(instance)).count("step.cancelled") == 1
    await world.drain()
    again = await world.again(instance, Wish(keeps=True, failures=True))
    assert await world.step_statuses(again) == {"a": "queued", "b": "completed"}
