"""A year passes on the box: what waits still waits, what has ended stays as it is, whatever sweeps by."""

from pathlib import Path
from typing import Any

import pytest

from app.flow.messages import ErrorClass
from app.flow.roles import Role
from app.flow.waits import Answer, WaitKind
from app.kit.clock import now
from app.kit.ids import InstanceId, StepId, new_id
from app.kit.settings import Settings
from app.resources.periodic import Parts, all_jobs
from app.store.bus import Bus
from app.store.database import Row, Scope
from tests.daemon.test_daemon import parts_of
from tests.engine.world import World, node

JOURNALS = ("instances", "steps", "attempts", "events")
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
 WHERE table_schema = 'public' AND table_name = ANY(%(tables)s) AND data_type = 'timestamp with time zone'
"""


KEEP_FOR_EVER = """
INSERT INTO retention (organization_id, instances_days, details_days, audit_days)
SELECT id, NULL, NULL, 36500 FROM organizations
    ON CONFLICT (organization_id) DO UPDATE SET instances_days = NULL, details_days = NULL
"""


@pytest.fixture
async def parts(world: World, settings: Settings, bus: Bus, tmp_path: Path) -> Parts:
    """What the daemon's work is done with, where everybody keeps what has ended."""
    await world.execute(KEEP_FOR_EVER)
    return parts_of(world, settings, bus, tmp_path)


async def a_year_passes(world: World) -> None:
    """Put every moment that instances know of a year into the past."""
    for column in await world.rows(COLUMNS, tables=list(JOURNALS)):
        table, name = column["table_name"], column["column_name"]
        await world.execute(f"UPDATE {table} SET {name} = {name} - interval '365 days'")  # noqa: S608  ours


async def the_daemon_works(parts: Parts) -> None:
    """Everything it does by itself, once and once more."""
    for _ in range(2):
        await parts.engine.sweep(bells_are_lost=True)
        for job in all_jobs():
            await job.run(parts)


async def everything(world: World) -> dict[str, list[Row]]:
    """Every row of every instance."""
    return {
        table: await world.rows(f"SELECT * FROM {table} ORDER BY {table}::text")  # noqa: S608  ours
        for table in JOURNALS
    }


async def answered(world: World, instance: InstanceId, step: Row, value: Any) -> None:
    """Somebody answers at last."""
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        given = Answer(at=now(), value=value, name="Ada", role=Role.owner, by=new_id())
        await world.engine.answer(tx, instance, StepId(step["id"]), given, kind=WaitKind.person)


async def test_an_approval_may_wait_a_year(world: World, parts: Parts) -> None:
    instance = await world.start(
        node("before"),
        node("ask", "human.approve", with_={"question": "Publish?", "value": 7}, needs=["before"]),
        node("after", "core.set", with_={"value": "{{ steps.ask.outputs.value }}"}),
        outputs={"value": "{{ steps.after.outputs.value }}"},
    )
    await world.drain()
    assert await world.status(instance) == "waiting"
    before = await everything(world)
    await a_year_passes(world)
    await the_daemon_works(parts)
    after = await everything(world)
    assert [row["status"] for row in after["steps"]] == [row["status"] for row in before["steps"]]
    assert len(after["events"]) == len(before["events"]), "nothing has happened that could be told"
    await answered(world, instance, (await world.steps(instance))["ask"], {"decision": "approved"})
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"value": 7})


async def test_a_step_to_be_started_by_hand_may_wait_a_year(world: World, parts: Parts) -> None:
    instance = await world.start(node("a", mode="stop", with_={"value": 1}))
    await a_year_passes(world)
    await the_daemon_works(parts)
    step = (await world.steps(instance))["a"]
    assert step["status"] == "waiting"
    async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
        await world.engine.start_step(tx, instance, StepId(step["id"]), Answer(at=now(), name="Ada"))
    assert await world.drain() == 1
    assert await world.status(instance) == "completed"


async def test_a_delay_of_a_year_is_over_after_it_and_not_before(world: World, parts: Parts) -> None:
    instance = await world.start(
        node("wait", "core.delay", with_={"seconds": 365 * 24 * 3600, "value": "v"}),
        outputs={"value": "{{ steps.wait.outputs.value }}"},
    )
    await the_daemon_works(parts)
    assert await world.status(instance) == "waiting"
    await a_year_passes(world)
    await the_daemon_works(parts)
    row = await world.instance(instance)
    assert (row["status"], row["outputs"]) == ("completed", {"value": "v"})


async def test_work_that_nobody_took_for_a_year_is_still_there(world: World, parts: Parts) -> None:
    instance = await world.start(node("a", with_={"value": 1}))
    await a_year_passes(world)
    await the_daemon_works(parts)
    assert (await world.steps(instance))["a"]["status"] == "queued"
    assert await world.drain() == 1
    assert await world.status(instance) == "completed"


async def test_what_has_ended_is_never_touched_again(world: World, parts: Parts) -> None:
    hand = world.worker()
    await world.start(node("a", timeout_s=5), node("b", each=[1, 2], needs=["a"], timeout_s=5))
    await world.drain(hand)
    await world.start(
        node("a", timeout_s=5), node("beside", timeout_s=5), node("wait", "core.delay", with_={"seconds": 5})
    )
    await hand.fail(await hand.must_claim(), ErrorClass.refused)
    cancelled = await world.start(node("a", timeout_s=5), node("wait", "core.delay", with_={"seconds": 5}))
    await hand.must_claim()
    await world.cancel(cancelled)
    retried = await world.start(node("a", retry={"max": 1, "backoff_s": 0}, on_error="continue"))
    await hand.fail(await hand.must_claim(), ErrorClass.transient)
    await hand.fail(await hand.must_claim(), ErrorClass.transient)
    assert await world.status(retried) == "completed"
    # As if every lease, deadline and timer of theirs had been left behind.
    await a_year_passes(world)
    await world.execute("UPDATE attempts SET lease_until = now() - interval '1 h', deadline_at = lease_until")
    await world.execute("UPDATE steps SET due_at = now() - interval '1 h'")
    before = await everything(world)
    assert {row["status"] for row in before["instances"]} == {"completed", "failed", "cancelled"}
    await the_daemon_works(parts)
    assert await everything(world) == before
