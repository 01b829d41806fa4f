"""The step cache: found again on the same inputs, by content, in one organization, while it is there."""

from typing import Any

import pytest

from app.flow import plan
from app.flow.document import parse
from app.flow.messages import Completed, ErrorClass
from app.flow.program import ProgramNode, compile_program
from app.flow.rerun import Wish
from app.kit.ids import InstanceId
from app.steps.discovery import catalog
from tests.engine.fixtures import new_organization
from tests.engine.world import World, document, node

INPUT = {"n": {"type": "json"}}


def work(node_id: str = "work", **fields: Any) -> dict[str, Any]:
    """A step that is told to be reused."""
    fields.setdefault("cache", "on")
    return node(node_id, with_={"value": "{{ inputs.n }}"}, **fields)


async def run(world: World, n: Any, *nodes: dict[str, Any]) -> InstanceId:
    return await world.start(*(nodes or (work(),)), given={"n": n}, inputs=INPUT)


async def test_the_same_inputs_give_what_they_gave_before(world: World) -> None:
    first = await run(world, {"a": 1, "b": [2]})
    assert await world.drain() == 1
    second = await run(world, {"b": [2], "a": 1})
    assert await world.status(second) == "completed"
    made, given = (await world.steps(first))["work"], (await world.steps(second))["work"]
    assert given["outputs"] == made["outputs"]
    assert (given["reused_from"], made["reused_from"]) == (made["id"], None)
    assert await world.attempts(second) == []
    (event,) = [one for one in await world.events(second) if one["type"] == "step.completed"]
    assert event["data"]["reused_from"] == str(made["id"])


async def test_other_inputs_another_node_or_another_organization_are_something_else(world: World) -> None:
    await run(world, 1)
    await world.drain()
    await run(world, 2)
    other = World(world.database, world.engine, await new_organization(world.database), world.shelf)
    await run(other, 1)
    assert await world.drain() == 2
    renamed = await run(world, 1, work("other_name"))
    assert await world.status(renamed) == "completed", "the name of a step decides nothing"


async def test_only_what_is_to_be_reused_is(world: World) -> None:
    for cache in (None, "off"):
        plain = {"cache": cache} if cache else {}
        for _ in range(2):
            await world.start(node("work", with_={"value": 1}, **plain))
            assert await world.drain() == 1
    assert await world.rows("SELECT key FROM step_results") == []


async def test_a_step_that_is_run_again_without_the_cache_leaves_nothing_in_it(world: World) -> None:
    old = await world.start(node("work", with_={"value": 1}))
    await world.drain()
    new = await world.again(old, Wish(keeps=True, nodes=("work",)))
    assert await world.drain() == 1
    assert await world.status(new) == "completed"
    assert await world.rows("SELECT key FROM step_results") == []


async def test_a_failure_is_never_given_again(world: World) -> None:
    for _ in range(2):
        instance = await run(world, 1)
        hand = world.worker()
        await hand.fail(await hand.must_claim(), ErrorClass.bug)
        assert await world.status(instance) == "failed"


async def test_items_of_a_fan_out_are_looked_up_together_and_keep_their_order(world: World) -> None:
    def spread() -> dict[str, Any]:
        return node("work", each="{{ inputs.n }}", cache="on", with_={"value": "{{ item }}"})

    await run(world, [1, 3], spread())
    await world.drain()
    instance = await world.start(
        spread(), given={"n": [1, 2, 3, 4]}, inputs=INPUT, outputs={"n": "{{ steps.work.outputs.value }}"}
    )
    hand = world.worker()
    jobs = [await hand.must_claim(), await hand.must_claim()]
    assert await hand.claim() is None
    assert sorted(job.inputs["value"] for job in jobs) == [2, 4]
    for job in jobs:
        await hand.complete(job, job.inputs["value"])
    assert (await world.instance(instance))["outputs"] == {"n": [1, 2, 3, 4]}
    assert [item["reused_from"] is not None for item in await world.items(instance, "work")] == [
        True,
        False,
        True,
        False,
    ]
    again = await run(world, [4, 3, 2, 1], spread())
    assert await world.status(again) == "completed"
    await world.events(again)


async def test_a_result_whose_file_is_gone_is_made_anew(world: World) -> None:
    photo = world.shelf.stock(world.organization_id)
    made = world.shelf.stock(world.organization_id)

    async def shrink() -> InstanceId:
        return await world.start(
            node("shrink", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 10}),
            given={"photo": photo}, inputs={"photo": {"type": "image"}},
        )  # fmt: skip

    await shrink()
    hand = world.worker()
    outputs = {"image": made, "width": 10, "height": 10}
    await hand.finish(await hand.must_claim(), Completed(outputs=outputs))
    assert await world.status(await shrink()) == "completed"
    world.shelf.lose(made)
    await shrink()
    assert await hand.claim() is not None


async def test_what_is_too_large_is_not_kept(world: World) -> None:
    for _ in range(2):
        await run(world, 1)
        hand = world.worker()
        await hand.complete(await hand.must_claim(), "x" * 300_000)


async def test_results_are_forgotten_by_age_and_by_room(world: World) -> None:
    for n in range(4):
        await run(world, n)
        await world.drain()
        await world.execute("UPDATE step_results SET used_at = used_at - interval '1 day'")
    (row,) = await world.rows("SELECT max(size_bytes) AS most FROM step_results")
    assert await world.engine.forget_results(longest_s=3.5 * 86_400, most_bytes=10**9) == 1
    assert await world.engine.forget_results(longest_s=10**9, most_bytes=2 * row["most"]) == 1
    for n, expected in ((0, "pending"), (1, "pending"), (2, "completed"), (3, "completed")):
        assert await world.status(await run(world, n)) == expected


async def test_a_result_that_is_used_stays_young(world: World) -> None:
    await run(world, 1)
    await world.drain()
    await world.execute("UPDATE step_results SET used_at = now() - interval '20 days'")
    await run(world, 1)
    assert await world.engine.forget_results(longest_s=86_400, most_bytes=10**9) == 0


def compiled(**fields: Any) -> ProgramNode:
    return compile_program(
        parse(document(node("a", "image.transform", with_={"image": {"asset": "x"}}, **fields))), catalog()
    ).nodes["a"]


def test_a_file_counts_by_its_content_and_name_not_by_its_id() -> None:
    photo = {"asset": "1", "name": "a.jpg", "mime": "image/jpeg", "size_bytes": 3, "sha256": "f" * 64}
    key = plan.result_key(compiled(), {"image": photo, "width": 3}, "")
    assert plan.result_key(compiled(), {"width": 3, "image": {**photo, "asset": "2"}}, "") == key
    others: list[tuple[dict[str, Any], str]] = [
        ({"image": {**photo, "sha256": "e" * 64}, "width": 3}, ""),
        ({"image": {**photo, "name": "b.jpg"}, "width": 3}, ""),
        ({"image": photo, "width": 4}, ""),
        ({"image": photo, "width": 3}, "other weights"),
    ]
    for inputs, salt in others:
        assert plan.result_key(compiled(), inputs, salt) != key


@pytest.mark.parametrize(("cache", "reuses"), [(None, True), ("on", True), ("off", False)])
def test_a_step_is_reused_as_its_type_says_unless_the_document_says_otherwise(
    cache: str | None, reuses: bool
) -> None:
    assert compiled(**({"cache": cache} if cache else {})).reuses is reuses


async def test_what_somebody_wants_run_again_is_run_again(world: World) -> None:
    first = await run(world, 1)
    hand = world.worker()
    await hand.complete(await hand.must_claim(), "old")
    again = await world.again(first, Wish(keeps=True, nodes=("work",)))
    await hand.complete(await hand.must_claim(), "new")
    assert (await world.steps(again))["work"]["outputs"]["value"] == "new"
    third = await run(world, 1)
    assert (await world.steps(third))["work"]["outputs"]["value"] == "new", "the newest result is kept"
