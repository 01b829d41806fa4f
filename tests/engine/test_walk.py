"""From start to end: branches, joins, inline chains, conditions, failures, outputs."""

import asyncio

import pytest

from app.engine import board
from app.flow.messages import ErrorClass
from tests.engine.world import World, node

NUMBER = {"n": {"type": "number"}}


async def test_inline_steps_run_to_the_end_within_the_start(world: World) -> None:
    instance = await world.start(
        node("a", "core.set", with_={"value": "{{ inputs.n }}"}),
        node("b", "core.set", with_={"value": "{{ inputs.n + 1.0 }}"}),
        node("c", "core.set", with_={"value": "{{ steps.b.outputs.value }}"}),
        given={"n": 1.0},
        inputs=NUMBER,
        outputs={"n": "{{ steps.c.outputs.value }}"},
    )
    row = await world.instance(instance)
    assert (row["status"], row["outputs"], row["open_steps"], row["busy_steps"]) == (
        "completed",
        {"n": 2},
        0,
        0,
    )
    assert await world.story(instance) == [
        "instance.created",
        "step.completed",
        "step.completed",
        "step.completed",
        "instance.completed",
    ]


async def test_a_join_waits_for_every_branch(world: World) -> None:
    instance = await world.start(
        node("left", with_={"value": 1}),
        node("right", with_={"value": 2}),
        node(
            "join",
            "core.set",
            with_={"value": ["{{ steps.left.outputs.value }}", "{{ steps.right.outputs.value }}"]},
        ),
        outputs={"both": "{{ steps.join.outputs.value }}"},
    )
    hand = world.worker()
    left, right = await hand.must_claim(), await hand.must_claim()
    assert {left.node_id, right.node_id} == {"left", "right"}
    await hand.complete(left, left.inputs["value"])
    assert (await world.step_statuses(instance))["join"] == "pending"
    await hand.complete(right, right.inputs["value"])
    row = await world.instance(instance)
    assert row["status"] == "completed"
    assert row["outputs"] == {"both": [1, 2]}
    await world.events(instance)


async def test_a_join_opens_once_when_both_branches_finish_at_the_same_moment(world: World) -> None:
    for _ in range(10):
        instance = await world.start(node("left"), node("right"), node("join", needs=["left", "right"]))
        hand = world.worker()
        left, right = await hand.must_claim(), await hand.must_claim()
        done = await asyncio.gather(hand.complete(left), hand.complete(right))
        assert [one.accepted for one in done] == [True, True]
        joins = [one for one in await world.attempts(instance) if one["status"] == "queued"]
        assert len(joins) == 1
        assert await world.drain() == 1
        assert await world.status(instance) == "completed"
        await world.events(instance)


async def test_a_false_condition_skips_the_step_and_what_goes_on_all_the_same_reads_null(
    world: World,
) -> None:
    instance = await world.start(
        node("maybe", "core.set", when="{{ inputs.n > 1.0 }}", with_={"value": "big"}),
        node("after", "core.set", with_={"value": ["{{ steps.maybe.outputs.value }}"]}, join="always"),
        given={"n": 1.0},
        inputs=NUMBER,
        outputs={"value": "{{ steps.after.outputs.value }}"},
    )
    assert await world.step_statuses(instance) == {"maybe": "skipped", "after": "completed"}
    assert (await world.instance(instance))["outputs"] == {"value": [None]}


async def test_a_switched_off_step_is_skipped_and_never_reaches_a_worker(world: World) -> None:
    instance = await world.start(
        node("off", mode="skip"), node("on", "core.set", needs=["off"], with_={"value": 1})
    )
    assert await world.step_statuses(instance) == {"off": "skipped", "on": "skipped"}
    assert await world.worker().claim() is None


async def test_a_failed_step_fails_the_instance_and_cancels_the_others(world: World) -> None:
    instance = await world.start(node("bad"), node("good"), node("later", needs=["good"]))
    hand = world.worker()
    first, second = await hand.must_claim(), await hand.must_claim()
    bad, good = (first, second) if first.node_id == "bad" else (second, first)
    await hand.fail(bad, ErrorClass.refused, "No.")
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"] == {"class": "refused", "message": "No.", "step": "bad"}
    assert await world.step_statuses(instance) == {"bad": "failed", "good": "cancelled", "later": "cancelled"}
    assert await hand.beat(good) == ([good.attempt_id], [])
    assert (await hand.complete(good)).accepted is False
    assert await hand.claim() is None
    await world.events(instance)


async def test_a_tolerated_failure_counts_as_done_with_null_outputs(world: World) -> None:
    instance = await world.start(
        node("bad", on_error="continue"),
        node("after", "core.set", with_={"value": ["{{ steps.bad.outputs.value }}"]}),
        outputs={"value": "{{ steps.after.outputs.value }}"},
    )
    hand = world.worker()
    await hand.fail(await hand.must_claim(), message="Never mind.")
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"value": [None]})
    bad = (await world.steps(instance))["bad"]
    assert (bad["status"], bad["error"]["message"]) == ("failed", "Never mind.")


async def test_a_value_that_does_not_fit_fails_the_step_as_bad_input(world: World) -> None:
    instance = await world.start(
        node("wrong", with_={"seconds": "{{ inputs.n }}"}), given={"n": -5.0}, inputs=NUMBER
    )
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"]["class"] == "bad_input"
    assert row["error"]["step"] == "wrong"


async def test_a_job_carries_what_its_step_needs(world: World) -> None:
    instance = await world.start(
        node("work", with_={"value": "{{ inputs.n }}"}, timeout_s=30), given={"n": 4.0}, inputs=NUMBER
    )
    job = await world.worker().must_claim()
    assert (job.kind, job.version, job.inputs, job.number, job.path) == (
        "debug.work",
        1,
        {"value": 4.0},
        1,
        [],
    )
    assert (job.instance_id, job.organization_id, job.deadline_s) == (instance, world.organization_id, 30.0)
    assert await world.status(instance) == "running"


async def test_an_instance_tells_its_story_without_gaps(world: World) -> None:
    instance = await world.start(node("one"), node("two", needs=["one"]))
    assert await world.status(instance) == "pending"
    await world.drain()
    assert await world.story(instance) == [
        "instance.created",
        "step.queued",
        "step.started",
        "instance.running",
        "step.completed",
        "step.queued",
        "step.started",
        "step.completed",
        "instance.completed",
    ]


async def test_numbers_count_per_workflow(world: World) -> None:
    version = await world.publish(
        {"schema": 1, "name": "N", "nodes": [node("a", "core.set", with_={"value": 1})]}
    )
    numbers = [(await world.start_version(version)).number for _ in range(3)]
    assert numbers == [1, 2, 3]


async def test_values_too_large_to_be_kept_together_end_the_instance_and_not_the_box(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MAX_WEIGHT", 80_000)
    chain = [node("s0", "core.set", with_={"value": "{{ inputs.text }}"})]
    chain += [
        node(f"s{place}", "core.set", with_={"value": f"{{{{ steps.s{place - 1}.outputs.value }}}}"})
        for place in range(1, 60)
    ]
    instance = await world.start(*chain, given={"text": "x" * 1_000}, inputs={"text": {"type": "text"}})
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert (row["error"]["class"], row["error"]["step"]) == ("refused", "s39")
    await world.events(instance)


async def test_a_fan_out_whose_items_are_too_large_together_ends_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MAX_WEIGHT", 80_000)
    for kind in ("core.set", "debug.work"):
        instance = await world.start(
            node("spread", kind, each="{{ inputs.list }}", with_={"value": "{{ inputs.text }}"}),
            given={"list": list(range(200)), "text": "x" * 1_000},
            inputs={"text": {"type": "text"}, "list": {"type": "json"}},
        )
        row = await world.instance(instance)
        assert (row["status"], row["error"]["class"]) == ("failed", "refused")
        await world.events(instance)


async def test_a_value_that_multiplies_in_lists_is_not_even_written(world: World) -> None:
    chain = [node("s0", "core.set", with_={"value": ["x"] * 1_000})]
    chain += [
        node(f"s{place}", "core.set", with_={"value": [f"{{{{ steps.s{place - 1}.outputs.value }}}}"] * 100})
        for place in range(1, 6)
    ]
    instance = await world.start(*chain)
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "refused")
