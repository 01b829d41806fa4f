"""Workflows within workflows: begun, told, looped, failed, cancelled, and found again after a crash."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from app.engine import children
from app.engine.parts import Sequels
from app.flow.messages import ErrorClass
from app.kit.ids import InstanceId
from app.store.database import Row
from tests.engine.world import World, document, node

DOUBLE = document(
    node("double", "core.set", with_={"value": "{{ inputs.n * 2 }}"}),
    inputs={"n": {"type": "number"}},
    outputs={"n": "{{ steps.double.outputs.value }}"},
)
WORK = document(
    node("work", with_={"value": "{{ inputs.n }}"}),
    inputs={"n": {"type": "number"}},
    outputs={"n": "{{ steps.work.outputs.value }}"},
)


async def workflow(world: World, definition: dict[str, Any]) -> str:
    """A workflow of this document; its id."""
    version = await world.publish(definition)
    (row,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=version)
    return str(row["workflow_id"])


async def family(world: World, parent: InstanceId) -> list[Row]:
    """What steps of this instance run, oldest first."""
    return await world.rows("SELECT * FROM instances WHERE parent_id = %(id)s ORDER BY id", id=parent)


async def call(world: World, definition: dict[str, Any], n: float = 1.0, **fields: Any) -> InstanceId:
    """An instance whose one step runs a workflow of this document."""
    return await world.start(
        node("sub", "core.workflow", with_={
            "workflow": await workflow(world, definition), "inputs": {"n": "{{ inputs.n }}"}
        }, **fields),
        node("after", "core.set", with_={"value": "{{ steps.sub.outputs.n }}"}),
        given={"n": n}, inputs={"n": {"type": "number"}}, outputs={"n": "{{ steps.after.outputs.value }}"},
    )  # fmt: skip


async def test_an_inline_workflow_is_run_at_once(world: World) -> None:
    parent = await call(world, DOUBLE, 4.0)
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": 8})
    (child,) = await family(world, parent)
    assert (child["status"], child["source"], child["depth"], child["is_told"]) == (
        "completed",
        "workflow",
        1,
        True,
    )
    for instance in (parent, child["id"]):
        await world.events(InstanceId(instance))
    assert "step.called" in await world.story(parent)


async def test_a_parent_waits_for_what_its_step_runs_and_takes_its_outputs(world: World) -> None:
    parent = await call(world, WORK, 3.0)
    row = await world.instance(parent)
    assert (row["status"], row["reason"], row["busy_steps"]) == ("waiting", "“Test” runs.", 0)
    assert await world.drain() == 1
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": 3.0})
    await world.events(parent)


async def test_each_item_of_a_fan_out_runs_a_workflow_of_its_own(world: World) -> None:
    parent = await world.start(
        node("sub", "core.workflow", each="{{ inputs.list }}", max_parallel=2, with_={
            "workflow": await workflow(world, WORK), "inputs": {"n": "{{ item }}"}
        }),
        given={"list": [1, 2, 3]}, inputs={"list": {"type": "number[]"}},
        outputs={"n": "{{ steps.sub.outputs.n }}"},
    )  # fmt: skip
    assert [child["status"] for child in await family(world, parent)] == ["pending", "pending"]
    assert await world.drain() == 3
    assert (await world.instance(parent))["outputs"] == {"n": [1, 2, 3]}
    await world.events(parent)


async def test_a_body_is_repeated_until_its_condition_holds(world: World) -> None:
    parent = await world.start(
        node("rounds", "core.repeat", with_={
            "body": {k: v for k, v in DOUBLE.items() if k in {"inputs", "nodes", "outputs"}},
            "inputs": {"n": "{{ last == null ? inputs.start : last.n }}"},
            "until": "{{ last.n > 100 }}",
        }),
        given={"start": 3.0}, inputs={"start": {"type": "number"}},
        outputs={"n": "{{ steps.rounds.outputs.n }}", "rounds": "{{ steps.rounds.outputs.rounds }}"},
    )  # fmt: skip
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": 192, "rounds": 6})
    rounds = await family(world, parent)
    assert [one["body"] for one in rounds] == ["rounds"] * 6
    assert {one["number"] for one in rounds} == {row["number"]}
    await world.events(parent)


async def test_a_repetition_ends_at_its_bound(world: World) -> None:
    body = {
        "nodes": [node("a", "core.set", with_={"value": 1})],
        "outputs": {"a": "{{ steps.a.outputs.value }}"},
    }
    endless = {"body": body, "until": "{{ last.a > 1 }}", "max_rounds": 3}
    failing = await world.start(node("rounds", "core.repeat", with_=endless))
    row = await world.instance(failing)
    assert (row["status"], row["error"]["class"]) == ("failed", "refused")
    assert "After 3 rounds" in row["error"]["message"]
    going_on = await world.start(node("rounds", "core.repeat", with_={**endless, "at_limit": "go_on"}))
    assert await world.status(going_on) == "completed"
    counted = await world.start(node("rounds", "core.repeat", with_={"body": body, "max_rounds": 2}))
    assert len(await family(world, counted)) == 2
    assert await world.status(counted) == "completed"


async def test_rounds_wait_for_each_other_as_long_as_they_are_told(world: World) -> None:
    body = {"nodes": [node("a", "core.set", with_={"value": 1})]}
    parent = await world.start(
        node("rounds", "core.repeat", with_={"body": body, "max_rounds": 2, "delay_s": 60})
    )
    assert len(await family(world, parent)) == 1
    await world.engine.sweep()
    assert len(await family(world, parent)) == 1
    await world.execute("UPDATE steps SET due_at = now() WHERE instance_id = %(id)s", id=parent)
    assert (await world.engine.sweep()).woken == 1
    assert await world.status(parent) == "completed"


async def test_bodies_may_lie_in_bodies_and_repeat_workers_steps(world: World) -> None:
    inner = {"nodes": [node("w", with_={"value": 5})], "outputs": {"v": "{{ steps.w.outputs.value }}"}}
    outer = {
        "nodes": [node("inner", "core.repeat", with_={"body": inner, "max_rounds": 2})],
        "outputs": {"v": "{{ steps.inner.outputs.v }}"},
    }
    parent = await world.start(
        node("outer", "core.repeat", with_={"body": outer, "max_rounds": 2}),
        outputs={"v": "{{ steps.outer.outputs.v }}"},
    )
    assert await world.drain() == 4
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"v": 5})


async def test_a_failure_passes_through_with_the_name_of_what_failed(world: World) -> None:
    parent = await call(world, WORK)
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.missing_model, "No such model.")
    row = await world.instance(parent)
    assert (row["status"], row["error"]["class"], row["error"]["step"]) == ("failed", "missing_model", "sub")
    assert row["error"]["message"] == "“Test” (number 1) failed: No such model."


async def test_a_failed_workflow_is_run_again_as_the_policy_says(world: World) -> None:
    parent = await call(world, WORK, retry={"max": 1, "backoff_s": 0, "on": ["transient"]})
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.transient)
    await hand.complete(await hand.must_claim(), 9)
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": 9})
    assert [one["status"] for one in await family(world, parent)] == ["failed", "completed"]
    await world.events(parent)


async def test_a_cancelled_parent_cancels_what_it_runs(world: World) -> None:
    parent = await call(world, WORK)
    job = await world.worker().must_claim()
    await world.cancel(parent)
    assert [one["status"] for one in await family(world, parent)] == ["cancelled"]
    assert job.instance_id != parent
    assert await world.worker().claim() is None


async def test_a_cancelled_child_fails_the_step_that_waits_for_it(world: World) -> None:
    parent = await call(world, WORK)
    (child,) = await family(world, parent)
    await world.cancel(InstanceId(child["id"]))
    row = await world.instance(parent)
    assert (row["status"], row["error"]["class"]) == ("failed", "refused")
    assert row["error"]["message"] == "“Test” (number 1) was cancelled."


async def test_what_takes_too_long_is_ended(world: World) -> None:
    parent = await call(world, WORK, timeout_s=30)
    await world.execute(
        "UPDATE steps SET due_at = now() WHERE instance_id = %(id)s AND node_id = 'sub'", id=parent
    )
    await world.engine.sweep()
    row = await world.instance(parent)
    assert (row["status"], row["error"]["class"]) == ("failed", "timeout")
    assert [one["status"] for one in await family(world, parent)] == ["cancelled"]


async def test_a_workflow_that_runs_itself_ends_at_a_depth(world: World) -> None:
    own = UUID(await workflow(world, DOUBLE))
    sub = node("sub", "core.workflow", with_={"workflow": str(own)})
    await world.publish_next(own, 2, document(sub))
    parent = await world.start(sub)
    await world.database.settled()
    failed = await world.instance(parent)
    assert (failed["status"], failed["error"]["class"]) == ("failed", "refused")
    assert "more than 10 levels deep" in failed["error"]["message"]
    (deepest,) = await world.rows("SELECT max(depth) AS depth FROM instances")
    assert deepest["depth"] == children.MAX_DEPTH


@pytest.mark.parametrize("what", ["gone", "deleted"])
async def test_a_workflow_that_is_not_there_fails_the_step_in_words(world: World, what: str) -> None:
    own = await workflow(world, DOUBLE)
    if what == "deleted":
        await world.execute("UPDATE workflows SET deleted_at = now() WHERE id = %(id)s", id=UUID(own))
    else:
        own = "01900000-0000-7000-8000-000000000000"
    parent = await world.start(node("sub", "core.workflow", with_={"workflow": own}))
    row = await world.instance(parent)
    assert (row["status"], row["error"]["class"]) == ("failed", "bad_input")
    assert row["error"]["message"] == f"There is no workflow with the id {own} here."


async def test_inputs_that_do_not_fit_fail_the_step_with_the_complaint(world: World) -> None:
    parent = await world.start(
        node("sub", "core.workflow", with_={"workflow": await workflow(world, DOUBLE), "inputs": {"n": "x"}})
    )
    row = await world.instance(parent)
    assert (row["status"], row["error"]["class"]) == ("failed", "bad_input")
    assert row["error"]["message"] == "“n” must be a number, not “x”."


async def test_a_start_does_not_wait_for_a_thousand_rounds_to_end(world: World) -> None:
    body = {"nodes": [node("a", "core.set", with_={"value": 1})]}
    parent = await world.start(node("rounds", "core.repeat", with_={"body": body, "max_rounds": 40}))
    begun = len(await family(world, parent))
    assert await world.status(parent) == "waiting"
    assert begun < 40, "the caller waited for every round"
    await world.database.settled()
    assert await world.status(parent) == "completed"
    assert len(await family(world, parent)) == 40
    await world.events(parent)


async def test_a_fan_out_of_calls_goes_on_behind_its_start(world: World) -> None:
    parent = await world.start(
        node("sub", "core.workflow", each="{{ inputs.list }}", with_={
            "workflow": await workflow(world, DOUBLE), "inputs": {"n": "{{ item }}"}
        }),
        given={"list": list(range(30))}, inputs={"list": {"type": "number[]"}},
        outputs={"n": "{{ steps.sub.outputs.n }}"},
    )  # fmt: skip
    assert await world.status(parent) != "completed"
    await world.database.settled()
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": [2 * n for n in range(30)]})


async def lose(*_: object) -> None:
    """A sequel whose process was killed."""


LOST = Sequels(begin_child=lose, tell_parent=lose, end_children=lose, admit=lose)


async def test_a_child_that_was_not_begun_is_begun_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.engine, "_parts", replaced(world, LOST))
    parent = await call(world, DOUBLE, 2.0)
    assert await family(world, parent) == []
    await world.execute(
        "UPDATE steps SET due_at = now() WHERE instance_id = %(id)s AND due_at IS NOT NULL", id=parent
    )
    assert (await world.engine.sweep()).woken == 1
    assert (await world.instance(parent))["outputs"] == {"n": 4}


async def test_an_end_that_was_not_told_is_told_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await call(world, WORK, 2.0)
    monkeypatch.setattr(world.engine, "_parts", replaced(world, LOST))
    await world.drain()
    assert await world.status(parent) == "waiting"
    assert (await world.engine.sweep()).told == 1
    assert await world.status(parent) == "completed"
    assert (await world.engine.sweep()).told == 0


async def test_a_round_that_takes_too_long_is_tried_again_as_the_policy_says(world: World) -> None:
    again = {"max": 1, "backoff_s": 0, "on": ["timeout"]}
    parent = await call(world, WORK, 5.0, timeout_s=30, retry=again)
    await world.execute(
        "UPDATE steps SET due_at = now() WHERE instance_id = %(id)s AND status = 'waiting'", id=parent
    )
    assert (await world.engine.sweep()).woken == 1
    assert [one["status"] for one in await family(world, parent)] == ["cancelled", "pending"]
    assert await world.drain() == 1
    assert (await world.instance(parent))["outputs"] == {"n": 5.0}
    await world.events(parent)


async def test_what_runs_for_a_round_that_is_over_is_ended(world: World) -> None:
    parent = await call(world, WORK)
    assert await world.engine.end_orphans() == 0
    await world.execute(
        """UPDATE steps SET wait = jsonb_set(wait, '{request,instance}', to_jsonb(gen_random_uuid()))
            WHERE instance_id = %(id)s AND status = 'waiting'""",
        id=parent,
    )
    assert await world.engine.end_orphans() == 1
    assert [one["status"] for one in await family(world, parent)] == ["cancelled"]


async def test_what_runs_for_other_items_ends_with_the_fan_out_that_one_item_failed(world: World) -> None:
    parent = await world.start(
        node("sub", "core.workflow", each=[1, 2, 3], on_error="continue", on_item_error="fail_fast", with_={
            "workflow": await workflow(world, WORK), "inputs": {"n": "{{ item }}"}
        }),
        node("other", "core.workflow", with_={"workflow": await workflow(world, WORK), "inputs": {"n": 9}}),
    )  # fmt: skip
    hand = world.worker()
    job = await hand.must_claim()
    assert (await world.instance(InstanceId(job.instance_id)))["parent_id"] == parent
    await hand.fail(job)
    open_children = [one["inputs"] for one in await family(world, parent) if one["status"] == "pending"]
    assert open_children == [{"n": 9}]
    assert await world.drain() == 1
    assert await world.status(parent) == "completed"
    await world.events(parent)


async def test_a_child_nobody_waits_for_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = await call(world, WORK)
    monkeypatch.setattr(world.engine, "_parts", replaced(world, LOST))
    await world.cancel(parent)
    assert [one["status"] for one in await family(world, parent)] == ["pending"]
    assert await world.engine.end_orphans() == 1
    assert [one["status"] for one in await family(world, parent)] == ["cancelled"]


def replaced(world: World, sequels: Sequels) -> Any:
    """The engine's parts with other sequels."""
    return replace(world.engine._parts, sequels=sequels)


async def test_many_children_that_end_at_once_tell_a_parent_once_each(world: World) -> None:
    parent = await world.start(
        node("sub", "core.workflow", each="{{ inputs.list }}", with_={
            "workflow": await workflow(world, WORK), "inputs": {"n": "{{ item }}"}
        }),
        given={"list": list(range(12))}, inputs={"list": {"type": "number[]"}},
        outputs={"n": "{{ steps.sub.outputs.n }}"},
    )  # fmt: skip
    await asyncio.gather(*(world.drain() for _ in range(4)))
    row = await world.instance(parent)
    assert (row["status"], row["outputs"]) == ("completed", {"n": list(range(12))})
    await world.events(parent)


async def test_a_list_is_gathered_into_one_value(world: World) -> None:
    instance = await world.start(
        node("sum", "core.reduce", with_={
            "items": "{{ inputs.list }}", "start": 0, "value": "{{ accumulator + item * 10 + index }}"
        }),
        node("each", "core.reduce", each="{{ inputs.lists }}", with_={
            "items": "{{ item }}", "start": "", "value": "{{ accumulator + string(item) }}"
        }),
        given={"list": [1, 2, 3], "lists": [[1, 2], [3]]},
        inputs={"list": {"type": "json"}, "lists": {"type": "json"}},
        outputs={"sum": "{{ steps.sum.outputs.value }}", "texts": "{{ steps.each.outputs.value }}"},
    )  # fmt: skip
    assert (await world.instance(instance))["outputs"] == {"sum": 63, "texts": ["12", "3"]}


async def test_what_is_worked_out_while_an_item_runs_knows_what_encloses_it(world: World) -> None:
    instance = await world.start(
        node("each", "core.reduce", each={"nested": ["{{ inputs.rows }}", "{{ item.cells }}"]}, with_={
            "items": ["{{ item }}"], "start": "", "value": "{{ outer.item.name + string(outer.index) }}"
        }),
        given={"rows": [{"name": "a", "cells": [1, 2]}, {"name": "b", "cells": [3]}]},
        inputs={"rows": {"type": "json"}},
        outputs={"texts": "{{ steps.each.outputs.value }}"},
    )  # fmt: skip
    assert (await world.instance(instance))["outputs"] == {"texts": [["a0", "a0"], ["b1"]]}


async def test_rounds_of_an_item_know_what_encloses_it_however_deep(world: World) -> None:
    """Each round is a move of its own, which asks the list in the database for that alone."""
    body = {
        "inputs": {"word": {"type": "text"}},
        "nodes": [node("a", "core.set", with_={"value": "{{ inputs.word }}"})],
        "outputs": {"word": "{{ steps.a.outputs.value }}"},
    }
    parent = await world.start(
        node("each", "core.repeat", max_parallel=2, each={
            "nested": ["{{ inputs.floors }}", "{{ item.rooms }}", "{{ item.beds }}"]
        }, with_={
            "body": body, "max_rounds": 2, "until": "{{ round == 2 }}",
            "inputs": {"word": "{{ outer.outer.item.name + outer.item.name + item + string(round) }}"},
        }),
        given={"floors": [
            {"name": "a", "rooms": [{"name": "1", "beds": ["x"]}, {"name": "2", "beds": []}]},
            {"name": "b", "rooms": [{"name": "3", "beds": ["y", "z"]}]},
        ]},
        inputs={"floors": {"type": "json"}},
        outputs={"words": "{{ steps.each.outputs.word }}"},
    )  # fmt: skip
    await world.database.settled()
    assert (await world.instance(parent))["outputs"] == {"words": [[["a1x2"], []], [["b3y2", "b3z2"]]]}


async def test_what_gathering_cannot_do_fails_the_step_in_words(world: World) -> None:
    instance = await world.start(
        node("sum", "core.reduce", with_={"items": ["a"], "start": 0, "value": "{{ accumulator + item }}"})
    )
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "bad_input")
    long = await world.start(
        node("sum", "core.reduce", with_={"items": "{{ inputs.list }}", "start": 0, "value": "{{ index }}"}),
        given={"list": [0] * 2_001}, inputs={"list": {"type": "json"}},
    )  # fmt: skip
    assert (await world.instance(long))["error"]["class"] == "bad_input"
