"""The doorbell on a real Redis: how soon it is heard, what it survives, and what it leans on."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import arq.worker
import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.flow.messages import BELL_FUNCTION, CANCEL_CHANNEL, queue_name
from app.kit.codec import decode_any, encode
from app.kit.ids import new_id
from app.kit.settings import Settings, load_settings
from app.store.queue import BELL_EXPIRES, Bells
from appliance import storage
from appliance.redis import Server
from tests.workers.conftest import eventually
from workers.bell import Bell


class Ear:
    """What a bell tells, written down."""

    def __init__(self) -> None:
        self.heard: list[UUID] = []
        self.cancelled: list[UUID] = []
        self.connections = 0
        self.empty_since = 0.0
        self.hold: asyncio.Event | None = None

    async def answer(self, attempt_id: UUID) -> None:
        self.heard.append(attempt_id)
        if self.hold is not None:
            await self.hold.wait()

    def connected(self) -> None:
        self.connections += 1


@asynccontextmanager
async def listening(url: str, ear: Ear, slots: int = 2) -> AsyncIterator[Bell]:
    """A bell with somebody at it."""
    bell = Bell(
        url,
        "cpu",
        slots,
        answer=ear.answer,
        on_cancel=ear.cancelled.append,
        is_stale=lambda since: since < ear.empty_since,
        on_connected=ear.connected,
    )
    main = asyncio.create_task(bell.main())
    try:
        await eventually(lambda: bell.is_connected)
        yield bell
    finally:
        main.cancel()
        await asyncio.gather(main, return_exceptions=True)
        await bell.close()


@asynccontextmanager
async def ringing(url: str) -> AsyncIterator[tuple[Bells, Redis]]:
    """The API's end of the bell."""
    redis = Redis.from_url(url)
    await redis.flushdb()
    yield Bells(redis), redis
    await redis.aclose()


async def test_a_ring_is_heard_at_once_and_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.bell.POLL_S", 3600.0)  # whoever waits for the next poll hears nothing here
    ear = Ear()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear):
        first, ids = new_id(), [new_id(), new_id(), new_id()]
        await bells.ring("cpu", [first])
        await eventually(lambda: ear.heard == [first])  # maybe by the first poll; the next is far away
        await bells.ring("cpu", ids)
        await eventually(lambda: len(ear.heard) == 4)
        assert set(ear.heard[1:]) == set(ids)

        async def is_clean() -> bool:
            return not [key for key in await redis.keys("arq:*") if b"health" not in key]

        await eventually(is_clean)


async def test_only_as_many_rings_are_taken_as_there_are_slots(settings: Settings) -> None:
    ear = Ear()
    ear.hold = asyncio.Event()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear, slots=1):
        await bells.ring("cpu", [new_id(), new_id()])
        await eventually(lambda: ear.heard)
        assert await redis.zcard(queue_name("cpu")) == 2, "what is not finished stays in the queue"
        assert len(ear.heard) == 1
        ear.hold.set()
        await eventually(lambda: len(ear.heard) == 2)


async def test_overtaken_rings_are_dropped_without_an_answer(settings: Settings) -> None:
    ear = Ear()
    ear.hold = asyncio.Event()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear, slots=2):
        # The second ring shows that the first look at the queue has seen all of them.
        await bells.ring("cpu", [new_id() for _ in range(50)])
        await eventually(lambda: len(ear.heard) == 2)
        ear.empty_since = time.monotonic()
        ear.hold.set()

        async def is_empty() -> bool:
            return int(await redis.zcard(queue_name("cpu"))) == 0

        await eventually(is_empty)
        assert len(ear.heard) <= 4


async def test_a_ring_for_the_same_attempt_is_heard_again(settings: Settings) -> None:
    """Its first ring found the lane closed; when it opens the sweep rings for it once more."""
    ear = Ear()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear):
        attempt = new_id()
        await bells.ring("cpu", [attempt])
        await eventually(lambda: ear.heard == [attempt])

        async def is_answered() -> bool:
            return not await redis.exists(f"arq:job:{attempt}")

        await eventually(is_answered)
        ear.empty_since = time.monotonic()
        await bells.ring("cpu", [attempt])
        await eventually(lambda: ear.heard == [attempt, attempt])


async def test_a_cancel_is_heard(settings: Settings) -> None:
    ear = Ear()
    async with ringing(settings.redis.url) as (_, redis), listening(settings.redis.url, ear):
        attempt = new_id()
        await redis.publish(CANCEL_CHANNEL, b"no id at all")
        await redis.publish(CANCEL_CHANNEL, str(attempt))
        await eventually(lambda: ear.cancelled == [attempt])


async def test_a_ring_that_names_no_attempt_is_dropped(settings: Settings) -> None:
    ear = Ear()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear, slots=1):
        theirs = ArqRedis(connection_pool=redis.connection_pool, job_serializer=encode)
        await theirs.enqueue_job(BELL_FUNCTION, "nonsense", _job_id="nonsense", _queue_name=queue_name("cpu"))
        attempt = new_id()
        await bells.ring("cpu", [attempt])
        await eventually(lambda: ear.heard == [attempt])


async def test_work_goes_on_when_redis_forgets_its_ring_meanwhile(settings: Settings) -> None:
    ear = Ear()
    ear.hold = asyncio.Event()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear, slots=1):
        first, second = new_id(), new_id()
        await bells.ring("cpu", [first])
        await eventually(lambda: ear.heard == [first])
        await redis.flushall()
        await bells.ring("cpu", [first, second])
        ear.hold.set()
        await eventually(lambda: second in ear.heard)
        assert ear.heard.count(first) <= 2, "a claim finds out that somebody has it"


async def test_a_killed_workers_ring_is_heard_by_another(settings: Settings) -> None:
    ear, other = Ear(), Ear()
    ear.hold = asyncio.Event()
    async with ringing(settings.redis.url) as (bells, redis):
        attempt = new_id()
        async with listening(settings.redis.url, ear, slots=1):
            await bells.ring("cpu", [attempt])
            await eventually(lambda: ear.heard)
            ttl_ms = await redis.pttl(f"arq:in-progress:{attempt}")
            assert 0 < ttl_ms <= 15_000, "a kill costs at most this, not the longest timeout"
        async with listening(settings.redis.url, other, slots=1):
            await eventually(lambda: other.heard == [attempt])


async def test_flushall_costs_nothing_but_the_ring(settings: Settings) -> None:
    ear = Ear()
    async with ringing(settings.redis.url) as (bells, redis), listening(settings.redis.url, ear):
        await redis.flushall()
        attempt = new_id()
        await bells.ring("cpu", [attempt])
        await eventually(lambda: ear.heard == [attempt])


async def test_redis_may_restart(tmp_path: Path) -> None:
    environment = {"WORKSPACE_PATH": str(tmp_path / "ws"), "STUDIO_RUN_DIR": str(tmp_path / "run")}
    settings = load_settings(environment)
    storage.prepare(settings)
    server = Server(settings)
    server.prepare()
    server.start()
    ear = Ear()
    try:
        async with listening(settings.redis.url, ear) as bell:
            await asyncio.to_thread(server.stop)
            await eventually(lambda: not bell.is_connected)
            await asyncio.to_thread(server.start)
            await eventually(lambda: bell.is_connected)
            assert ear.connections == 2
            async with ringing(settings.redis.url) as (bells, _):
                attempt = new_id()
                await bells.ring("cpu", [attempt])
                await eventually(lambda: ear.heard == [attempt])
    finally:
        server.stop()


def test_arq_still_has_the_private_names_we_lean_on() -> None:
    """Bell overrides and calls these. When arq changes them, Bell has to be read again, line by line."""
    worker = arq.worker.Worker
    assert arq.worker.__name__
    assert inspect.iscoroutinefunction(worker._poll_iteration)
    assert list(inspect.signature(worker.run_job).parameters) == ["self", "job_id", "score"]
    source = inspect.getsource(worker)
    for phrase in (
        "self.in_progress_timeout_s * 1000",
        "self.job_tasks[job_id] = task",
        "self.tasks[job_id] = t",
        "t.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())",
        "if self.job_counter < self.max_jobs:",
        "start=self._queue_read_offset, num=count, max=now",
        "pipe.psetex(in_progress_key, int(self.in_progress_timeout_s * 1000), b'1')",
    ):
        assert phrase in source, phrase
    ours: list[Callable[..., Awaitable[None]]] = [Bell.main, Bell.close, Bell._poll_iteration]
    assert all(one is not getattr(worker, one.__name__) for one in ours)


def test_arq_is_pinned_to_the_version_that_was_read() -> None:
    from importlib.metadata import version

    assert version("arq") == "0.28.0"


async def test_a_ring_is_written_as_arq_itself_would_write_it(settings: Settings) -> None:
    """Bells.ring writes arq's keys in one round trip; this holds it to arq's own way."""
    attempt = new_id()
    async with ringing(settings.redis.url) as (bells, redis):
        await bells.ring("cpu", [attempt])
        ours = await _ring_in(redis, str(attempt))
        await redis.flushdb()
        theirs = ArqRedis(connection_pool=redis.connection_pool, job_serializer=encode)
        await theirs.enqueue_job(
            BELL_FUNCTION,
            str(attempt),
            _job_id=str(attempt),
            _queue_name=queue_name("cpu"),
            _expires=BELL_EXPIRES,
        )
        assert await _ring_in(redis, str(attempt)) == ours


async def _ring_in(redis: Redis, job_id: str) -> tuple[set[bytes], dict[str, object], int, bool]:
    """A ring as it lies in Redis, without its moment."""
    job = decode_any(await redis.get(f"arq:job:{job_id}"))
    moment = job.pop("et")
    score = await redis.zscore(queue_name("cpu"), job_id)
    days = round(await redis.pttl(f"arq:job:{job_id}") / 86_400_000)
    return set(await redis.keys("*")), job, days, score == moment


def test_nothing_is_pickled_on_either_end() -> None:
    assert "job_serializer=encode" in inspect.getsource(Bell)
    assert "job_deserializer=decode_any" in inspect.getsource(Bell)
    assert "serializer=encode" in inspect.getsource(Bells)
