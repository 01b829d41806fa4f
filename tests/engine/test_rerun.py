"""Running again: a new instance keeps what is to be kept of one that has ended, and runs the rest."""

from typing import Any

import pytest

from app.engine.errors import InstanceNotFound, InstanceStillRuns, RunsForAStep, VersionNotFound
from app.flow.rerun import ItemEdit, NothingToRetry, Wish
from app.flow.waits import Answer
from app.kit.clock import now
from app.kit.errors import Invalid
from app.kit.ids import InstanceId
from app.store.database import Scope
from tests.engine.fixtures import new_organization
from tests.engine.world import Hand, World, document, node

RETRY = Wish(keeps=True, failures=True)
LIST: dict[str, Any] = {"inputs": {"list": {"type": "json"}}}


def chain() -> list[dict[str, Any]]:
    """Three steps, each handing on what it was given, and one beside them."""
    return [
        node("a", with_={"value": 1}),
        node("b", with_={"value": "{{ steps.a.outputs.value }}"}),
        node("c", with_={"value": "{{ steps.b.outputs.value }}"}),
        node("side", "core.set", with_={"value": "{{ steps.a.outputs.value }}"}),
    ]


RESULT: dict[str, Any] = {
    "outputs": {"c": "{{ steps.c.outputs.value }}", "side": "{{ steps.side.outputs.value }}"}
}


async def finish_one(hand: Hand, value: Any) -> str:
    """Complete the next job; which node it was."""
    job = await hand.must_claim()
    await hand.complete(job, value)
    return job.node_id


async def fail_one(world: World) -> None:
    """Fail the next job."""
    hand = world.worker()
    await hand.fail(await hand.must_claim())


async def ids(world: World, instance: InstanceId) -> dict[str, Any]:
    """The step of each node."""
    return {node_id: row["id"] for node_id, row in (await world.steps(instance)).items()}


async def assert_sound(world: World, instance: InstanceId) -> None:
    """Counters tell the truth, events have no gap, and it has ended once."""
    (row,) = await world.rows(
        """SELECT i.open_steps, i.busy_steps,
                  count(*) FILTER (WHERE s.status IN ('pending', 'queued', 'running', 'waiting')) AS open_is
             FROM instances i JOIN steps s ON s.instance_id = i.id AND s.parent_id IS NULL
            WHERE i.id = %(id)s GROUP BY i.id""",
        id=instance,
    )
    assert (row["open_steps"], row["busy_steps"], row["open_is"]) == (0, 0, 0)
    story = await world.story(instance)
    assert sum(one in {"instance.completed", "instance.failed", "instance.cancelled"} for one in story) == 1


# From the failed step ------------------------------------------------------------------------------------


async def test_a_retry_keeps_what_is_done_and_goes_on_from_the_failure(world: World) -> None:
    old = await world.start(*chain(), **RESULT)
    hand = world.worker()
    await finish_one(hand, "first")
    await hand.fail(await hand.must_claim())
    assert await world.status(old) == "failed"
    before = [await world.instance(old), await world.steps(old), await world.events(old)]

    new = await world.again(old, RETRY)
    assert await world.step_statuses(new) == {
        "a": "completed",
        "b": "queued",
        "c": "pending",
        "side": "completed",
    }
    assert [await finish_one(hand, "second"), await finish_one(hand, "third")] == ["b", "c"]
    row = await world.instance(new)
    assert (row["status"], row["outputs"]) == ("completed", {"c": "third", "side": "first"})
    assert (row["origin_id"], row["rerun"], row["number"]) == (old, {"failures": True}, 2)
    kept = (await world.steps(new))["a"]
    assert kept["reused_from"] == (await ids(world, old))["a"]
    assert kept["outputs"] == {"value": "first", "number": 1}
    assert (await world.steps(new))["b"]["reused_from"] is None
    assert before == [await world.instance(old), await world.steps(old), await world.events(old)]
    await assert_sound(world, new)


async def test_the_story_begins_with_where_it_comes_from(world: World) -> None:
    old = await world.start(node("a"))
    await fail_one(world)
    new = await world.again(old, RETRY)
    created = (await world.events(new))[0]
    assert created["data"] == {"status": "pending", "number": 2, "origin": {"id": str(old), "number": 1}}


async def test_a_retry_of_a_retry_names_the_step_that_ran(world: World) -> None:
    first = await world.start(*chain())
    hand = world.worker()
    await finish_one(hand, 1)
    await world.cancel(first)
    second = await world.again(first, RETRY)
    await world.cancel(second)
    third = await world.again(second, RETRY)
    assert (await world.steps(third))["a"]["reused_from"] == (await ids(world, first))["a"]
    assert (await world.instance(third))["origin_id"] == second


async def test_one_that_runs_is_not_run_again(world: World) -> None:
    running = await world.start(node("a"))
    with pytest.raises(InstanceStillRuns):
        await world.again(running, RETRY)
    assert len(await world.rows("SELECT FROM instances")) == 1


async def test_a_run_without_a_failure_has_nothing_to_retry(world: World) -> None:
    done = await world.start(node("a", "core.set", with_={"value": 1}))
    with pytest.raises(NothingToRetry):
        await world.again(done, RETRY)
    other = World(world.database, world.engine, await new_organization(world.database), world.shelf)
    version = (await world.instance(done))["version_id"]
    with pytest.raises((InstanceNotFound, VersionNotFound)):
        await other.again(done, RETRY, version=version)


async def test_what_runs_for_a_step_is_run_again_by_that_step(world: World) -> None:
    body = {"nodes": [node("inner")]}
    outer = await world.start(node("again", "core.repeat", with_={"body": body, "until": True}))
    (child,) = await world.rows("SELECT id FROM instances WHERE parent_id = %(id)s", id=outer)
    await world.cancel(outer)
    with pytest.raises(RunsForAStep):
        await world.again(child["id"], RETRY)


# From a step, on other inputs, with outputs by hand --------------------------------------------------------


async def test_one_step_runs_again_with_what_depends_on_it(world: World) -> None:
    old = await world.start(*chain(), **RESULT)
    await world.drain()
    new = await world.again(old, Wish(keeps=True, nodes=("b",)))
    hand = world.worker()
    assert [await finish_one(hand, 8), await finish_one(hand, 9)] == ["b", "c"]
    assert (await world.instance(new))["outputs"] == {"c": 9, "side": 1}
    await assert_sound(world, new)


async def test_other_inputs_run_everything_or_only_what_asks_for_them(world: World) -> None:
    nodes = [
        node("x", with_={"value": "{{ inputs.x }}"}),
        node("y", with_={"value": "{{ inputs.y }}"}),
        node("both", "core.set", with_={"value": "{{ [steps.x.outputs.value, steps.y.outputs.value] }}"}),
    ]
    fields: dict[str, Any] = {
        "inputs": {"x": {"type": "number"}, "y": {"type": "number"}},
        "outputs": {"both": "{{ steps.both.outputs.value }}"},
    }
    old = await world.start(*nodes, given={"x": 1, "y": 2}, **fields)
    await world.drain()
    new = await world.again(old, Wish(keeps=False), given={"x": 5, "y": 2})
    assert await world.drain() == 2
    assert (await world.instance(new))["outputs"] == {"both": [5, 2]}
    new = await world.again(old, Wish(keeps=True), given={"x": 1, "y": 7})
    assert (await world.step_statuses(new))["x"] == "completed"
    assert await world.drain() == 1
    assert (await world.instance(new))["outputs"] == {"both": [1, 7]}
    assert (await world.instance(new))["rerun"] == {"inputs": ["y"]}
    await assert_sound(world, new)


async def test_a_step_runs_again_on_values_given_by_hand(world: World) -> None:
    old = await world.start(*chain(), **RESULT)
    await world.drain()
    new = await world.again(old, Wish(keeps=True, values={"b": {"value": "mended"}}))
    hand = world.worker()
    job = await hand.must_claim()
    assert (job.node_id, job.inputs["value"]) == ("b", "mended")
    step = (await world.steps(new))["b"]
    assert step["edited"].pop("at")
    assert step["edited"] == {
        "by": None,
        "name": "Ada",
        "before": {"value": 1},
        "inputs": {"value": "mended"},
    }
    (told,) = [event for event in await world.events(new) if event["type"] == "step.edited"]
    assert (told["step_id"], told["data"]["inputs"]) == (step["id"], ["value"])
    assert (await world.instance(new))["rerun"] == {"values": ["b"]}
    await hand.fail(job)

    third = await world.again(new, RETRY)
    assert (await hand.must_claim()).inputs["value"] == "mended"
    assert (await world.steps(third))["b"]["edited"]["inputs"] == {"value": "mended"}
    assert "step.edited" not in await world.story(third)
    await world.cancel(third)
    fourth = await world.again(third, Wish(keeps=False))
    await world.drain()
    assert (await world.instance(fourth))["outputs"] == {"c": 1, "side": 1}
    await assert_sound(world, fourth)


async def test_given_values_wait_with_their_step_until_it_begins(world: World) -> None:
    """The step opens in a later move, after a person's start, and what it says itself would not work."""
    old = await world.start(
        node("a", with_={"value": 1}),
        node("b", with_={"value": 1, "seconds": "{{ steps.a.outputs.value }}"}, mode="stop"),
    )
    hand = world.worker()
    await finish_one(hand, "soon")
    await world.cancel(old)
    new = await world.again(old, Wish(keeps=True, nodes=("a",), values={"b": {"seconds": 0}}))
    await finish_one(hand, "soon")
    step = (await world.steps(new))["b"]
    assert (step["status"], step["type_version"]) == ("waiting", 1)
    said = Answer(at=now(), name="Ada")
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        await world.engine.start_step(tx, new, step["id"], said)
    job = await hand.must_claim()
    assert (job.node_id, job.inputs["seconds"]) == ("b", 0)
    await hand.complete(job, 1)
    assert (await world.steps(new))["b"]["edited"]["inputs"] == {"seconds": 0}
    await assert_sound(world, new)


async def test_an_inline_step_takes_values_by_hand_too(world: World) -> None:
    old = await world.start(
        node("a", "core.set", with_={"value": 1}),
        node("b", "core.set", with_={"value": "{{ steps.a.outputs.value }}"}),
        outputs={"b": "{{ steps.b.outputs.value }}"},
    )
    new = await world.again(old, Wish(keeps=True, values={"a": {"value": 2}}))
    assert (await world.instance(new))["outputs"] == {"b": 2}
    await assert_sound(world, new)


async def test_what_ran_on_another_version_of_its_type_is_known_by_it(world: World) -> None:
    old = await world.start(*chain(), **RESULT)
    hand = world.worker()
    await finish_one(hand, 1)
    await hand.fail(await hand.must_claim())
    assert {name: row["type_version"] for name, row in (await world.steps(old)).items()} == {
        "a": 1,
        "b": 1,
        "c": None,
        "side": 1,
    }
    await world.execute("UPDATE steps SET type_version = 7 WHERE node_id = 'a'")
    kept = await world.again(old, RETRY)
    assert (await world.step_statuses(kept))["a"] == "completed"
    assert (await world.steps(kept))["a"]["type_version"] == 7
    await world.cancel(kept)
    renewed = await world.again(kept, Wish(keeps=True, failures=True, renews=True))
    assert (await world.step_statuses(renewed))["a"] == "queued"
    assert (await world.steps(renewed))["a"]["type_version"] == 1
    await world.cancel(renewed)


async def test_outputs_given_by_hand_go_on_in_place_of_what_was_there(world: World) -> None:
    old = await world.start(*chain(), **RESULT)
    hand = world.worker()
    await finish_one(hand, "wrong")
    await hand.fail(await hand.must_claim())
    new = await world.again(old, Wish(keeps=True, outputs={"a": {"value": "right", "number": 1}}))
    job = await hand.must_claim()
    assert (job.node_id, job.inputs["value"]) == ("b", "right")
    step = (await world.steps(new))["a"]
    assert (step["status"], step["outputs"]["value"]) == ("completed", "right")
    assert step["edited"].pop("at")
    assert step["edited"] == {"by": None, "name": "Ada", "before": {"value": "wrong", "number": 1}}
    assert step["reused_from"] is None
    (told,) = [event for event in await world.events(new) if event["type"] == "step.edited"]
    assert (told["step_id"], told["data"]["name"]) == (step["id"], "Ada")
    await world.cancel(new)
    third = await world.again(new, RETRY)
    assert (await world.steps(third))["a"]["edited"]["name"] == "Ada"


async def test_a_failed_step_may_be_given_its_outputs_and_the_last_one_ends_it(world: World) -> None:
    old = await world.start(node("only"), outputs={"value": "{{ steps.only.outputs.value }}"})
    await fail_one(world)
    new = await world.again(old, Wish(keeps=True, outputs={"only": {"value": 3, "number": 1}}))
    row = await world.instance(new)
    assert (row["status"], row["outputs"]) == ("completed", {"value": 3})
    await assert_sound(world, new)


async def test_only_inline_steps_end_at_once(world: World) -> None:
    old = await world.start(
        node("a", "core.set", with_={"value": 1}),
        node("b", "core.set", with_={"value": "{{ steps.a.outputs.value }}"}),
        outputs={"b": "{{ steps.b.outputs.value }}"},
    )
    new = await world.again(old, Wish(keeps=True, outputs={"a": {"value": 2}}))
    row = await world.instance(new)
    assert (row["status"], row["outputs"]) == ("completed", {"b": 2})
    await assert_sound(world, new)


# Branches and joins ----------------------------------------------------------------------------------------

CASES = {"cases": [{"name": "large", "when": "{{ inputs.n > 3 }}"}]}
FORK = [
    node("route", "core.switch", with_=CASES),
    node("big", needs=["route.large"]),
    node("small", needs=["route.else"]),
    node("first", "core.set", with_={"value": 1}, needs=["big", "small"], join="any"),
    node("merge", needs=["big", "small"]),
]


async def test_a_way_that_was_taken_stays_taken(world: World) -> None:
    old = await world.start(*FORK, given={"n": 5}, inputs={"n": {"type": "number"}})
    hand = world.worker()
    await finish_one(hand, 1)
    await hand.fail(await hand.must_claim())
    new = await world.again(old, RETRY)
    assert await world.step_statuses(new) == {
        "route": "completed",
        "big": "completed",
        "small": "skipped",
        "first": "completed",
        "merge": "queued",
    }
    again = await world.again(old, Wish(keeps=True, nodes=("big",)))
    assert await world.step_statuses(again) == {
        "route": "completed",
        "big": "queued",
        "small": "skipped",
        "first": "pending",
        "merge": "pending",
    }
    await world.drain()
    for instance in (new, again):
        assert await world.status(instance) == "completed"
        await assert_sound(world, instance)


async def test_another_way_by_hand_leads_elsewhere(world: World) -> None:
    old = await world.start(*FORK, given={"n": 5}, inputs={"n": {"type": "number"}})
    await world.drain()
    new = await world.again(old, Wish(keeps=True, outputs={"route": {"case": "else", "value": None}}))
    statuses = await world.step_statuses(new)
    assert (statuses["big"], statuses["small"]) == ("skipped", "queued")
    await world.drain()
    await assert_sound(world, new)


async def test_a_tolerated_failure_leads_on_as_it_did(world: World) -> None:
    nodes = [
        node("shaky", on_error="continue"),
        node("other"),
        node("rescue", "core.set", with_={"value": "{{ steps.shaky.status }}"}, needs=["shaky", "other"]),
    ]
    old = await world.start(*nodes, outputs={"status": "{{ steps.rescue.outputs.value }}"})
    hand = world.worker()
    await hand.fail(await hand.must_claim())
    await finish_one(hand, 1)
    new = await world.again(old, Wish(keeps=True, nodes=("other",)))
    await world.drain()
    assert (await world.steps(new))["shaky"]["error"]["message"] == "It broke."
    assert (await world.instance(new))["outputs"] == {"status": "failed"}
    retried = await world.again(old, RETRY)
    await world.drain()
    assert (await world.instance(retried))["outputs"] == {"status": "completed"}
    await assert_sound(world, new)


async def test_a_step_cut_off_in_the_middle_of_its_tries_did_not_fail(world: World) -> None:
    old = await world.start(
        node("shaky", on_error="continue", retry={"max": 3, "backoff_s": 60, "on": ["bug"]}), node("other")
    )
    hand = world.worker()
    await hand.fail(await hand.must_claim())
    await world.cancel(old)
    new = await world.again(old, Wish(keeps=True, nodes=("other",)))
    assert (await world.step_statuses(new))["shaky"] == "queued"


async def test_an_early_end_is_reached_again(world: World) -> None:
    nodes = [
        node("a"),
        node("end", "core.stop", with_={"result": "failed", "message": "Enough."}, needs=["a"]),
        node("b", needs=["a"]),
    ]
    old = await world.start(*nodes)
    await finish_one(world.worker(), 1)
    assert await world.status(old) == "failed"
    new = await world.again(old, RETRY)
    assert (await world.instance(new))["error"]["message"] == "Enough."
    await assert_sound(world, new)


# Fan-outs --------------------------------------------------------------------------------------------------


def spread(**fields: Any) -> list[dict[str, Any]]:
    """A fan-out and a step that sees all of it."""
    return [
        node("fan", each="{{ inputs.list }}", with_={"value": "{{ item }}"}, **fields),
        node("sum", "core.set", with_={"value": "{{ steps.fan.outputs.value }}"}),
    ]


ALL: dict[str, Any] = {**LIST, "outputs": {"all": "{{ steps.fan.outputs.value }}"}}


async def run_items(world: World, *, failing: set[Any], most: int | None = None) -> list[Any]:
    """Do the items there are, some of them badly; the values that were worked on."""
    hand = world.worker()
    seen: list[Any] = []
    while (most is None or len(seen) < most) and (job := await hand.claim()) is not None:
        seen.append(job.inputs["value"])
        if job.inputs["value"] in failing:
            await hand.fail(job)
        else:
            await hand.complete(job, job.inputs["value"])
    return seen


async def test_a_fan_out_that_failed_goes_on_with_the_items_that_are_missing(world: World) -> None:
    old = await world.start(*spread(max_parallel=2), given={"list": list(range(6))}, **ALL)
    await run_items(world, failing={3})
    assert await world.status(old) == "failed"
    done = {row["ordinal"] for row in await world.items(old, "fan") if row["status"] == "completed"}
    new = await world.again(old, RETRY)
    assert set(await run_items(world, failing=set())) == set(range(6)) - done
    assert (await world.instance(new))["outputs"] == {"all": list(range(6))}
    items = await world.items(new, "fan")
    assert {row["ordinal"] for row in items if row["reused_from"]} == done
    assert [row["path"] for row in items] == [[place] for place in range(6)]
    await assert_sound(world, new)


async def test_a_cancelled_fan_out_goes_on_beyond_the_page_it_stood_at(world: World) -> None:
    values = list(range(250))
    old = await world.start(*spread(max_parallel=50), given={"list": values}, **ALL)
    await run_items(world, failing=set(), most=210)
    await world.cancel(old)
    new = await world.again(old, RETRY)
    assert len(await run_items(world, failing=set())) == 40
    assert (await world.instance(new))["outputs"] == {"all": values}
    await assert_sound(world, new)


async def test_a_retry_runs_only_the_items_that_failed(world: World) -> None:
    old = await world.start(*spread(on_item_error="collect"), given={"list": list(range(6))}, **ALL)
    await run_items(world, failing={1, 4})
    assert await world.status(old) == "completed"
    new = await world.again(old, RETRY)
    assert await run_items(world, failing={4}) == [1, 4]
    row = (await world.steps(new))["fan"]
    assert row["outputs"]["value"] == [0, 1, 2, 3, None, 5]
    assert [one["index"] for one in row["outputs"]["failed"]] == [4]
    assert (row["items_failed"], row["items_started"], row["items_open"]) == (1, 6, 0)
    await assert_sound(world, new)


async def test_one_item_runs_again_on_other_values_and_the_rest_stays(world: World) -> None:
    old = await world.start(*spread(on_item_error="collect"), given={"list": list("abcdef")}, **ALL)
    await run_items(world, failing={"b"})
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=3, values={"value": "X"}),))
    new = await world.again(old, wish)
    assert (await world.step_statuses(new)) == {"fan": "running", "sum": "pending"}
    assert await run_items(world, failing=set()) == ["X"]
    row = (await world.steps(new))["fan"]
    assert row["outputs"]["value"] == ["a", None, "c", "X", "e", "f"]
    assert [one["index"] for one in row["outputs"]["failed"]] == [1]
    assert row["items_failed"] == 1
    edited = [item["edited"] for item in await world.items(new, "fan")]
    assert [place for place, edit in enumerate(edited) if edit] == [3]
    assert (edited[3]["name"], edited[3]["inputs"]) == ("Ada", {"value": "X"})
    assert (await world.instance(new))["rerun"] == {"items": [{"step": "fan", "index": 3}]}
    await assert_sound(world, new)


async def test_an_item_whose_value_was_bad_is_mended(world: World) -> None:
    old = await world.start(
        node("fan", each="{{ inputs.list }}", with_={"value": 1, "seconds": "{{ item }}"}),
        given={"list": [0, "soon"]},
        **LIST,
    )
    await world.drain()
    assert await world.status(old) == "failed"
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=1, values={"seconds": 0}),))
    new = await world.again(old, wish)
    await world.drain()
    assert await world.status(new) == "completed"
    assert [item["inputs"]["seconds"] for item in await world.items(new, "fan")] == [0, 0]


async def test_an_item_keeps_what_it_was_given_until_others_are_given(world: World) -> None:
    old = await world.start(*spread(max_parallel=2), given={"list": list("abcd")}, **ALL)
    await run_items(world, failing=set("c"))
    edit = ItemEdit(step="fan", index=2, values={"value": "X", "fail": "first try"})
    edited = await world.again(old, Wish(keeps=True, failures=True, items=(edit,)))
    await run_items(world, failing={"X"})
    again = await world.again(edited, RETRY)
    job = await (hand := world.worker()).must_claim()
    assert (job.inputs["value"], job.inputs["fail"]) == ("X", "first try")
    await hand.fail(job)
    (before,) = (item["edited"] for item in await world.items(edited, "fan") if item["edited"])
    (now_there,) = (item["edited"] for item in await world.items(again, "fan") if item["edited"])
    assert now_there == before, "by whom and when stays as it was"
    other = ItemEdit(step="fan", index=2, values={"value": "Y"})
    last = await world.again(again, Wish(keeps=True, items=(other,)))
    job = await hand.must_claim()
    assert (job.inputs["value"], job.inputs["fail"]) == ("Y", "first try")
    await world.cancel(last)


async def test_given_values_go_to_the_same_item_of_a_list_that_is_made_anew(world: World) -> None:
    old = await world.start(
        node("list", with_={"value": 1}),
        node("fan", each="{{ steps.list.outputs.value }}", with_={"value": "{{ item }}"}),
    )
    hand = world.worker()
    await finish_one(hand, list("abc"))
    await run_items(world, failing=set())
    edits = [
        ItemEdit(step="fan", index=place, values={"value": letter}) for place, letter in ((0, "A"), (2, "C"))
    ]
    edited = await world.again(old, Wish(keeps=True, items=tuple(edits)))
    await run_items(world, failing=set())
    new = await world.again(edited, Wish(keeps=True, nodes=("list",)))
    await finish_one(hand, list("axb"))
    assert await run_items(world, failing=set()) == ["A", "x", "b"]
    assert await world.status(new) == "completed"
    last = await world.again(new, Wish(keeps=True, nodes=("fan",)))
    assert await run_items(world, failing=set()) == ["A", "x", "b"]
    shorter = await world.again(last, Wish(keeps=True, nodes=("list",)))
    await finish_one(hand, list("a"))
    assert await run_items(world, failing=set()) == ["A"]
    last = await world.again(shorter, Wish(keeps=True, nodes=("fan",)))
    assert await run_items(world, failing=set()) == ["A"], "though values are kept for a third item"
    fresh = await world.again(last, Wish(keeps=False))
    await finish_one(hand, list("axb"))
    assert await run_items(world, failing=set()) == ["a", "x", "b"]
    assert (await world.steps(fresh))["fan"]["edited"] is None


async def test_values_wait_for_an_item_that_no_run_has_come_to_yet(world: World) -> None:
    values = list(range(250))
    old = await world.start(*spread(max_parallel=50), given={"list": values}, **ALL)
    await world.cancel(old)
    edit = ItemEdit(step="fan", index=240, values={"value": -1})
    edited = await world.again(old, Wish(keeps=True, items=(edit,)))
    await world.cancel(edited)
    again = await world.again(edited, RETRY)
    await world.cancel(again)
    last = await world.again(again, RETRY)
    given = (await world.steps(last))["fan"]["edited"]["earlier"]
    assert {place: one["edit"]["inputs"] for place, one in given.items()} == {"240": {"value": -1}}
    await world.cancel(last)


async def test_an_item_that_fails_again_fails_its_step(world: World) -> None:
    old = await world.start(*spread(), given={"list": [1, 2, 3]}, **ALL)
    await run_items(world, failing={2})
    new = await world.again(old, RETRY)
    await run_items(world, failing={2})
    row = await world.instance(new)
    assert (row["status"], row["error"]["message"]) == ("failed", "Item 2: It broke.")
    await assert_sound(world, new)


async def test_lists_in_lists_keep_their_places(world: World) -> None:
    old = await world.start(
        node("fan", each={"nested": ["{{ inputs.list }}", "{{ item }}"]}, with_={"value": "{{ item }}"}),
        given={"list": [["a", "b"], ["c"], ["d", "e"]]},
        **ALL,
    )
    await world.drain()
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=3, values={"value": "D"}),))
    new = await world.again(old, wish)
    assert await world.drain() == 1
    assert (await world.instance(new))["outputs"] == {"all": [["a", "b"], ["c"], ["D", "e"]]}
    assert [row["path"] for row in await world.items(new, "fan")][3] == [2, 0]


async def test_inline_items_are_taken_over_too(world: World) -> None:
    old = await world.start(
        node("fan", "core.set", each="{{ inputs.list }}", with_={"value": "{{ item }}"}),
        given={"list": list(range(300))},
        **ALL,
    )
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=250, values={"value": "X"}),))
    new = await world.again(old, wish)
    row = await world.instance(new)
    assert row["status"] == "completed"
    assert row["outputs"]["all"] == [*range(250), "X", *range(251, 300)]
    assert sum(item["reused_from"] is None for item in await world.items(new, "fan")) == 1
    await assert_sound(world, new)


async def test_one_item_of_ten_thousand_is_one_job(world: World) -> None:
    values = list(range(10_000))
    old = await world.start(
        node("fan", "core.set", each="{{ inputs.list }}", with_={"value": "{{ item }}"}),
        node("work", each="{{ steps.fan.outputs.value }}", with_={"value": "{{ item }}"}, max_parallel=1),
        given={"list": values},
        **LIST,
    )
    await world.cancel(old)
    wish = Wish(keeps=True, items=(ItemEdit(step="fan", index=9_999, values={"value": -1}),))
    new = await world.again(old, wish)
    row = (await world.steps(new))["fan"]
    assert row["outputs"]["value"] == [*range(9_999), -1]
    assert (await world.step_statuses(new))["work"] == "running"
    await world.cancel(new)


# Another version -------------------------------------------------------------------------------------------


async def test_on_another_version_only_what_changed_runs(world: World) -> None:
    def made(*, b: int, extra: str) -> dict[str, Any]:
        return document(
            node("a", with_={"value": 1}),
            node("b", with_={"value": b}, needs=["a"]),
            node("c", with_={"value": "{{ steps.b.outputs.value }}"}),
            node(extra, with_={"value": 0}),
            outputs={"c": "{{ steps.c.outputs.value }}"},
        )

    version = await world.publish(made(b=1, extra="gone"))
    old = (await world.start_version(version)).id
    await world.drain()
    newer = await world.add_version(version, made(b=2, extra="new"))
    with pytest.raises(Invalid) as refusal:
        await world.again(old, Wish(keeps=True, nodes=("gone",)), version=newer)
    assert "There is no step “gone” in this version." in refusal.value.complaints[0].message
    new = await world.again(old, Wish(keeps=True), version=newer)
    assert await world.step_statuses(new) == {
        "a": "completed",
        "b": "queued",
        "c": "pending",
        "new": "queued",
    }
    assert await world.drain() == 3
    assert (await world.instance(new))["outputs"] == {"c": 2}
    assert sorted(row["ordinal"] for row in (await world.steps(new)).values()) == [0, 1, 2, 3]
    await assert_sound(world, new)


# What waits, what runs other workflows, what waits for its turn ---------------------------------------------


async def test_a_wait_that_is_over_is_not_waited_for_again(world: World) -> None:
    old = await world.start(node("wait", "core.delay", with_={"seconds": 60}), node("after", needs=["wait"]))
    await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
    await world.engine.sweep()
    await fail_one(world)
    new = await world.again(old, RETRY)
    assert await world.step_statuses(new) == {"wait": "completed", "after": "queued"}


async def test_a_step_that_ran_a_workflow_is_kept_with_what_that_gave(world: World) -> None:
    body = {
        "nodes": [node("inner", "core.set", with_={"value": 7})],
        "outputs": {"x": "{{ steps.inner.outputs.value }}"},
    }
    old = await world.start(
        node("again", "core.repeat", with_={"body": body, "until": True}),
        node("after", with_={"value": "{{ steps.again.outputs.x }}"}),
    )
    await fail_one(world)
    new = await world.again(old, RETRY)
    job = await world.worker().must_claim()
    assert (job.node_id, job.inputs["value"]) == ("after", 7)
    assert await world.rows("SELECT FROM instances WHERE parent_id = %(id)s", id=new) == []


async def test_one_that_waits_for_its_turn_goes_on_where_it_should(world: World) -> None:
    version = await world.publish(document(*chain(), concurrency={"limit": 1}, **RESULT))
    old = (await world.start_version(version)).id
    hand = world.worker()
    await finish_one(hand, 1)
    await world.cancel(old)
    busy = (await world.start_version(version)).id
    new = await world.again(old, RETRY)
    assert (await world.instance(new))["is_held"]
    assert (await world.step_statuses(new))["a"] == "completed"
    await world.cancel(busy)
    assert (await world.step_statuses(new))["b"] == "queued"
    await world.drain()
    assert await world.status(new) == "completed"
    await assert_sound(world, new)
