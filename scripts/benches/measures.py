"""The measurements, one function each. Every one takes a running box and gives back lines of the table."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

from scripts.benches.box import Box
from scripts.benches.figures import Figure, figure, quantile
from scripts.benches.knocking import deliver
from scripts.benches.ops import ops
from scripts.benches.person import ENDED, Json, Person, moment
from scripts.benches.rings import rings

CHAIN_LENGTH = 40

Measure = Callable[[Box, Person, int], Awaitable[list[Figure]]]


def chain(kind: str, length: int, values: Callable[[int], Json]) -> list[Json]:
    """Nodes one after the other."""
    return [
        {"id": f"n{number}", "type": kind, "with": values(number)}
        | ({"needs": [f"n{number - 1}"]} if number else {})
        for number in range(length)
    ]


async def memory(box: Box, _person: Person, _rounds: int) -> list[Figure]:
    """Resident memory of everything, a while after the last request."""
    await asyncio.sleep(5)
    weights = box.memory()
    heaviest = sorted(weights.items(), key=lambda item: -item[1])
    note = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in heaviest[:6])
    total_mb = sum(weights.values()) / 1e6
    return [figure("everything idle (PSS)", "MB", [total_mb], 600, note=note)]


async def bell(box: Box, person: Person, rounds: int) -> list[Figure]:
    """From the bell's arrival in Redis to the claim, on a worker that has nothing else to do.

    Both moments are told by who knows them: Redis says when it took the ring, Postgres when the lease began.
    """
    workflow = await person.save("bench: one step", chain("debug.work", 1, lambda _: {"seconds": 0}))
    waits_ms: list[float] = []
    trips_ms: list[float] = []
    async with rings(box.settings) as rung_at:
        for _ in range(20 * rounds):
            instance = await person.run(workflow)
            step = (await person.steps(instance["id"]))[0]
            attempt = step["attempts"][0]
            waits_ms.append((moment(attempt["claimed_at"]) - rung_at[-1]) * 1000)
            trips_ms.append((moment(instance["ended_at"]) - moment(instance["created_at"])) * 1000)
    return [
        figure("bell to claim, idle worker", "ms", waits_ms, 5, 15),
        figure("one cpu step, start to end of the instance", "ms", trips_ms),
    ]


async def chained(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """A chain of trivial cpu steps: how much each adds."""
    nodes = chain("debug.work", CHAIN_LENGTH, lambda _: {"seconds": 0})
    workflow = await person.save("bench: chain", nodes)
    each_ms: list[float] = []
    for _ in range(rounds):
        instance = await person.run(workflow)
        ends = sorted(moment(step["ended_at"]) for step in await person.steps(instance["id"]))
        each_ms += [(later - earlier) * 1000 for earlier, later in pairwise(ends)]
    return [figure(f"cpu step in a chain of {CHAIN_LENGTH}", "ms", each_ms, 5)]


async def inline(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """A chain of inline steps, from the request to its answer."""
    nodes = chain("core.set", CHAIN_LENGTH, lambda number: {"value": number})
    workflow = await person.save("bench: inline", nodes)
    whole_ms: list[float] = []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        instance = await person.start(workflow)
        took_ms = (time.perf_counter() - began) * 1000
        if instance["status"] not in ENDED:
            raise SystemExit(f"inline steps did not end with the request: {instance['status']}")
        whole_ms.append(took_ms)
    one = await person.save("bench: one inline step", nodes[:1])
    single_ms: list[float] = []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        await person.start(one)
        single_ms.append((time.perf_counter() - began) * 1000)
    # What a request costs without its steps is the same for both, so the difference is the steps alone.
    base_ms = figure("", "", single_ms).p50
    each_ms = [(took - base_ms) / (CHAIN_LENGTH - 1) for took in whole_ms]
    return [
        figure("inline step", "ms", each_ms, 0.3),
        figure(f"workflow of {CHAIN_LENGTH} inline steps, request to completed", "ms", whole_ms, 25),
    ]


async def fanout(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """A list spread over trivial cpu steps and gathered again."""
    node = {
        "id": "spread",
        "type": "debug.work",
        "each": "{{ inputs.values }}",
        "with": {"seconds": 0, "value": "{{ item }}"},
    }
    workflow = await person.save("bench: fan-out", [node], {"values": {"type": "json"}})
    figures: list[Figure] = []
    for width, bearing_s in ((100, None), (1000, 4.0), (10_000, None)):
        took_s: list[float] = []
        for _ in range(max(1, rounds // 2) if width < 10_000 else 1):
            instance = await person.run(workflow, {"values": list(range(width))})
            took_s.append(moment(instance["ended_at"]) - moment(instance["created_at"]))
        note = f"{1000 * min(took_s) / width:.2f} ms an item"
        figures.append(figure(f"fan-out of {width} cpu steps", "s", took_s, bearing_s, note=note))
    return figures


async def sustained(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """Instances of a few cpu steps each, always so many under way: what the box does a second, for long."""
    length, at_once = 5, 16
    total = 40 * rounds
    workflow = await person.save("bench: sustained", chain("debug.work", length, lambda _: {"seconds": 0}))
    turns = asyncio.Semaphore(at_once)

    async def one() -> Json:
        async with turns:
            return await person.run(workflow)

    instances = await asyncio.gather(*(one() for _ in range(total)))
    began = min(moment(one["created_at"]) for one in instances)
    ended = max(moment(one["ended_at"]) for one in instances)
    trips_ms = [1000 * (moment(one["ended_at"]) - moment(one["created_at"])) for one in instances]
    return [
        figure(
            "cpu steps a second, sustained", "/s", [length * total / (ended - began)], more_is_better=True
        ),
        figure(f"instance of {length} cpu steps, {at_once} under way", "ms", trips_ms),
    ]


async def growth(box: Box, person: Person, rounds: int) -> list[Figure]:
    """What API and daemon weigh more after many instances than before them."""
    batch = 200 * rounds
    workflow = await person.save("bench: growth", chain("core.set", 5, lambda number: {"value": number}))
    turns = asyncio.Semaphore(8)

    async def one() -> None:
        async with turns:
            await person.start(workflow)

    async def many() -> float:
        await asyncio.gather(*(one() for _ in range(batch)))
        return sum(size for name, size in box.memory().items() if name.startswith("app.")) / 1e6

    before_mb = await many()  # the first batch fills caches and pools, which is no growth
    added_mb = [await many() - before_mb for _ in range(4)]
    grown_mb = [later - earlier for earlier, later in pairwise([0.0, *added_mb])]
    note = f"{before_mb:.0f} MB before, {before_mb + added_mb[-1]:.0f} after {4 * batch:,} more"
    return [figure(f"API and daemon, for every {batch:,} instances more", "MB", grown_mb, note=note)]


async def idle(box: Box, _person: Person, _rounds: int) -> list[Figure]:
    """How much of a core everything takes while nobody wants anything."""
    await asyncio.sleep(5)
    shares: list[float] = []
    for _ in range(3):
        before, began = box.processor_s(), time.perf_counter()
        await asyncio.sleep(10)
        shares.append(100 * (box.processor_s() - before) / (time.perf_counter() - began))
    return [figure("everything idle, of one core", "%", shares, 2)]


async def live(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """From an event's time in the database to its arrival at a WebSocket."""
    nodes = chain("debug.work", 10, lambda _: {"seconds": 0.05})
    workflow = await person.save("bench: live", nodes)
    delays_ms: list[float] = []
    for _ in range(rounds):
        instance = await person.start(workflow)
        subscribed_at = time.time()
        async with person.live(instance["id"]) as socket, asyncio.timeout(60):
            async for text in socket:
                arrived_at = time.time()
                message = json.loads(text)
                # Events of before the subscription come as history, not as news.
                times = [moment(event["at"]) for event in message.get("events", [message]) if "at" in event]
                delays_ms += [(arrived_at - at) * 1000 for at in times if at > subscribed_at + 0.1]
                if is_last(message):
                    break
    note = "an event's time is the start of its transaction"
    return [figure("commit to WebSocket", "ms", delays_ms, 15, note=note)]


def is_last(message: Json) -> bool:
    """Whether the instance has ended with this message."""
    ends = {f"instance.{status}" for status in ENDED}
    return any(event.get("type") in ends for event in message.get("events", [message]))


async def gpu(_box: Box, person: Person, rounds: int) -> list[Figure]:
    """How much of the time the GPU lane works while 200 ms jobs wait in line, its process running already."""
    seconds, jobs = 0.2, 25
    await person.run(
        await person.save("bench: gpu, first", chain("debug.gpu_work", 1, lambda _: {"seconds": 0}))
    )
    nodes = [
        {"id": f"n{number}", "type": "debug.gpu_work", "with": {"seconds": seconds}} for number in range(jobs)
    ]
    workflow = await person.save("bench: gpu", nodes)
    duty: list[float] = []
    for _ in range(max(1, rounds // 2)):
        instance = await person.run(workflow)
        steps = await person.steps(instance["id"])
        began = min(moment(step["started_at"]) for step in steps)
        ended = max(moment(step["ended_at"]) for step in steps)
        duty.append(100 * seconds * jobs / (ended - began))
    return [figure("GPU lane busy on a backlog of 200 ms jobs", "%", duty, 97, more_is_better=True)]


async def webhook(box: Box, person: Person, rounds: int) -> list[Figure]:
    """Deliveries of 20 senders at once, each sending its next when the one before was accepted."""
    senders, each = 20, 50
    workflow = await person.save("bench: webhook", chain("core.set", 1, lambda number: {"value": number}))
    address = await person.hook(workflow)
    await deliver(box.port, address, senders, 5)
    rates: list[float] = []
    took_ms: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        took_ms += await deliver(box.port, address, senders, each)
        rates.append(senders * each / (time.perf_counter() - began))
    p99_ms = quantile(sorted(took_ms), 0.99)
    return [
        figure("webhook accepted durably, 20 senders", "/s", rates, 400, more_is_better=True),
        figure("webhook, request to answer", "ms", took_ms, note=f"p99 {p99_ms:.0f} ms, bearing 100"),
    ]


# In the order in which they run; boot is measured around them.
MEASURES: dict[str, Measure] = {
    "memory": memory,
    "idle": idle,
    "bell": bell,
    "chain": chained,
    "inline": inline,
    "fanout": fanout,
    "sustained": sustained,
    "live": live,
    "webhook": webhook,
    "gpu": gpu,
    "growth": growth,
    "ops": ops,
}
