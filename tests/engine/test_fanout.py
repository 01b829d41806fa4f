"""Fan-out: windows, order, pages, failures, and a cost per item that does not grow with the list."""

from typing import Any

import pytest

from app.flow.messages import ErrorClass
from app.flow.plan import ITEMS_PER_PAGE, WINDOW_DEFAULT
from app.kit.clock import rfc3339
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
    assert row["error"]["message"] == "each: 10,001 items are too many; a step runs for at most 10,000."


ALBUMS = {"albums": {"type": "json"}}
NESTED = {"nested": ["{{ inputs.albums }}", "{{ item }}"]}


async def test_lists_in_lists_run_flat_and_gather_in_their_own_shape(world: World) -> None:
    instance = await world.start(
        node("spread", each=NESTED, max_parallel=2, with_={"value": "{{ outer.index }}{{ item }}"}),
        node("after", "core.set", with_={"value": "{{ steps.spread.outputs.value[1] }}"}),
        given={"albums": [["a", "b"], [], ["c"]]},
        inputs=ALBUMS,
        outputs={**GATHER, "second": "{{ steps.after.outputs.value }}"},
    )
    hand = world.worker()
    first, second = await hand.must_claim(), await hand.must_claim()
    assert sorted(job.path for job in (first, second)) == [[0, 0], [0, 1]]
    assert first.seed != second.seed
    await hand.complete(second, second.inputs["value"])
    third = await hand.must_claim()
    assert third.path == [2, 0]
    for job in (third, first):
        await hand.complete(job, job.inputs["value"])
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == (
        "completed",
        {"values": [["0a", "0b"], [], ["2c"]], "second": []},
    )
    assert [item["ordinal"] for item in await world.items(instance, "spread")] == [0, 1, 2]
    await world.events(instance)


async def test_a_nested_fan_out_longer_than_a_page_arrives_whole(world: World) -> None:
    albums = [list(range(90)), [], list(range(ITEMS_PER_PAGE + 30)), [7]]
    instance = await world.start(
        node("spread", each=NESTED, with_={"value": "{{ item }}"}),
        given={"albums": albums},
        inputs=ALBUMS,
        outputs=GATHER,
    )
    assert await world.drain() == 90 + ITEMS_PER_PAGE + 30 + 1
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": albums})


async def test_inline_items_of_lists_in_lists_settle_in_one_move(world: World) -> None:
    instance = await world.start(
        node("spread", "core.set", each=NESTED, with_={"value": "{{ item }}"}),
        node("empty", "core.set", each={"nested": [[], [1]]}, with_={"value": 1}),
        node("hollow", "core.set", each={"nested": [[[], []], "{{ item }}"]}, with_={"value": 1}),
        given={"albums": [[1], [2, 3]]},
        inputs=ALBUMS,
        outputs={
            **GATHER,
            "empty": "{{ steps.empty.outputs.value }}",
            "hollow": "{{ steps.hollow.outputs.value }}",
        },
    )
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == (
        "completed",
        {"values": [[1], [2, 3]], "empty": [], "hollow": [[], []]},
    )


async def test_zipped_lists_and_ranges_reach_the_worker_as_items(world: World) -> None:
    instance = await world.start(
        node(
            "spread",
            each={"zip": {"a": "{{ inputs.list }}", "b": ["x", "y"]}},
            with_={"value": "{{ item.b }}{{ item.a }}"},
        ),
        node("pages", each={"range": {"to": 2}}, with_={"value": "{{ item }}"}),
        given={"list": [1, 2]},
        inputs=LIST,
        outputs={**GATHER, "pages": "{{ steps.pages.outputs.value }}"},
    )
    assert await world.drain() == 4
    assert (await world.instance(instance))["outputs"] == {"values": ["x1", "y2"], "pages": [1, 2]}


COLLECTED = {**GATHER, "failed": "{{ steps.spread.outputs.failed }}"}


@pytest.mark.parametrize("policy", [{"on_item_error": "collect"}, {"on_error": "continue"}])
async def test_failed_items_are_listed_beside_what_the_others_gave(
    world: World, policy: dict[str, str]
) -> None:
    instance = await world.start(spread(**policy), given={"list": [0, 1, 2]}, inputs=LIST, outputs=COLLECTED)
    hand = world.worker()
    for _ in range(3):
        job = await hand.must_claim()
        await (
            hand.fail(job, ErrorClass.refused, "Not this one.")
            if job.path == [1]
            else hand.complete(job, job.inputs["value"])
        )
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == (
        "completed",
        {
            "values": [0, None, 2],
            "failed": [{"index": 1, "class": "refused", "message": "Not this one."}],
        },
    )


async def test_a_fan_out_whose_every_item_failed_completes_when_it_collects(world: World) -> None:
    instance = await world.start(
        node("spread", each=NESTED, on_item_error="collect", with_={"value": "{{ item }}"}),
        given={"albums": [["a"], ["b", "c"]]},
        inputs=ALBUMS,
        outputs=COLLECTED,
    )
    hand = world.worker()
    while (job := await hand.claim()) is not None:
        await hand.fail(job, ErrorClass.timeout, f"{job.inputs['value']} took too long.")
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]["values"]) == ("completed", [[None], [None, None]])
    assert row["outputs"]["failed"] == [
        {"index": 0, "path": [0, 0], "class": "timeout", "message": "a took too long."},
        {"index": 0, "path": [1, 0], "class": "timeout", "message": "b took too long."},
        {"index": 1, "path": [1, 1], "class": "timeout", "message": "c took too long."},
    ]


async def test_inline_items_that_fail_are_collected_in_the_move_that_made_them(world: World) -> None:
    instance = await world.start(
        node(
            "spread",
            "core.set",
            each="{{ inputs.list }}",
            on_item_error="collect",
            with_={"value": "{{ 10 / item }}"},
        ),
        given={"list": [5, 0]},
        inputs=LIST,
        outputs=COLLECTED,
    )
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == (
        "completed",
        {
            "values": [2, None],
            "failed": [
                {"index": 1, "class": "bad_input", "message": "with.value, column 4: This divides by zero."}
            ],
        },
    )


async def test_failing_fast_wins_over_a_step_that_is_tolerated(world: World) -> None:
    instance = await world.start(
        spread(on_error="continue", on_item_error="fail_fast", max_parallel=3),
        node("after", needs=["spread"]),
        given={"list": [0, 1, 2, 3]},
        inputs=LIST,
        outputs=GATHER,
    )
    hand = world.worker()
    failing, running = await hand.must_claim(), await hand.must_claim()
    await hand.fail(failing)
    statuses = [item["status"] for item in await world.items(instance, "spread")]
    assert statuses == ["failed", "cancelled", "cancelled", "cancelled"]
    assert await hand.beat(running) == ([running.attempt_id], [])
    assert (await hand.complete(running)).accepted is False
    after = await hand.must_claim()
    assert after.node_id == "after"
    assert await hand.claim() is None
    await hand.complete(after)
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"values": None})
    assert (await world.steps(instance))["spread"]["status"] == "failed"
    await world.events(instance)


async def test_the_error_of_a_nested_item_names_its_place(world: World) -> None:
    instance = await world.start(
        node("spread", each=NESTED, with_={"value": "{{ item }}"}),
        given={"albums": [[], ["a", "b"]]},
        inputs=ALBUMS,
    )
    hand = world.worker()
    await hand.must_claim()
    await hand.fail(await hand.must_claim(), ErrorClass.refused, "Not this one.")
    assert (await world.instance(instance))["error"]["message"] == "Item 2.2: Not this one."


async def test_a_nested_list_with_too_many_items_is_refused_whole(world: World) -> None:
    instance = await world.start(
        node("spread", each=NESTED, with_={"value": "{{ item }}"}),
        given={"albums": [list(range(101))] * 100},
        inputs=ALBUMS,
    )
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "refused")
    assert row["error"]["message"] == (
        "each.nested[1]: 10,100 items are too many; a step runs for at most 10,000."
    )


async def test_a_run_knows_when_it_was_made_the_same_in_every_move(world: World) -> None:
    instance = await world.start(
        node("early", "core.set", with_={"value": "{{ instance.created_at }}"}),
        node("work", needs=["early"]),
        node("late", "core.set", with_={"value": "{{ instance.created_at }}"}, needs=["work"]),
        outputs={"early": "{{ steps.early.outputs.value }}", "late": "{{ steps.late.outputs.value }}"},
    )
    await world.drain()
    row = await world.instance(instance)
    assert row["outputs"]["early"] == row["outputs"]["late"] == rfc3339(row["created_at"])
