"""Who is served next: the most urgent of an organization, organizations in turn, nobody beyond its limit."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from app.kit.ids import InstanceId
from app.store.bus import Bus
from app.store.database import Database, Scope
from tests.engine.fixtures import new_organization
from tests.engine.world import Hand, World, node


async def beside(world: World) -> World:
    """Another organization on the same box."""
    return World(world.database, world.engine, await new_organization(world.database), world.shelf)


# How many attempts of an organization were leased at one moment, at most.
TOGETHER = """
SELECT max(together) AS most FROM (
    SELECT count(*) AS together
      FROM attempts a JOIN attempts b ON b.organization_id = a.organization_id
                                     AND b.claimed_at <= a.claimed_at AND b.ended_at > a.claimed_at
     WHERE a.organization_id = %(organization)s
     GROUP BY a.id) counted
"""


async def limit(world: World, most: int) -> None:
    """Let this organization run so many steps at once."""
    await world.execute(
        "UPDATE organizations SET max_running_steps = %(most)s WHERE id = %(id)s",
        id=world.organization_id,
        most=most,
    )


async def served(hand: Hand, *worlds: World, most: int = 100) -> str:
    """A letter for each job a worker gets, in order, by whose it was."""
    letters: dict[UUID, str] = {
        world.organization_id: letter for world, letter in zip(worlds, "abcdef", strict=False)
    }
    order = ""
    job = await hand.claim()
    while job is not None and len(order) < most:
        order += letters[job.organization_id]
        job = (await hand.complete(job, take_next=True)).next
    return order


async def test_organizations_take_turns_whatever_their_backlog(world: World) -> None:
    other, third = await beside(world), await beside(world)
    for _ in range(6):
        await world.start(node("work"))
    for _ in range(2):
        await other.start(node("work"))
    await third.start(node("work"))
    order = await served(world.worker(), world, other, third)
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert sorted(order[3:5]) == ["a", "b"]
    assert order[5:] == "aaaa"


async def test_one_who_comes_late_waits_for_one_turn_and_not_for_the_backlog(world: World) -> None:
    other = await beside(world)
    for _ in range(5):
        await world.start(node("work"))
    hand = world.worker()
    job = await hand.must_claim()
    await other.start(node("work"))
    assert job.organization_id == world.organization_id
    await hand.complete(job)
    assert (await hand.must_claim()).organization_id == other.organization_id


async def test_urgency_counts_within_an_organization_only(world: World) -> None:
    other = await beside(world)
    await world.start(node("work"), priority=100)
    await world.start(node("work"), priority=100)
    await other.start(node("work"), priority=-100)
    order = await served(world.worker(), world, other)
    assert "b" in order[:2]
    modest, urgent = await world.start(node("work")), await world.start(node("work"), priority=5)
    hand = world.worker()
    assert [(await hand.must_claim()).instance_id for _ in range(2)] == [urgent, modest]


async def test_an_organization_runs_no_more_than_it_may(world: World) -> None:
    other = await beside(world)
    await limit(world, 2)
    for _ in range(4):
        await world.start(node("work"))
    await other.start(node("work"))
    hand = world.worker()
    jobs = [await hand.must_claim() for _ in range(3)]
    assert await hand.claim() is None
    assert sorted(job.organization_id == world.organization_id for job in jobs) == [False, True, True]
    mine = next(job for job in jobs if job.organization_id == world.organization_id)
    await hand.complete(mine)
    assert (await hand.must_claim()).organization_id == world.organization_id
    assert await hand.claim() is None


async def test_a_limit_is_kept_before_the_other_claim_is_committed(world: World) -> None:
    other = await beside(world)
    await limit(world, 1)
    for _ in range(3):
        await world.start(node("work"))
    async with world.database.transaction(Scope.system()) as tx:
        # The answer of this claim is on its way; nobody else sees its lease yet.
        row = await tx.fetch_one("SELECT may_run_one_more(%(id)s, 1) AS may", {"id": world.organization_id})
        assert row == {"may": True}
        instance = await other.start(node("work"))
        assert (await world.worker().must_claim()).instance_id == instance, "others are served meanwhile"


async def test_a_limit_is_exact_and_used_among_many_who_claim_and_finish_at_once(world: World) -> None:
    other = await beside(world)
    worlds = {world.organization_id: (world, 3), other.organization_id: (other, 1)}
    for one, most in worlds.values():
        await limit(one, most)
        for _ in range(9):
            await one.start(node("work"))
    hands = [world.worker() for _ in range(12)]
    held = dict(zip(hands, await asyncio.gather(*(hand.claim() for hand in hands)), strict=True))
    done = 0
    while any(held.values()):
        running = Counter(job.organization_id for job in held.values() if job is not None)
        assert all(running[organization] <= most for organization, (_, most) in worlds.items()), running
        assert done or running.total() == 4, "who meets others claiming gets what there is room for"
        ended = {hand: hand.complete(job, take_next=True) for hand, job in held.items() if job is not None}
        idle = [hand for hand, job in held.items() if job is None]
        answers, found = await asyncio.gather(
            asyncio.gather(*ended.values()), asyncio.gather(*(hand.claim() for hand in idle))
        )
        done += len(ended)
        held = dict(zip(ended, (answer.next for answer in answers), strict=True))
        held |= dict(zip(idle, found, strict=True))
    assert done == 18
    for one, most in worlds.values():
        (row,) = await one.rows(TOGETHER, organization=one.organization_id)
        assert row["most"] == most


async def test_one_whose_work_is_not_due_holds_nobody_up(world: World) -> None:
    other = await beside(world)
    await world.start(node("work"))
    await world.execute("UPDATE attempts SET available_at = now() + interval '1 hour'")
    instance = await other.start(node("work"))
    assert InstanceId((await world.worker().must_claim()).instance_id) == instance


async def test_many_claimers_at_once_find_each_its_own(world: World, database: Database, bus: Bus) -> None:

    others = [await beside(world) for _ in range(3)]
    for one in (world, *others):
        for _ in range(5):
            await one.start(node("work"))
    claimed: set[UUID] = set()
    while len(claimed) < 20:  # who met another claimer's instance looks again
        jobs = await asyncio.gather(*(world.worker().claim() for _ in range(20 - len(claimed))))
        found = [job.attempt_id for job in jobs if job is not None]
        assert found
        assert claimed.isdisjoint(found)
        claimed.update(found)


async def test_a_step_knows_its_exact_place_in_the_queue(world: World) -> None:
    other = await beside(world)
    mine = [await world.start(node("work")) for _ in range(4)]
    theirs = [await other.start(node("work")) for _ in range(2)]
    urgent = await world.start(node("work"), priority=5)
    later = await world.start(node("work"))
    await world.execute(
        "UPDATE attempts SET available_at = now() + interval '1 hour' WHERE instance_id = %(id)s", id=later
    )
    steps = {one: (await world.steps(one))["work"]["id"] for one in (*mine, *theirs, urgent, later)}
    places = await world.engine.queue_positions(list(steps.values()))
    assert steps[later] not in places
    order = sorted((one for one in steps if one != later), key=lambda one: places[steps[one]])
    assert sorted(places.values()) == list(range(1, 8))
    for step, place in places.items():
        assert await world.engine.queue_positions([step]) == {step: place}, "asked about alone it is the same"
    hand = world.worker()
    assert [(await hand.must_claim()).instance_id for _ in order] == order
    assert await world.engine.queue_positions(list(steps.values())) == {}


async def test_a_lane_with_one_step_waits_for_the_other_lane_of_its_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limit(world, 5)
    await world.start(node("work"))
    looked = asyncio.Event()

    def look_again(least_s: float, _most_s: float) -> float:
        looked.set()
        return least_s

    monkeypatch.setattr("app.engine.claim.random.uniform", look_again)
    async with world.database.transaction(Scope.system()) as tx:  # the other lane claims at this moment
        lock = "SELECT pg_advisory_xact_lock(hashtextextended(%(id)s::text, 1))"
        await tx.execute(lock, {"id": world.organization_id})
        claiming = asyncio.create_task(world.worker().claim())
        seen = asyncio.create_task(looked.wait())
        await asyncio.wait({claiming, seen}, return_when=asyncio.FIRST_COMPLETED)
        assert not claiming.done(), "it is rung for once, and nobody else takes it"
    assert await claiming is not None
    seen.cancel()
