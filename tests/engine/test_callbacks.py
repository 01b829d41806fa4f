"""Steps that other programs call back: at their own address, once, early, late, in fan-outs and bodies."""

from typing import Any
from uuid import UUID

import pytest

from app.engine.callbacks import PATH, Callbacks
from app.engine.errors import CallbackOver, CallbackUnknown, CalledAlready, CalledTooEarly
from app.flow.states import StepStatus
from app.flow.waits import Answer, NotByGet
from app.kit.clock import now
from app.kit.ids import InstanceId, StepId, new_id
from app.store.database import Scope
from tests.engine.world import ADDRESSES, World, node

WAIT = node("wait", "webhook.wait")


async def call(
    world: World, step_id: UUID, body: Any = None, *, method: str = "POST", may_be_kept: bool = True
) -> StepStatus:
    """Call a step, as its address would."""
    value = {"method": method, "body": body, "query": {}, "headers": {"user-agent": "tests"}}
    async with world.database.transaction(Scope.system()) as tx:
        given = Answer(at=now(), value=value)
        return await world.engine.call_back(tx, StepId(step_id), given, may_be_kept=may_be_kept)


async def step_id(world: World, instance: InstanceId, node_id: str = "wait") -> UUID:
    """The id of a step."""
    found: UUID = (await world.steps(instance))[node_id]["id"]
    return found


def test_an_address_names_its_step_and_cannot_be_forged() -> None:
    step = StepId(new_id())
    address = ADDRESSES.address_of(step)
    base, _, token = address.rpartition("/")
    assert base == f"https://studio.example.org{PATH}"
    assert ADDRESSES.step_of(token) == step
    assert Callbacks("another key", "https://studio.example.org").step_of(token) is None
    swapped = token[:-1] + ("A" if token[-1] != "A" else "Q")
    for wrong in ("", "x", "ä", token[:-1], swapped, token[:22], f"{token}AAAA", "A" * 43, "=" * 8):
        assert ADDRESSES.step_of(wrong) is None, wrong


async def test_a_call_brings_the_step_on_with_what_was_said_and_only_once(world: World) -> None:
    instance = await world.start(WAIT, outputs={"said": "{{ steps.wait.outputs.body.state }}"})
    row = await world.instance(instance)
    assert (row["status"], row["reason"]) == ("waiting", "Waiting for another program to call.")
    step = await step_id(world, instance)
    assert await call(world, step, {"state": "done"}) is StepStatus.completed
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"said": "done"})
    with pytest.raises(CallbackOver):
        await call(world, step, {"state": "again"})
    assert await world.story(instance) == [
        "instance.created", "step.waiting", "instance.waiting", "step.answered", "step.completed",
        "instance.completed",
    ]  # fmt: skip


async def test_the_address_is_known_to_steps_before_it_and_to_the_outputs(world: World) -> None:
    instance = await world.start(
        node("work", with_={"value": "{{ callbacks.wait }}"}),
        node("wait", "webhook.wait", needs=["work"]),
        outputs={"where": "{{ callbacks.wait }}"},
    )
    address = ADDRESSES.address_of(await step_id(world, instance))
    hand = world.worker()
    job = await hand.must_claim()
    assert job.inputs["value"] == address
    await hand.complete(job)
    await call(world, await step_id(world, instance))
    assert (await world.instance(instance))["outputs"] == {"where": address}


async def test_a_call_that_comes_before_the_step_waits_is_kept_for_it(world: World) -> None:
    instance = await world.start(
        node("work"),
        node("wait", "webhook.wait", needs=["work"]),
        outputs={"b": "{{ steps.wait.outputs.body }}"},
    )
    step = await step_id(world, instance)
    with pytest.raises(CalledTooEarly):
        await call(world, step, "a link", method="GET", may_be_kept=False)
    assert await call(world, step, "early") is StepStatus.pending
    with pytest.raises(CalledAlready):
        await call(world, step, "twice")
    await world.drain()
    assert (await world.instance(instance))["outputs"] == {"b": "early"}
    kept = (await world.steps(instance))["wait"]["wait"]
    assert (kept["answers"][0]["value"]["body"], kept["early"]) == ("early", None)
    with pytest.raises(CallbackOver):
        await call(world, step, "late")
    await world.events(instance)


async def test_an_early_call_outlasts_a_start_by_hand(world: World) -> None:
    instance = await world.start(node("wait", "webhook.wait", mode="stop"))
    step = await step_id(world, instance)
    assert await call(world, step, "early") is StepStatus.waiting
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        said = Answer(at=now(), name="Ada")
        assert await world.engine.start_step(tx, instance, StepId(step), said) is StepStatus.completed
    assert (await world.steps(instance))["wait"]["outputs"]["body"] == "early"


async def test_after_its_time_and_after_the_end_the_address_is_gone(world: World) -> None:
    instance = await world.start(node("wait", "webhook.wait", with_={"within_s": 60}))
    step = await step_id(world, instance)
    await world.execute("UPDATE steps SET due_at = now() WHERE id = %(id)s", id=step)
    with pytest.raises(CallbackOver):  # even before the sweep has seen it
        await call(world, step)
    assert (await world.engine.sweep()).woken == 1
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "timeout")
    with pytest.raises(CallbackOver):
        await call(world, step)
    cancelled = await world.start(node("work"), node("wait", "webhook.wait", needs=["work"]))
    await world.cancel(cancelled)
    with pytest.raises(CallbackOver):
        await call(world, await step_id(world, cancelled))


async def test_a_link_counts_only_where_it_is_meant_to(world: World) -> None:
    instance = await world.start(WAIT)
    step = await step_id(world, instance)
    with pytest.raises(NotByGet):
        await call(world, step, method="GET", may_be_kept=False)
    assert await world.status(instance) == "waiting"
    assert await call(world, step) is StepStatus.completed
    instance = await world.start(node("wait", "webhook.wait", with_={"accept_get": True}))
    step = await step_id(world, instance)
    assert await call(world, step, method="GET", may_be_kept=False) is StepStatus.completed


async def test_only_steps_that_wait_for_calls_have_an_address(world: World) -> None:
    instance = await world.start(node("work"), node("many", "webhook.wait", each=[1, 2]))
    for wrong in (await step_id(world, instance, "work"), await step_id(world, instance, "many"), new_id()):
        with pytest.raises(CallbackUnknown):
            await call(world, wrong)


async def test_every_item_of_a_fan_out_has_an_address_of_its_own(world: World) -> None:
    instance = await world.start(
        node("wait", "webhook.wait", each=["a", "b"]), outputs={"said": "{{ steps.wait.outputs.body }}"}
    )
    first, second = await world.items(instance, "wait")
    await call(world, second["id"], "second")
    with pytest.raises(CallbackOver):
        await call(world, second["id"], "again")
    await call(world, first["id"], "first")
    assert (await world.instance(instance))["outputs"] == {"said": ["first", "second"]}
    await world.events(instance)


async def test_each_round_of_a_body_waits_at_an_address_of_its_own(world: World) -> None:
    body = {
        "nodes": [
            node("tell", "core.set", with_={"value": "{{ callbacks.wait }}"}),
            node("wait", "webhook.wait", needs=["tell"]),
        ],
        "outputs": {"where": "{{ steps.tell.outputs.value }}"},
    }
    instance = await world.start(
        node("each_one", "core.repeat", with_={"body": body, "max_rounds": 1}, each=[1, 2]),
        outputs={"where": "{{ steps.each_one.outputs.where }}"},
    )
    rows = await world.rows(
        """SELECT s.id FROM steps s JOIN instances i ON i.id = s.instance_id
            WHERE i.parent_id = %(id)s AND s.node_id = 'wait' ORDER BY i.id""",
        id=instance,
    )
    for row in rows:
        assert await call(world, row["id"]) is StepStatus.completed
    where = (await world.instance(instance))["outputs"]["where"]
    assert sorted(where) == sorted(ADDRESSES.address_of(row["id"]) for row in rows)
    assert len(set(where)) == 2
