"""One run of chaos from the first boot to the judgement; tests and `scripts/chaos` both call it."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from app.kit.blobs import BlobFolder
from app.store.database import Database
from tests.e2e.chaos.box import Victims, until
from tests.e2e.chaos.checker import Accepted, Fault, judge, judge_blobs
from tests.e2e.chaos.disturber import Disturber
from tests.e2e.chaos.history import (
    Attempt,
    History,
    count_open,
    read_blobs,
    read_deliveries,
    read_histories,
    read_schedule_runs,
)
from tests.e2e.chaos.load import Load
from tests.e2e.chaos.plan import make_plan
from tests.e2e.chaos.report import Report, recovery
from tests.e2e.chaos.said import complaints, judge_said
from tests.e2e.chaos.together import (
    Turn,
    fingerprint,
    judge_deliveries,
    judge_kept,
    judge_promises,
    judge_rounds,
    judge_schedules,
    judge_turns,
    turn_of,
)

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
        await load.close()
        await victims.close()
        (folder / "box.log").write_text("\n".join(line for life in victims.lives for line in life.lines))
        (folder / "far.log").write_text("\n".join(victims.lines))


async def _rest(victims: Victims) -> None:
    """Wait until nothing runs any more: what ran for an instance that was cancelled ends a moment later."""
    database = Database.open(victims.settings, "chaos", pool_size=2)

    async def is_over() -> bool:
        return await count_open(database) == 0

    try:
        await until(is_over, SETTLE_WITHIN_S)
    finally:
        await database.close()


class Findings:
    """What is gathered while one history after the other is read."""

    def __init__(self, load: Load, scheduled: Mapping[UUID, Accepted]) -> None:
        self._accepted = {**scheduled, **load.promised}
        self.faults: list[Fault] = []
        self.ends: Counter[str] = Counter()
        self.attempts: list[Attempt] = []
        self.reused = 0
        self.found: dict[UUID, str] = {}  # the workflow of each instance that runs for no step
        self.sources: dict[UUID, str] = {}  # and who asked for it
        self.rounds: defaultdict[UUID, Counter[str]] = defaultdict(Counter)  # of what runs for steps, by step
        self.turns: list[Turn] = []
        self.outputs: dict[UUID, bytes | None] = {}  # of each step, by fingerprint

    def add(self, history: History) -> None:
        """Judge one instance by itself, and keep what the rules over many want to know."""
        instance = history.instance
        accepted = self._accepted.get(instance.id)
        self.faults += judge(history, accepted)
        self.ends[instance.status] += 1
        self.attempts += history.attempts
        self.reused += sum(step.reused_from is not None for step in history.steps)
        self.outputs.update((step.id, fingerprint(step)) for step in history.steps)
        turn = turn_of(history, accepted)
        if turn is not None:
            self.turns.append(turn)
        if instance.parent_step_id is None:
            self.found[instance.id] = instance.workflow
            self.sources[instance.id] = instance.source
        else:
            self.rounds[instance.parent_step_id][instance.status] += 1


async def _judge(victims: Victims, load: Load, disturber: Disturber, *, seed: int, began: float) -> Report:
    database = Database.open(victims.settings, "chaos", pool_size=2)
    try:
        deliveries, runs = await read_deliveries(database), await read_schedule_runs(database)
        by_schedule = {one.id: one for one in load.schedules}
        scheduled = {run.instance_id: by_schedule[run.schedule_id] for run in runs if run.instance_id}
        endings = {instance: Accepted(ending=one.ending) for instance, one in scheduled.items()}
        findings = Findings(load, endings)
        async for history in read_histories(database):
            findings.add(history)
        faults = [*load.faults, *findings.faults]
        async for history in read_histories(database):
            faults += judge_rounds(history, findings.rounds)
            faults += judge_kept(history, findings.outputs)
        blobs = await read_blobs(database)
    finally:
        await database.close()
    promised = {**load.workflows, **{instance: one.workflow for instance, one in scheduled.items()}}
    faults += judge_promises(promised, findings.found)
    faults += judge_turns(findings.turns)
    faults += judge_deliveries(deliveries, load.delivered, findings.sources)
    faults += judge_schedules(runs, findings.sources)
    faults += judge_said(victims.said)
    faults += await asyncio.to_thread(_judge_bytes, victims, blobs)
    return Report(
        seed=seed,
        took_s=time.monotonic() - began,
        recoveries=[recovery(blow, findings.attempts) for blow in disturber.blows],
        ends=findings.ends,
        attempts=Counter(one.status for one in findings.attempts),
        reused=findings.reused,
        done=load.done + Counter({"a start by a schedule": len(scheduled)}),
        fates=Counter(victims.proxy.fates),
        troubles=load.troubles,
        complaints=complaints(victims.said),
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
