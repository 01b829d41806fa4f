"""The daemon: timers fire promptly, one at a time is at work, and it outlives its servers' restarts."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from app.daemon.clockwork import Clockwork
from app.daemon.election import APPLICATION, Office
from app.engine.sweep import Swept
from app.flow.messages import queue_name, wake_channel
from app.kit.backups import Backups
from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.resources.periodic import Job, Parts, all_jobs
from app.store.bus import Bus
from tests.engine.world import World, node
from tests.patience import PATIENCE_S


def parts_of(world: World, settings: Settings, bus: Bus, folder: Path) -> Parts:
    """What the daemon's work is done with."""
    return Parts(
        settings=settings,
        database=world.database,
        engine=world.engine,
        blobs=BlobFolder(folder, folder),
        bus=bus,
    )


@asynccontextmanager
async def at_work(settings: Settings, clockwork: Clockwork) -> AsyncIterator[Office]:
    """An elected daemon that works while the block runs."""
    office = await Office.win(settings)
    turning = asyncio.create_task(clockwork.turn(office))
    try:
        yield office
    finally:
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        await office.leave()


async def ended(world: World, bus: Bus, instance: object) -> None:
    """Wait for the end of an instance by its live events."""
    async with asyncio.timeout(PATIENCE_S), bus.listen(f"studio:live:{instance}") as events:
        while (await world.instance(instance))["status"] not in {"completed", "failed", "cancelled"}:  # type: ignore[arg-type]
            await events.get_message(timeout=PATIENCE_S)


async def test_a_delay_fires_at_its_time_and_not_at_the_next_tick(
    world: World, settings: Settings, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.daemon.clockwork.TICK_S", 3600.0)
    sweep, rests = world.engine.sweep, asyncio.Event()

    async def noting(*, bells_are_lost: bool) -> Swept:
        swept = await sweep(bells_are_lost=bells_are_lost)
        rests.set()
        return swept

    monkeypatch.setattr(world.engine, "sweep", noting)
    async with at_work(settings, Clockwork(parts_of(world, settings, bus, tmp_path), [])):
        await asyncio.wait_for(rests.wait(), PATIENCE_S)
        await ended(world, bus, await world.start(node("wait", "core.delay", with_={"seconds": 0.2})))
        # What a library swallows of a cancellation in the middle of a sweep is heeded one tick later.
        monkeypatch.undo()


async def test_a_second_daemon_stands_by_until_the_first_is_gone(settings: Settings) -> None:
    first = await Office.win(settings)
    second = asyncio.create_task(Office.win(settings))
    done, _ = await asyncio.wait([second], timeout=0.5)
    assert not done
    await first.leave()
    await (await asyncio.wait_for(second, PATIENCE_S)).leave()


async def test_a_daemon_whose_connection_breaks_has_lost_its_office(
    world: World, settings: Settings, bus: Bus, tmp_path: Path
) -> None:
    office = await Office.win(settings)
    turning = asyncio.create_task(Clockwork(parts_of(world, settings, bus, tmp_path), []).turn(office))
    await asyncio.sleep(0)
    await world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %(name)s",
        name=APPLICATION,
    )
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(turning, PATIENCE_S)
    assert caught.group_contains(psycopg.OperationalError)
    await (await Office.win(settings)).leave()


async def test_bells_are_rung_again_as_soon_as_redis_has_lost_them(
    world: World, settings: Settings, bus: Bus, tmp_path: Path
) -> None:
    await world.start(node("a"))
    async with at_work(settings, Clockwork(parts_of(world, settings, bus, tmp_path), [])):
        async with bus.listen(wake_channel("cpu")) as wakes:
            await bus.redis.flushall()
            await asyncio.wait_for(anext(wakes.listen()), PATIENCE_S)
        assert await bus.redis.zcard(queue_name("cpu")) == 1


async def test_a_sweep_that_fails_does_not_forget_that_the_bells_are_lost(
    world: World, settings: Settings, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start(node("a"))
    # It has waited for an hour, so its bell is rung once a minute at most, and was rung just now.
    await world.execute("UPDATE attempts SET available_at = now() - interval '1 h', rung_at = now()")
    await bus.redis.flushall()
    sweep, failures = world.engine.sweep, ["the database is away", "and again"]

    async def failing(*, bells_are_lost: bool) -> Swept:
        if failures:
            raise ConnectionError(failures.pop())
        return await sweep(bells_are_lost=bells_are_lost)

    monkeypatch.setattr(world.engine, "sweep", failing)
    clockwork = Clockwork(parts_of(world, settings, bus, tmp_path), [])
    async with bus.listen(wake_channel("cpu")) as wakes, at_work(settings, clockwork):
        await asyncio.wait_for(anext(wakes.listen()), PATIENCE_S)
    assert await bus.redis.zcard(queue_name("cpu")) == 1


async def test_a_job_that_fails_is_run_again_and_harms_no_other(
    world: World, settings: Settings, bus: Bus, tmp_path: Path
) -> None:
    runs = {"bad": 0, "good": 0}
    enough = asyncio.Event()

    async def bad(_: Parts) -> int:
        runs["bad"] += 1
        raise ValueError("no")

    async def good(_: Parts) -> int:
        runs["good"] += 1
        if min(runs.values()) >= 2:
            enough.set()
        return 0

    jobs = [Job(name="bad", every_s=0.02, run=bad), Job(name="good", every_s=0.02, run=good)]
    async with at_work(settings, Clockwork(parts_of(world, settings, bus, tmp_path), jobs)):
        await asyncio.wait_for(enough.wait(), PATIENCE_S)


async def test_the_process_says_what_it_is_and_ends_at_once_when_told(settings: Settings) -> None:
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.daemon"),
        env={
            **os.environ,
            "WORKSPACE_PATH": str(settings.workspace),
            "STUDIO_RUN_DIR": str(settings.run_dir),
            "LOG_FORMAT": "json",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert daemon.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"daemon_elected" not in said:
            said = await daemon.stdout.readline()
            assert said, "it ended before it was elected"
    told = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(daemon.wait(), 10) == 0
    assert time.monotonic() - told < 9, "the whole box has 9 s"


def test_the_rooms_bring_their_work_by_themselves() -> None:
    names = [job.name for job in all_jobs()]
    assert "waits explained" in names
    assert len(names) == len(set(names))


async def test_a_restored_box_waits_until_it_is_released(
    world: World, settings: Settings, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, order = [True] * 4, list[str]()
    worked = asyncio.Event()

    def is_held(_: Backups) -> bool:
        order.append("asked")
        return bool(held) and held.pop()

    async def sweep(*, bells_are_lost: bool) -> Swept:
        order.append("swept")
        return Swept(lost=0, overrun=0, woken=0, told=0, rung=0, next_due_s=None)

    async def work(_: Parts) -> int:
        order.append("worked")
        worked.set()
        return 0

    monkeypatch.setattr(Backups, "is_held", is_held)
    monkeypatch.setattr(world.engine, "sweep", sweep)
    jobs = [Job(name="work", every_s=0.02, run=work)]
    async with at_work(settings, Clockwork(parts_of(world, settings, bus, tmp_path), jobs)):
        await asyncio.wait_for(worked.wait(), PATIENCE_S)
    assert order[:4] == ["asked"] * 4


async def test_bells_are_rung_again_when_every_process_knows_that_a_gate_is_open(
    world: World, settings: Settings, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr("app.daemon.clockwork.time.monotonic", lambda: moment)
    parts = parts_of(world, settings, bus, tmp_path)
    clockwork = Clockwork(parts, [])
    is_open: frozenset[str] = frozenset()
    assert not clockwork._gate_opened(frozenset({"cpu"}))
    assert clockwork._gate_opened(is_open), "at once"
    assert not clockwork._gate_opened(is_open)
    moment += 1.1
    assert clockwork._gate_opened(is_open), "and when nobody can believe it closed any more"
    assert not clockwork._gate_opened(is_open)
