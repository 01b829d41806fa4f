"""One run of chaos from the first boot to the judgement; tests and `scripts/chaos` both call it."""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

from app.kit.blobs import BlobFolder
from app.store.database import Database
from tests.e2e.chaos.box import Victims, until
from tests.e2e.chaos.checker import Fault, judge, judge_blobs, judge_promises, judge_rounds
from tests.e2e.chaos.disturber import Disturber
from tests.e2e.chaos.history import Attempt, count_open, read_blobs, read_histories
from tests.e2e.chaos.load import Load
from tests.e2e.chaos.plan import make_plan
from tests.e2e.chaos.report import Report, recovery

# For the last instances to end, once nothing is disturbed any more: a lease, a sweep, a backlog.
SETTLE_WITHIN_S: Final = 120.0


async def chaos(folder: Path, *, seed: int, seconds: float, tell: Callable[[str], None] = print) -> Report:
    """Start a box in `folder`, load it, follow the plan of this seed, and judge what is left."""
    began = time.monotonic()
    victims = Victims(folder, random.Random(f"line {seed}"))
    load = Load(victims.url, seed)
    try:
        tell("booting a box")
        await victims.start()
        await load.prepare(folder)
        plan = make_plan(seed, seconds)
        tell(f"disturbing it {len(plan)} times: {', '.join(act.what for act in plan)}")
        working = asyncio.create_task(load.run())
        disturber = Disturber(victims)
        try:
            await disturber.follow(plan)
            await disturber.relent()
            load.stop()
            tell(f"waiting for the last of {len(load.promised)} instances")
            done, _ = await asyncio.wait([working], timeout=SETTLE_WITHIN_S)
            if done:
                working.result()
            await _rest(victims)
        finally:
            working.cancel()
            await asyncio.wait([working])
        return await _judge(victims, load, disturber, seed=seed, began=began)
    finally:
        await load.client.close()
        await victims.close()
        (folder / "box.log").write_text("\n".join(line for life in victims.lives for line in life.lines))
        (folder / "far.log").write_text("\n".join(victims.lines))


async def _rest(victims: Victims) -> None:
    """Wait until nothing runs any more: what ran for an instance that was cancelled ends a moment later."""
    database = Database.open(victims.settings, "chaos", pool_size=1)

    async def is_over() -> bool:
        return await count_open(database) == 0

    try:
        await until(is_over, SETTLE_WITHIN_S)
    finally:
        await database.close()


async def _judge(victims: Victims, load: Load, disturber: Disturber, *, seed: int, began: float) -> Report:
    database = Database.open(victims.settings, "chaos", pool_size=1)
    faults = list(load.faults)
    found: dict[UUID, str] = {}
    attempts: list[Attempt] = []
    reused = 0
    ends: Counter[str] = Counter()
    rounds: defaultdict[UUID, Counter[str]] = defaultdict(Counter)  # of what runs for steps, by step
    try:
        async for history in read_histories(database):
            instance = history.instance
            ends[instance.status] += 1
            attempts += history.attempts
            reused += sum(step.reused_from is not None for step in history.steps)
            faults += judge(history, load.promised.get(instance.id))
            if instance.parent_step_id is None:
                found[instance.id] = instance.workflow
            else:
                rounds[instance.parent_step_id][instance.status] += 1
        async for history in read_histories(database):
            faults += judge_rounds(history, rounds)
        blobs = await read_blobs(database)
    finally:
        await database.close()
    faults += judge_promises(load.workflows, found)
    faults += await asyncio.to_thread(_judge_bytes, victims, blobs)
    return Report(
        seed=seed,
        took_s=time.monotonic() - began,
        recoveries=[recovery(blow, attempts) for blow in disturber.blows],
        ends=ends,
        attempts=Counter(one.status for one in attempts),
        reused=reused,
        fates=Counter(victims.proxy.fates),
        troubles=load.client.troubles,
        complaints=_complaints([line for life in victims.lives for line in life.lines] + victims.lines),
        faults=faults,
    )


def _judge_bytes(victims: Victims, blobs: set[str]) -> list[Fault]:
    folder = BlobFolder(victims.settings.blobs_dir, victims.settings.tmp_dir)
    return judge_blobs({named: _measure(folder.path(named)) for named in blobs})


def _measure(path: Path) -> str | None:
    """The sha256 of a file's bytes, None when there is no such file."""
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _complaints(lines: list[str]) -> Counter[str]:
    """What was logged as a warning or worse, by program and action."""
    found: Counter[str] = Counter()
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in {"WARNING", "ERROR", "CRITICAL"}:
            found[f"{entry['level']} {entry.get('service')}: {entry.get('action') or entry['message']}"] += 1
    return found
