"""Branches in the database: ways, joins, errors that go elsewhere, and early ends."""

import pytest

from app.flow.messages import ErrorClass
from tests.engine.world import World, node

NUMBER = {"n": {"type": "number"}}
ROUTE = node(
    "route",
    "core.switch",
    with_={"cases": [{"name": "large", "when": "{{ inputs.n > 3.0 }}"}]},
)


@pytest.mark.parametrize(("n", "way", "other"), [(5.0, "big", "small"), (1.0, "small", "big")])
async def test_a_switch_leads_down_one_branch_and_skips_the_other_to_the_merge(
    world: World, n: float, way: str, other: str
) -> None:
    instance = await world.start(
        ROUTE,
        node("big", needs=["route.large"], with_={"value": "big"}),
        node("big_2", with_={"value": "{{ steps.big.outputs.value }}"}),
        node("small", needs=["route.else"], with_={"value": "small"}),
        node("small_2", with_={"value": "{{ steps.small.outputs.value }}"}),
        node("merge", "core.set", with_={
            "value": ["{{ steps.big_2.outputs.value }}", "{{ steps.small_2.outputs.value }}"]
        }),
        given={"n": n},
        inputs=NUMBER,
        outputs={"both": "{{ steps.merge.outputs.value }}"},
    )  # fmt: skip
    assert await world.drain() == 2
    statuses = await world.step_statuses(instance)
    assert statuses == {
        "route": "completed",
        way: "completed",
        f"{way}_2": "completed",
        other: "skipped",
        f"{other}_2": "skipped",
        "merge": "completed",
    }
    row = await world.instance(instance)
    expected = ["big", None] if way == "big" else [None, "small"]
    assert (row["status"], row["outputs"], row["open_steps"]) == ("completed", {"both": expected}, 0)
    await world.events(instance)


async def test_a_join_of_any_goes_on_with_the_first_and_the_instance_waits_for_all(world: World) -> None:
    instance = await world.start(
        node("left", with_={"value": 1}),
        node("right", with_={"value": 2}),
        node("first", "core.set", needs=["left", "right"], join="any", with_={"value": "one is enough"}),
    )
    hand = world.worker()
    one, other = await hand.must_claim(), await hand.must_claim()
    await hand.complete(one)
    assert (await world.step_statuses(instance))["first"] == "completed"
    assert await world.status(instance) == "running"
    await hand.complete(other)
    assert await world.status(instance) == "completed"
    assert (await world.story(instance)).count("step.completed") == 3


async def test_a_join_of_any_that_nobody_led_to_is_skipped(world: World) -> None:
    instance = await world.start(
        node("left", "core.set", when=False, with_={"value": 1}),
        node("right", when=False),
        node("first", "core.set", needs=["left", "right"], join="any", with_={"value": 1}),
    )
    assert set((await world.step_statuses(instance)).values()) == {"skipped"}
    assert await world.status(instance) == "completed"


async def test_an_error_goes_where_the_step_says_and_the_handler_reads_it(world: World) -> None:
    instance = await world.start(
        node("risky", on_error={"go": "rescue"}),
        node("next", with_={"value": "{{ steps.risky.outputs.value }}"}),
        node(
            "rescue",
            "core.set",
            with_={"value": ["{{ steps.risky.status }}", "{{ steps.risky.error.message }}"]},
        ),
        node("merge", "core.set", needs=["next", "rescue"], with_={"value": "done"}),
        outputs={"said": "{{ steps.rescue.outputs.value }}"},
    )
    hand = world.worker()
    await hand.fail(await hand.must_claim(), ErrorClass.refused, "Not today.")
    assert await world.step_statuses(instance) == {
        "risky": "failed",
        "next": "skipped",
        "rescue": "completed",
        "merge": "completed",
    }
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"said": ["failed", "Not today."]})
    await world.events(instance)


async def test_without_an_error_the_handler_is_skipped(world: World) -> None:
    instance = await world.start(
        node("risky", on_error={"go": "rescue"}), node("next", needs=["risky"]), node("rescue")
    )
    assert await world.drain() == 2
    assert await world.step_statuses(instance) == {
        "risky": "completed",
        "next": "completed",
        "rescue": "skipped",
    }


async def test_stop_completes_the_instance_and_cancels_what_is_open(world: World) -> None:
    instance = await world.start(
        node("slow"),
        node("quick", "core.set", with_={"value": 7}),
        node("enough", "core.stop", needs=["quick"]),
        node("later", needs=["slow"]),
        outputs={"value": "{{ steps.quick.outputs.value }}", "slow": "{{ steps.slow.outputs.value }}"},
    )
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"value": 7, "slow": None})
    assert (row["open_steps"], row["busy_steps"]) == (0, 0)
    assert await world.step_statuses(instance) == {
        "slow": "cancelled",
        "quick": "completed",
        "enough": "completed",
        "later": "cancelled",
    }
    assert await world.worker().claim() is None
    await world.events(instance)


async def test_stop_tells_the_worker_of_a_running_step(world: World) -> None:
    instance = await world.start(
        node("slow"), node("other"), node("enough", "core.stop", needs=["other"]), node("x", needs=["enough"])
    )
    hand = world.worker()
    first, second = await hand.must_claim(), await hand.must_claim()
    slow, other = (first, second) if first.node_id == "slow" else (second, first)
    await hand.complete(other)
    assert await world.status(instance) == "completed"
    assert (await world.step_statuses(instance))["x"] == "cancelled"
    assert await hand.beat(slow) == ([slow.attempt_id], [])
    assert (await hand.complete(slow)).accepted is False


async def test_stop_fails_the_instance_with_its_message(world: World) -> None:
    instance = await world.start(
        node("no", "core.stop", with_={"result": "failed", "message": "No photos."}), node("slow")
    )
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"] == {"class": "refused", "message": "No photos.", "step": "no"}
    await world.events(instance)


async def test_stop_inside_a_fan_out_ends_everything(world: World) -> None:
    instance = await world.start(
        node("each", "core.stop", each="{{ inputs.list }}"),
        given={"list": [1, 2, 3]},
        inputs={"list": {"type": "json"}},
    )
    assert await world.status(instance) == "completed"
    assert await world.step_statuses(instance) == {"each": "cancelled"}
    await world.events(instance)


async def test_nothing_is_told_of_a_fan_out_whose_last_item_has_failed_the_instance(world: World) -> None:
    instance = await world.start(node("each", "core.stop", each=[1], with_={"result": "failed"}))
    assert await world.step_statuses(instance) == {"each": "cancelled"}
    assert (await world.story(instance))[-1] == "instance.failed"
