"""Fan-out: windows, order, pages, failures, and a cost per item that does not grow with the list."""

from typing import Any

import pytest

from app.flow.messages import ErrorClass
from app.flow.plan import ITEMS_PER_PAGE, WINDOW_DEFAULT
from tests.engine.world import World, node

LIST = {"list": {"type": "json"}}


def spread(**fields: Any) -> dict[str, Any]:
    """A step over `inputs.list` that gives each item back."""
    return node("spread", each="{{ inputs.list }}", with_={"value": "{{ item }}"}, **fields)


GATHER = {"values": "{{ steps.spread.outputs.value }}"}


async def test_outputs_gather_in_the_order_of_the_items_whatever_finishes_first(world: World) -> None:
    instance = await world.start(
        spread(max_parallel=3), given={"list": [10, 11, 12]}, inputs=LIST, outputs=GATHER
    )
    hand = world.worker()
    jobs = [await hand.must_claim() for _ in range(3)]
    assert sorted(job.path for job in jobs) == [[0], [1], [2]]
    for job in reversed(jobs):
        await hand.complete(job, job.inputs["value"])
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": [10, 11, 12]})
    await world.events(instance)


async def test_no_more_than_max_parallel_items_are_open_at_once(world: World) -> None:
    instance = await world.start(spread(max_parallel=2), given={"list": list(range(5))}, inputs=LIST)
    hand = world.worker()
    first, second = await hand.must_claim(), await hand.must_claim()
    assert await hand.claim() is None
    await hand.complete(second)
    third = await hand.must_claim()
    assert third.path == [2]
    assert await hand.claim() is None
    await hand.complete(first)
    await hand.complete(third)
    assert await world.drain() == 2
    assert await world.status(instance) == "completed"


async def test_max_parallel_one_runs_in_order(world: World) -> None:
    await world.start(spread(max_parallel=1), given={"list": list(range(4))}, inputs=LIST)
    hand = world.worker()
    order = []
    job = await hand.claim()
    while job is not None:
        order.append(job.path[0])
        job = (await hand.complete(job, take_next=True)).next
    assert order == [0, 1, 2, 3]


async def test_an_empty_list_completes_with_empty_lists(world: World) -> None:
    instance = await world.start(spread(), given={"list": []}, inputs=LIST, outputs=GATHER)
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": []})


async def test_an_item_knows_its_index_and_what_other_steps_gave(world: World) -> None:
    instance = await world.start(
        node("base", "core.set", with_={"value": "x"}),
        node(
            "spread",
            "core.set",
            each="{{ inputs.list }}",
            with_={"value": "{{ steps.base.outputs.value }}-{{ item }}-{{ index }}"},
        ),
        given={"list": ["a", "b"]},
        inputs=LIST,
        outputs=GATHER,
    )
    assert (await world.instance(instance))["outputs"] == {"values": ["x-a-0", "x-b-1"]}


async def test_a_failed_item_fails_the_step_and_cancels_the_others(world: World) -> None:
    instance = await world.start(spread(max_parallel=3), given={"list": list(range(9))}, inputs=LIST)
    hand = world.worker()
    jobs = [await hand.must_claim() for _ in range(3)]
    await hand.fail(jobs[1], ErrorClass.refused, "Not this one.")
    row = await world.instance(instance)
    assert row["status"] == "failed"
    assert row["error"] == {"class": "refused", "message": "Item 2: Not this one.", "step": "spread"}
    assert {item["status"] for item in await world.items(instance, "spread")} == {"failed", "cancelled"}
    assert (await hand.complete(jobs[0])).accepted is False
    assert await hand.claim() is None


async def test_a_tolerated_item_leaves_a_null_in_its_place(world: World) -> None:
    instance = await world.start(
        spread(on_error="continue"), given={"list": [0, 1, 2]}, inputs=LIST, outputs=GATHER
    )
    hand = world.worker()
    for _ in range(3):
        job = await hand.must_claim()
        await (hand.fail(job) if job.path == [1] else hand.complete(job, job.inputs["value"]))
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": [0, None, 2]})
    assert (await world.steps(instance))["spread"]["items_failed"] == 1


async def test_an_item_is_tried_again_alone(world: World) -> None:
    instance = await world.start(
        spread(retry={"max": 1, "backoff_s": 0}), given={"list": [0, 1]}, inputs=LIST, outputs=GATHER
    )
    hand = world.worker()
    first = await hand.must_claim()
    await hand.fail(first, ErrorClass.transient)
    assert await world.drain() == 2
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": [0, 1]})
    assert [item["attempts_used"] for item in await world.items(instance, "spread")] == [1, 0]


async def test_items_that_wait_for_time_go_on_one_window_after_another(world: World) -> None:
    instance = await world.start(
        node(
            "spread",
            "core.delay",
            each="{{ inputs.list }}",
            max_parallel=2,
            with_={"seconds": 60, "value": "{{ item }}"},
        ),
        given={"list": [1, 2, 3]},
        inputs=LIST,
        outputs=GATHER,
    )
    for expected in (2, 1):
        await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
        assert (await world.engine.sweep()).woken == expected
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": [1, 2, 3]})


async def test_items_are_made_in_pages_and_opened_in_windows(world: World) -> None:
    many = ITEMS_PER_PAGE + 50
    instance = await world.start(spread(), given={"list": list(range(many))}, inputs=LIST, outputs=GATHER)
    assert len(await world.items(instance, "spread")) == ITEMS_PER_PAGE
    assert len(await world.attempts(instance)) == WINDOW_DEFAULT
    assert await world.drain() == many
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": list(range(many))})
    await world.events(instance)


async def test_a_thousand_items_through_four_workers_arrive_complete_and_in_order(world: World) -> None:
    import asyncio

    instance = await world.start(spread(), given={"list": list(range(1000))}, inputs=LIST, outputs=GATHER)
    done = await asyncio.gather(*(world.drain(world.worker()) for _ in range(4)))
    assert sum(done) == 1000
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": list(range(1000))})
    events = await world.events(instance)
    assert sum(event["type"] == "step.completed" for event in events) == 1001


@pytest.mark.parametrize("size", [10_001])
async def test_a_list_that_is_too_long_is_refused_with_a_sentence(world: World, size: int) -> None:
    instance = await world.start(spread(), given={"list": list(range(size))}, inputs=LIST)
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "refused")
    assert "10000" in row["error"]["message"]
