"""How many instances of a workflow run at once, and for how long one runs."""

import asyncio
from typing import Any

import psycopg
import pytest

from app.engine import admission
from app.engine.errors import WorkflowBusy
from app.flow.check import check
from app.kit.ids import InstanceId, VersionId
from app.kit.settings import Settings
from app.steps.discovery import catalog
from tests.engine.test_children import LOST, replaced
from tests.engine.world import World, document, node


async def limited(world: World, limit: int = 1, on_limit: str = "queue") -> VersionId:
    """A workflow of one step for a worker, of which so many instances run at once."""
    return await world.publish(
        document(node("work"), node("after", "core.set", needs=["work"], with_={"value": 1}),
                 concurrency={"limit": limit, "on_limit": on_limit})
    )  # fmt: skip


async def start(world: World, version: VersionId, *, priority: int = 0) -> InstanceId:
    return (await world.start_version(version, priority=priority)).id


async def statuses(world: World, *instances: InstanceId) -> list[str]:
    return [await world.status(one) for one in instances]


async def test_a_workflow_that_runs_itself_does_not_wait_for_itself(world: World) -> None:
    version = await limited(world)
    (row,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=version)
    deeper = node(
        "sub", "core.workflow", when="{{ inputs.n > 0 }}",
        with_={"workflow": str(row["workflow_id"]), "inputs": {"n": "{{ inputs.n - 1 }}"}},
    )  # fmt: skip
    again = await world.publish_next(
        row["workflow_id"], 2,
        document(deeper, inputs={"n": {"type": "number"}}, concurrency={"limit": 1, "on_limit": "queue"}),
    )  # fmt: skip
    first = (await world.start_version(again, {"n": 2.0})).id
    assert await world.status(first) == "completed"
    assert (await world.start_version(again, {"n": 0.0})).status == "completed"


async def test_the_rest_waits_for_its_turn_in_the_order_it_came(world: World) -> None:
    version = await limited(world, 2)
    first, second, third, fourth = [await start(world, version) for _ in range(4)]
    row = await world.instance(third)
    assert (row["status"], row["is_held"], row["reason"]) == (
        "pending",
        True,
        "Waits for its turn: 2 may run at once.",
    )
    assert await world.step_statuses(third) == {"work": "pending", "after": "pending"}
    hand = world.worker()
    one, two = await hand.must_claim(), await hand.must_claim()
    assert {one.instance_id, two.instance_id} == {first, second}
    assert await hand.claim() is None
    await hand.complete(one)
    three = await hand.must_claim()
    assert three.instance_id == third
    await world.cancel(InstanceId(two.instance_id))
    four = await hand.must_claim()
    assert four.instance_id == fourth
    await hand.complete(three)
    await hand.complete(four)
    assert sorted(await statuses(world, first, second, third, fourth)) == [
        "cancelled",
        "completed",
        "completed",
        "completed",
    ]
    for one_instance in (first, second, third, fourth):
        await world.events(one_instance)


async def test_the_more_urgent_goes_first(world: World) -> None:
    version = await limited(world)
    hand = world.worker()
    await start(world, version)
    modest, urgent = await start(world, version), await start(world, version, priority=5)
    await hand.complete(await hand.must_claim())
    assert (await hand.must_claim()).instance_id == urgent
    assert await world.status(modest) == "pending"


async def test_a_start_too_many_is_refused_and_leaves_nothing(world: World) -> None:
    version = await limited(world, 1, "skip")
    first = await start(world, version)
    with pytest.raises(WorkflowBusy, match=r"as may run at once \(1\)"):
        await start(world, version)
    await world.drain()
    second = await world.start_version(version)
    assert second.number == 2
    assert await statuses(world, first, second.id) == ["completed", "pending"]


async def test_the_newest_takes_over(world: World) -> None:
    version = await limited(world, 1, "replace")
    first = await start(world, version)
    job = await world.worker().must_claim()
    second = await start(world, version)
    assert job.instance_id == first
    assert await statuses(world, first, second) == ["cancelled", "pending"]
    assert (await world.instance(second))["is_held"] is False
    assert await world.drain() == 1
    assert await world.status(second) == "completed"


async def test_as_many_run_as_may_however_they_are_started_and_ended(world: World) -> None:
    version = await limited(world, 3)
    crowd = [await start(world, version) for _ in range(3)]
    crowd += await asyncio.gather(*(start(world, version) for _ in range(9)))
    most = 0

    async def work() -> None:
        nonlocal most
        hand = world.worker()
        while (job := await hand.claim()) is not None:
            (row,) = await world.rows(
                "SELECT count(*) AS n FROM instances WHERE NOT is_held AND status IN ('pending', 'running')"
            )
            most = max(most, row["n"])
            await hand.complete(job)

    await asyncio.gather(*(work() for _ in range(4)))
    await world.drain()
    assert set(await statuses(world, *crowd)) == {"completed"}
    assert most <= 3


async def test_a_turn_that_was_missed_is_made_up_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    version = await limited(world)
    await start(world, version)
    second = await start(world, version)
    with monkeypatch.context() as patch:
        patch.setattr(world.engine, "_parts", replaced(world, LOST))
        await world.drain()
    assert (await world.instance(second))["is_held"] is True
    assert await world.engine.admit_waiting() == 1
    assert await world.engine.admit_waiting() == 0
    assert await world.drain() == 1
    assert await world.status(second) == "completed"


async def test_one_that_waits_for_its_turn_can_be_cancelled(world: World) -> None:
    version = await limited(world)
    await start(world, version)
    second = await start(world, version)
    await world.cancel(second)
    assert await world.status(second) == "cancelled"
    assert await world.drain() == 1


async def test_a_step_that_runs_a_busy_workflow_waits_with_it_or_fails(world: World) -> None:
    for on_limit, expected in (("queue", "waiting"), ("skip", "failed")):
        version = await limited(world, 1, on_limit)
        (row,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=version)
        await start(world, version)
        parent = await world.start(node("sub", "core.workflow", with_={"workflow": str(row["workflow_id"])}))
        assert await world.status(parent) == expected
        await world.drain()
        assert await world.status(parent) == ("completed" if on_limit == "queue" else "failed")


async def test_an_instance_that_runs_too_long_ends_in_words(world: World) -> None:
    instance = await world.start(
        node("work"), node("wait", "core.delay", with_={"seconds": 900}), timeout_s=600
    )
    job = await world.worker().must_claim()
    assert (await world.engine.sweep()).overrun == 0
    await world.execute("UPDATE instances SET deadline_at = now() WHERE id = %(id)s", id=instance)
    assert (await world.engine.sweep()).overrun == 1
    row = await world.instance(instance)
    assert (row["status"], row["error"]["class"]) == ("failed", "timeout")
    assert row["error"]["message"] == "The instance ran longer than its timeout of 600 s."
    assert (await world.worker_like(world.worker()).complete(job)).accepted is False
    await world.events(instance)


async def test_waiting_for_a_turn_is_not_running(world: World) -> None:
    version = await world.publish(document(node("work"), concurrency={"limit": 1}, timeout_s=60))
    await start(world, version)
    second = await start(world, version)
    assert (await world.instance(second))["deadline_at"] is None
    await world.drain()
    assert (await world.instance(second))["deadline_at"] is not None


DEEPER: dict[str, Any] = {"inputs": {"n": {"type": "number"}}, "concurrency": {"limit": 1}}


async def calling(world: World) -> VersionId:
    """A workflow of which one runs at a time."""
    return await world.publish(document(node("work"), **DEEPER))


async def point(world: World, version: VersionId, other: VersionId) -> VersionId:
    """The next version of one workflow: it works, then calls the other one, so many levels deep."""
    found = {
        row["id"]: row["workflow_id"]
        for row in await world.rows("SELECT id, workflow_id FROM workflow_versions")
    }
    call = node(
        "call", "core.workflow", needs=["work"], when="{{ inputs.n > 0.0 }}",
        with_={"workflow": str(found[other]), "inputs": {"n": "{{ inputs.n - 1.0 }}"}},
    )  # fmt: skip
    return await world.publish_next(found[version], 2, document(node("work"), call, **DEEPER))


@pytest.mark.parametrize("levels", [1.0, 3.0])
async def test_workflows_that_wait_for_each_others_turn_lend_it(world: World, levels: float) -> None:
    names = [await calling(world) for _ in range(3)]
    following = [*names[1:], names[0]]
    versions = [await point(world, one, other) for one, other in zip(names, following, strict=True)]
    roots = [(await world.start_version(version, {"n": levels})).id for version in versions]
    hand = world.worker()
    for job in [await hand.must_claim() for _ in roots]:
        await hand.complete(job)
    assert await statuses(world, *roots) == ["waiting"] * 3
    assert await hand.claim() is None, "each waits for the turn that the next one has"
    assert await world.engine.admit_waiting() == 1
    assert await world.engine.admit_waiting() == 0, "one at a time beyond the limit"
    while await world.drain() or await world.engine.admit_waiting():
        pass
    assert await statuses(world, *roots) == ["completed"] * 3
    left = await world.rows("SELECT id FROM instances WHERE status <> 'completed'")
    assert left == []
    for row in await world.rows("SELECT id FROM instances"):
        await world.events(row["id"])


async def test_a_line_without_a_circle_lends_nothing(world: World) -> None:
    busy = await calling(world)
    caller = await point(world, await calling(world), busy)
    await world.start_version(busy, {"n": 0.0})
    root = (await world.start_version(caller, {"n": 1.0})).id
    hand = world.worker()
    first, second = await hand.must_claim(), await hand.must_claim()
    await hand.complete(second if second.instance_id == root else first)
    assert await world.status(root) == "waiting"
    assert await world.engine.admit_waiting() == 0
    await hand.complete(first if second.instance_id == root else second)
    await world.drain()
    assert await world.status(root) == "completed"


async def crowded(world: World, version: VersionId, count: int) -> None:
    """Somebody who waits for a turn, and this many like it."""
    held = await start(world, version)
    await world.execute(
        """INSERT INTO instances
           SELECT (jsonb_populate_record(i, jsonb_build_object(
                      'id', gen_random_uuid(), 'number', i.number + n))).*
             FROM instances i, generate_series(1, %(count)s) n WHERE i.id = %(held)s""",
        held=held, count=count,
    )  # fmt: skip


def rows_read(plan: dict[str, Any]) -> float:
    """How many rows the scans of a plan looked at."""
    deeper = sum(map(rows_read, plan.get("Plans", [])))
    if "Scan" not in plan["Node Type"] or "Relation Name" not in plan:
        return deeper
    looked_at = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return float(deeper + looked_at * plan["Actual Loops"])


async def analyze(settings: Settings) -> None:
    """See the table as it is: autovacuum does so within a minute, but at any moment of a test."""
    async with await psycopg.AsyncConnection.connect(settings.database.owner_url, autocommit=True) as owner:
        await owner.execute("ANALYZE instances")


async def test_whose_turn_it_is_costs_the_same_however_many_wait(world: World, settings: Settings) -> None:
    version = await limited(world, 2)
    for _ in range(2):
        await start(world, version)
    (own,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=version)
    given = {
        "workflow": own["workflow_id"], "id": own["workflow_id"], "newest": own["workflow_id"],
        "limit": 2, "most": 5,
    }  # fmt: skip
    questions = {
        name: getattr(admission, name) for name in ("_CROWD", "_TURN", "_VICTIMS", "_WAITED_FOR", "_LINE")
    }
    assert len(questions) == 5
    await crowded(world, version, 1_500)
    await analyze(settings)
    for name, question in questions.items():
        (row,) = await world.rows("EXPLAIN (ANALYZE, FORMAT JSON) " + question, **given)
        assert rows_read(row["QUERY PLAN"][0]["Plan"]) <= 20, name


async def test_no_more_wait_than_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_WAITING", 3)
    version = await limited(world)
    first = await start(world, version)
    waiting = [await start(world, version) for _ in range(3)]
    with pytest.raises(WorkflowBusy, match="3 instances of this workflow wait"):
        await start(world, version)
    await world.cancel(waiting[1])
    waiting[1] = await start(world, version)
    assert await world.drain() == 4
    assert set(await statuses(world, first, *waiting)) >= {"completed"}


async def test_one_that_takes_over_ends_all_who_ran_or_waited_before_it(world: World) -> None:
    version = await limited(world, 2)
    older = [await start(world, version) for _ in range(5)]
    (own,) = await world.rows("SELECT workflow_id FROM workflow_versions WHERE id = %(id)s", id=version)
    newer = await world.publish_next(
        own["workflow_id"], 2, document(node("work"), concurrency={"limit": 2, "on_limit": "replace"})
    )
    newest = (await world.start_version(newer)).id
    await world.database.settled()
    assert await statuses(world, *older) == ["cancelled", "pending", "cancelled", "cancelled", "cancelled"]
    assert (await world.instance(newest))["is_held"] is False
    assert await world.drain() == 2


def told(**fields: Any) -> list[tuple[str | None, str]]:

    return [(one.field, one.message) for one in check(document(node("a"), **fields), catalog())]


def test_limits_are_checked_when_a_document_is_saved() -> None:
    assert told(concurrency={"limit": 3, "on_limit": "replace"}, timeout_s=5) == []
    assert told(concurrency={"on_limit": "never"}) == [
        ("concurrency.limit", "“limit” is missing: how many instances run at once."),
        ("concurrency.on_limit", "“on_limit” must be one of “queue”, “skip” and “replace”, not “never”."),
    ]
    assert told(concurrency={"limit": 0})[0] == (
        "concurrency.limit",
        "“limit” must be from 1 to 10000, not 0.",
    )
    assert told(timeout_s=0)[0][0] == "timeout_s"
