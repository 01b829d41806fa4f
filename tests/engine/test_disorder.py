"""Random disorder: workers finish, fail, vanish, leave and repeat themselves; sweeps, cancels and pauses in
between.

Whatever happened, in the end every instance has ended once, its counters tell the truth, its events have no
gap, nothing is left open, and no step's outputs came from two attempts.
"""

import asyncio
import random
from contextlib import suppress

import pytest

from app.flow.messages import ErrorClass, Job
from app.flow.rerun import NothingToRetry, Wish
from app.kit.errors import Conflict
from app.kit.ids import InstanceId, StepId
from app.store.database import Scope
from tests.engine.world import Hand, World, document, node
from tests.patience import PATIENCE_S

SHAPE = document(
    node("first", with_={"value": 1}, retry={"max": 2, "backoff_s": 0, "on": ["transient"]}),
    node("second", retry={"max": 1, "backoff_s": 0, "on": ["transient"]}),
    node("quick", "core.set", needs=["first"], with_={"value": 2}),
    node("fan", each="{{ inputs.list }}", max_parallel=3, needs=["quick"], with_={"value": "{{ item }}"},
         retry={"max": 3, "backoff_s": 0, "on": ["transient"]}),
    node("loose", needs=["second"], on_error="continue"),
    node("never", when="{{ 1.0 > 2.0 }}", needs=["second"]),
    node("pause", "core.delay", needs=["first"], with_={"seconds": 0.01}),
    node("join", "core.set", needs=["fan", "loose", "never", "pause"], with_={"value": 3}),
    inputs={"list": {"type": "json"}},
    outputs={"values": "{{ steps.fan.outputs.value }}"},
)  # fmt: skip

COUNTERS = """
SELECT i.id, i.status, i.open_steps, i.busy_steps,
       count(*) FILTER (WHERE s.status IN ('pending', 'queued', 'running', 'waiting')) AS open_is,
       count(*) FILTER (WHERE s.status IN ('queued', 'running') AND s.lane <> 'inline') AS busy_is
  FROM instances i JOIN steps s ON s.instance_id = i.id AND s.parent_id IS NULL
 GROUP BY i.id
"""

FAN_OUTS = """
SELECT p.items_open, p.items_started,
       count(*) FILTER (WHERE c.status IN ('queued', 'running', 'waiting')) AS open_is,
       count(*) FILTER (WHERE c.status <> 'pending') AS started_is
  FROM steps p JOIN instances i ON i.id = p.instance_id JOIN steps c ON c.parent_id = p.id
 WHERE i.status NOT IN ('failed', 'cancelled')
 GROUP BY p.id
"""

TWICE = "SELECT step_id FROM attempts WHERE status = 'completed' GROUP BY step_id HAVING count(*) > 1"


async def misbehave(world: World, chance: random.Random) -> None:
    """One worker's life of thirty moves."""
    hand, job = world.worker(), None
    for _ in range(30):
        job = job or await hand.claim()
        if job is None:
            await world.engine.sweep()
            continue
        job = await one_move(world, hand, job, chance)


async def one_move(world: World, hand: Hand, job: Job, chance: random.Random) -> Job | None:
    """Do something with a job; the next one, if it was handed on."""
    match chance.choices(range(7), weights=(10, 3, 1, 1, 1, 1, 1))[0]:
        case 0:
            return (await hand.complete(job, job.inputs.get("value"), take_next=True)).next
        case 1:
            await hand.fail(job, ErrorClass.transient)
        case 2:
            await hand.give_back(job)
        case 3:  # it falls silent and its lease runs out
            await world.execute(
                "UPDATE attempts SET lease_until = now() - interval '1 s' "
                "WHERE id = %(id)s AND status = 'leased'",
                id=job.attempt_id,
            )
            await world.engine.sweep()
            await hand.complete(job, "late")
        case 4:  # the same finish twice at once
            await asyncio.gather(hand.complete(job, 1), hand.complete(job, 2))
        case 5:
            await world.engine.give_back(hand.id)
        case 6:
            await hand.beat(job)
            return job
    return None


@pytest.mark.parametrize("seed", range(4))
async def test_disorder_leaves_order(world: World, seed: int) -> None:
    chance = random.Random(seed)
    version = await world.publish(SHAPE)
    started = [(await world.start_version(version, {"list": list(range(5))})).id for _ in range(6)]
    cancelled = started[:2]
    await asyncio.gather(
        *(misbehave(world, random.Random(seed * 100 + number)) for number in range(5)),
        cancel_some(world, cancelled, chance),
        meddle(world, started[2:], random.Random(seed)),
    )
    await settle(world)
    started += await again(world, started, chance)
    await asyncio.gather(*(misbehave(world, random.Random(seed * 200 + number)) for number in range(3)))
    await settle(world)
    for row in await world.rows(COUNTERS):
        assert (row["open_steps"], row["busy_steps"]) == (row["open_is"], row["busy_is"]), row
        assert row["status"] in {"completed", "failed", "cancelled"}
    for row in await world.rows(FAN_OUTS):
        assert (row["items_open"], row["items_started"]) == (row["open_is"], row["started_is"])
    assert await world.rows(TWICE) == []
    for instance in started:
        story = await world.story(instance)
        assert (
            sum(type_ in {"instance.completed", "instance.failed", "instance.cancelled"} for type_ in story)
            == 1
        )
        assert story[-1].startswith("instance.")
        assert not {"queued", "paused", "leased"} & {one["status"] for one in await world.attempts(instance)}


async def meddle(world: World, instances: list[InstanceId], chance: random.Random) -> None:
    """Pause, resume, cancel single steps and items, each at some moment; refusals are right, too."""
    for _ in range(25):
        instance = chance.choice(instances)
        steps = await world.rows("SELECT id FROM steps WHERE instance_id = %(id)s", id=instance)
        with suppress(Conflict):
            async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
                match chance.choices(range(3), weights=(4, 4, 1))[0]:
                    case 0:
                        await world.engine.pause(tx, instance, by=None, name="Ada")
                    case 1:
                        await world.engine.resume(tx, instance, by=None, name="Ada")
                    case 2:
                        step = StepId(chance.choice(steps)["id"])
                        await world.engine.cancel_step(tx, instance, step, by=None, name="Ada")
        await world.engine.sweep()


async def again(world: World, instances: list[InstanceId], chance: random.Random) -> list[InstanceId]:
    """Run each of these again in some way; what is kept of them differs with what became of them."""
    wishes = [
        Wish(keeps=True, failures=True),
        Wish(keeps=True, nodes=("second",)),
        Wish(keeps=True, outputs={"first": {"value": 9, "number": 1}}),
        Wish(keeps=False),
    ]
    started = []
    for instance in instances:
        try:
            started.append(await world.again(instance, chance.choice(wishes)))
        except NothingToRetry:
            assert await world.status(instance) == "completed"
    return started


async def cancel_some(world: World, instances: list[InstanceId], chance: random.Random) -> None:
    """Cancel these, each at some moment."""
    for instance in instances:
        for _ in range(chance.randrange(20)):
            await world.engine.sweep()
        if (await world.instance(instance))["status"] not in {"completed", "failed", "cancelled"}:
            await asyncio.gather(world.cancel(instance), return_exceptions=True)


async def settle(world: World) -> None:
    """Let good workers do what is left, leases of the bad ones ending at once."""
    for row in await world.rows("SELECT id FROM instances WHERE pause IS NOT NULL AND ended_at IS NULL"):
        async with world.database.transaction(Scope.organization(world.organization_id)) as tx:
            await world.engine.resume(tx, row["id"], by=None, name="Ada")
    async with asyncio.timeout(PATIENCE_S):
        while await world.rows("SELECT FROM instances WHERE ended_at IS NULL"):
            await world.expire_leases()
            await world.execute("UPDATE steps SET due_at = now() WHERE status = 'waiting'")
            await world.engine.sweep()
            await world.drain()
