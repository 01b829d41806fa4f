"""Does to the box what the plan says, and notes when, to whom, and when it was back."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import msgspec
import psutil
from redis.exceptions import RedisError

from app.flow.messages import LEASE_S, Lane
from app.store.bus import connect
from app.store.database import Database, Scope
from app.store.queue import Bells
from appliance.postgres import Cluster
from appliance.redis import Server
from tests.e2e.chaos.box import READY_WITHIN_S, Victims, pids, send, until
from tests.e2e.chaos.plan import Act, What
from tests.e2e.chaos.proxy import FOUL, USUAL

FROZEN_S: Final = (LEASE_S + 2, LEASE_S + 8)
FOUL_S: Final = 4.0
REPEATED_CALLS: Final = 60
RUNG_ATTEMPTS: Final = 150

BOTH: Final = (Lane.cpu, Lane.gpu)


class Blow(msgspec.Struct, kw_only=True):
    """One disturbance as it happened."""

    what: What
    at: float  # seconds since 1970, as the database counts them on the same machine
    lanes: tuple[Lane, ...]  # that it keeps from working
    workers: tuple[int, ...] = ()  # the processes whose steps it ends
    back_at: float | None = None  # when what was hit was there again
    note: str = ""


class Disturber:
    """The hand that follows the plan."""

    def __init__(self, victims: Victims) -> None:
        self._victims = victims
        self._settings = victims.settings
        self._waiting: set[asyncio.Task[None]] = set()
        self.blows: list[Blow] = []
        self._ways: Mapping[What, Callable[[random.Random], Awaitable[None]]] = {
            What.kill_cpu_worker: lambda _: self._kill(What.kill_cpu_worker, "worker-cpu", Lane.cpu),
            What.kill_gpu_worker: lambda _: self._kill(What.kill_gpu_worker, "worker-gpu", Lane.gpu),
            What.kill_far_worker: lambda _: self._kill_far_worker(),
            What.kill_children: lambda _: self._kill_children(),
            What.kill_api: lambda _: self._kill(What.kill_api, "api", *BOTH),
            What.kill_daemon: lambda _: self._kill(What.kill_daemon, "daemon"),
            What.kill_redis: lambda _: self._kill(What.kill_redis, "redis", *BOTH),
            What.flush_redis: lambda _: self._flush_redis(),
            What.kill_backend: self._kill_backend,
            What.kill_postgres: lambda _: self._kill(What.kill_postgres, "postgres", *BOTH),
            What.kill_everything: lambda _: self._kill_everything(),
            What.freeze_worker: self._freeze_worker,
            What.ring_wildly: self._ring_wildly,
            What.repeat_calls: lambda _: self._repeat_calls(),
            What.lose_answers: lambda _: self._lose_answers(),
        }

    async def follow(self, plan: tuple[Act, ...]) -> None:
        """Do it all, one act after the other; what takes a while goes on beside the next ones."""
        for act in plan:
            await asyncio.sleep(act.pause_s)
            await self._ways[act.what](random.Random(act.seed))
            if not self._victims.is_alive:
                raise RuntimeError(f"the box ended by itself after “{act.what}”")

    async def relent(self) -> None:
        """Wait until everything that was begun is over."""
        if self._waiting:
            await asyncio.gather(*self._waiting)

    # What is done ----------------------------------------------------------------------------------------

    async def _kill(self, what: What, program: str, *lanes: Lane) -> None:
        at = time.time()
        pid = await self._victims.kill(program)
        if pid is None:
            self._note(what, at, note="it was not there")
            return
        blow = self._note(what, at, *lanes, workers=(pid,) if program.startswith("worker") else ())
        self._await_return(blow, lambda: self._is_back(program, pid))

    async def _kill_far_worker(self) -> None:
        at = time.time()
        pid = self._victims.kill_far_worker()
        blow = self._note(What.kill_far_worker, at, Lane.cpu, workers=(pid,) if pid else ())

        async def is_back() -> bool:
            return self._victims.far_pid not in (None, pid)

        self._await_return(blow, is_back)

    async def _kill_children(self) -> None:
        worker = await self._victims.pid("worker-gpu")
        children = await self._victims.children("worker-gpu", "workers.child")
        blow = self._note(What.kill_children, time.time(), Lane.gpu, workers=(worker,) if worker else ())
        blow.note = f"{len(children)} of them"
        for child in children:
            send(child.pid, signal.SIGKILL)

    async def _flush_redis(self) -> None:
        redis = connect(self._settings.redis.url)
        blow = self._note(What.flush_redis, time.time(), *BOTH)
        try:
            await redis.flushall()
        except (RedisError, OSError):
            blow.note = "it was away"
        finally:
            await redis.aclose()

    async def _kill_backend(self, chance: random.Random) -> None:
        """Postgres then restarts by itself, as it does after every crash of a backend."""
        backends = await self._victims.children("postgres", "studio_app")
        blow = self._note(What.kill_backend, time.time(), *BOTH)
        if not backends:
            blow.note = "there was none"
            return
        send(chance.choice(backends).pid, signal.SIGKILL)
        before = set(pids(backends))

        async def is_back() -> bool:
            now = set(pids(await self._victims.children("postgres", "studio_app")))
            return not now & before and await asyncio.to_thread(self._postgres.ready)

        self._await_return(blow, is_back)

    async def _kill_everything(self) -> None:
        workers = [await self._victims.pid(program) for program in ("worker-cpu", "worker-gpu")]
        blow = self._note(
            What.kill_everything, time.time(), *BOTH, workers=tuple(pid for pid in workers if pid)
        )
        await self._victims.kill_everything()
        await self._victims.boot()
        blow.back_at = time.time()

    async def _freeze_worker(self, chance: random.Random) -> None:
        pid = chance.choice([await self._victims.pid("worker-cpu"), self._victims.far_pid])
        if pid is None:
            self._note(What.freeze_worker, time.time(), note="it was not there")
            return
        blow = self._note(What.freeze_worker, time.time(), Lane.cpu, workers=(pid,))
        send(pid, signal.SIGSTOP)
        process = psutil.Process(pid)
        ends_at = time.monotonic() + chance.uniform(*FROZEN_S)

        async def thawed() -> bool:
            if time.monotonic() < ends_at and process.is_running():
                return False
            send(pid, signal.SIGCONT)
            return True

        self._await_return(blow, thawed)

    async def _ring_wildly(self, chance: random.Random) -> None:
        redis = connect(self._settings.redis.url)
        bells = Bells(redis)
        self._note(What.ring_wildly, time.time())
        try:
            known = await self._some_attempts()
            rings = [*known, *chance.sample(known, len(known) // 2), *(uuid4() for _ in range(20))]
            chance.shuffle(rings)
            for start in range(0, len(rings), 25):
                await bells.ring(chance.choice(BOTH), rings[start : start + 25])
        finally:
            await redis.aclose()

    async def _repeat_calls(self) -> None:
        blow = self._note(What.repeat_calls, time.time())
        blow.note = f"{await self._victims.proxy.repeat(REPEATED_CALLS)} calls"

    async def _lose_answers(self) -> None:
        blow = self._note(What.lose_answers, time.time())
        self._victims.proxy.mood = FOUL
        ends_at = time.monotonic() + FOUL_S

        async def is_over() -> bool:
            if time.monotonic() < ends_at:
                return False
            self._victims.proxy.mood = USUAL
            return True

        self._await_return(blow, is_over)

    # Helpers ---------------------------------------------------------------------------------------------

    @property
    def _postgres(self) -> Cluster:
        return Cluster(self._settings)

    async def _is_back(self, program: str, former: int) -> bool:
        if await self._victims.pid(program) in (None, former):
            return False
        match program:
            case "api":
                return await self._victims.is_ready()
            case "redis":
                return await asyncio.to_thread(Server(self._settings).ready)
            case "postgres":
                return await asyncio.to_thread(self._postgres.ready)
            case _:
                return True

    async def _some_attempts(self) -> list[Any]:
        """Attempts of every state, the newest first; none while the database is away."""
        database = Database.open(self._settings, "chaos", pool_size=1)
        try:
            async with database.transaction(Scope.system()) as tx:
                rows = await tx.fetch_all(
                    "SELECT id FROM attempts ORDER BY created_at DESC LIMIT %(most)s", {"most": RUNG_ATTEMPTS}
                )
        except Exception:  # noqa: BLE001  whatever was killed a moment ago
            return []
        finally:
            await database.close()
        return [row["id"] for row in rows]

    def _note(self, what: What, at: float, *lanes: Lane, **facts: Any) -> Blow:
        blow = Blow(what=what, at=at, lanes=lanes, **facts)
        self.blows.append(blow)
        return blow

    def _await_return(self, blow: Blow, is_back: Callable[[], Awaitable[bool]]) -> None:
        async def wait() -> None:
            if await until(is_back, READY_WITHIN_S):
                blow.back_at = time.time()
            else:
                blow.note = "never came back"

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
