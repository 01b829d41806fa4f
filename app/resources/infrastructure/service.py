"""From what was found to an answer: is the box well, may people be sent here, and everything about it."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from app.kit.errors import StudioError, Unavailable
from app.kit.tally import Key, Tally
from app.resources.discovery import room_modules
from app.resources.exposition import Gauge, gauge, render
from app.resources.infrastructure import facts
from app.resources.infrastructure.checks.database import away
from app.resources.infrastructure.looking import PATIENCE_S, SILENT, Box, all_checks, look_around, worst
from app.resources.infrastructure.schemas import FullHealth, Health, RedisHealth, WorkersHealth
from app.store import counts


class NotReady(Unavailable):
    """This box is not ready to serve."""


class Unhealthy(Unavailable):
    """This box is not healthy."""


async def refuse_unhealthy(box: Box) -> None:
    """Raises Unhealthy when the database does not answer: without it nothing works."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await facts.ask_database(box)
    except (StudioError, TimeoutError) as exc:
        found = away(box)
        raise Unhealthy(found.detail, remedy=found.remedy) from exc


async def readiness(box: Box) -> Health:
    """Whether to send people here. Raises NotReady with every reason.

    A silent Redis costs latency and nothing else, so it is told but does not close the door.
    """
    checks = all_checks()
    found = await look_around(box, {one.name: one.probe for one in checks if one.probe is not None})
    doors = {one.name for one in checks if one.closes_the_door}
    faults = [one for name, one in found.items() if name in doors and one.status in {"unhealthy", "unknown"}]
    if faults:
        raise NotReady(
            " ".join(dict.fromkeys(one.detail for one in faults)),
            remedy=" ".join(dict.fromkeys(one.remedy for one in faults if one.remedy)),
            checks=found,
        )
    return Health(status=worst(found), checks=found)


async def health(box: Box) -> Health:
    """Every part with a sentence."""
    found = await look_around(box, {one.name: one.look for one in all_checks()})
    return Health(status=worst(found), checks=found)


async def full(box: Box) -> FullHealth:
    """Every fact, and what it means. Raises DatabaseUnavailable: without it there is nothing to tell."""
    whole = await health(box)
    return FullHealth(
        status=whole.status,
        checks=whole.checks,
        database=await box.see(facts.database_facts),
        redis=await _or_none(partial(box.see, facts.redis_facts)),
        storage=await box.see(facts.storage_facts),
        workers=await box.see(facts.worker_facts),
        lanes=await box.see(facts.lane_facts),
        gpus=await box.see(facts.cards),
        versions=await box.see(facts.versions),
    )


async def redis_health(box: Box) -> RedisHealth:
    """Redis, or why it does not answer."""
    found = await _about(box, "redis")
    return RedisHealth(
        status=found.status,
        checks=found.checks,
        facts=await _or_none(partial(box.see, facts.redis_facts)),
    )


async def workers_health(box: Box) -> WorkersHealth:
    """Who works, and what waits."""
    found = await _about(box, "workers", "lanes", "gpus", "versions")
    return WorkersHealth(
        status=found.status,
        checks=found.checks,
        workers=await box.see(facts.worker_facts),
        lanes=await box.see(facts.lane_facts),
    )


async def metrics(box: Box, tally: Tally) -> str:
    """What the box counts and measures; while a part of it is away, what the others tell."""
    gauges: list[Gauge] = []
    is_up = True
    for room in _measurers():
        try:
            gauges += await room.gauges(box)
        except Unavailable:
            is_up = False
    gauges.append(gauge("studio_database_up", "Whether the database answers.", float(is_up)))
    counted: Mapping[Key, float] = {}
    await counts.hand_in(box.redis, tally)
    with contextlib.suppress(*SILENT):
        counted = await counts.sums(box.redis)
    return render(gauges, counted)


@functools.cache
def _measurers() -> list[ModuleType]:
    """The rooms that have something to measure."""
    return room_modules("metrics")


async def _about(box: Box, *names: str) -> Health:
    found = await look_around(box, {one.name: one.look for one in all_checks() if one.name in names})
    return Health(status=worst(found), checks=found)


async def _or_none(ask: Callable[[], Any]) -> Any:
    """What Redis tells, None while it is away."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await ask()
    except SILENT:
        return None
