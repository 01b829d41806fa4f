"""Does to the box what the plan says, and notes when, to whom, and when it was back."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import accumulate
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
from tests.e2e.chaos.box import READY_WITHIN_S, Victims, once, pids, send, until
from tests.e2e.chaos.plan import Act, What
from tests.e2e.chaos.proxy import FOUL, USUAL

FROZEN_S: Final = (LEASE_S + 2, LEASE_S + 8)
FOUL_S: Final = 4.0
REPEATED_CALLS: Final = 60
RUNG_ATTEMPTS: Final = 150

BOTH: Final = (Lane.cpu, Lane.gpu)

# Who can be frozen, and what would end that too soon.
KILLS: Final = {
    "far": {What.kill_far_worker},
    "worker-cpu": {What.kill_cpu_worker, What.kill_everything},
    "worker-gpu": {What.kill_gpu_worker, What.kill_everything},
}


class Blow(msgspec.Struct, kw_only=True):
    """One disturbance as it happened."""

    what: What
    at: float  # seconds since 1970, as the database counts them on the same machine
    lanes: tuple[Lane, ...]  # that it keeps from working
    workers: tuple[int, ...] = ()  # the processes whose steps it ends
    hits: int = 0  # how many processes, bells, calls it hit; none: it was struck in vain
    back_at: float | None = None  # when what was hit was there again
    is_awaited: bool = False  # whether it should be


def _soon_after(acts: Sequence[Act]) -> frozenset[What]:
    """What may happen while a worker is frozen now; the acts take time, too, so perhaps less."""
    passed_s = list(accumulate(act.pause_s for act in acts))
    return frozenset(act.what for act, at_s in zip(acts, passed_s, strict=True) if at_s <= FROZEN_S[1] + 2)


class Disturber:
    """The hand that follows the plan."""

    def __init__(self, victims: Victims) -> None:
        self._victims = victims
        self._settings = victims.settings
        self._waiting: set[asyncio.Task[None]] = set()
        self._soon: frozenset[What] = frozenset()  # what follows within the time a worker is frozen
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
        for place, act in enumerate(plan):
            await asyncio.sleep(act.pause_s)
            self._soon = _soon_after(plan[place + 1 :])
            await self._ways[act.what](random.Random(act.seed))
            if not self._victims.is_alive:
                raise RuntimeError(f"the box ended by itself after “{act.what}”")

    async def relent(self) -> None:
        """Wait until everything that was begun is over."""
        if self._waiting:
            await asyncio.gather(*self._waiting)

    # What is done ----------------------------------------------------------------------------------------
    #
    # Whoever is to be hit may just be coming back from the blow before: then the hand waits.

    async def _kill(self, what: What, program: str, *lanes: Lane) -> None:
        pid = await once(lambda: self._victims.pid(program), READY_WITHIN_S)
        blow = self._note(what, *lanes)
        if pid is None:
            return
        send(pid, signal.SIGKILL)
        blow.hits = 1
        blow.workers = (pid,) if program.startswith("worker") else ()
        self._await_return(blow, lambda: self._is_back(program, pid))

    async def _kill_far_worker(self) -> None:
        async def kill() -> int | None:
            return self._victims.kill_far_worker()

        pid = await once(kill, READY_WITHIN_S)
        blow = self._note(What.kill_far_worker, Lane.cpu)
        if pid is None:
            return
        blow.hits, blow.workers = 1, (pid,)

        async def is_back() -> bool:
            return self._victims.far_pid not in (None, pid)

        self._await_return(blow, is_back)

    async def _kill_children(self) -> None:
        children = await once(lambda: self._victims.children("worker-gpu", "workers.child"), READY_WITHIN_S)
        worker = await self._victims.pid("worker-gpu")
        blow = self._note(What.kill_children, Lane.gpu, workers=(worker,) if worker else ())
        blow.hits = len(children)
        for child in children:
            send(child.pid, signal.SIGKILL)

    async def _flush_redis(self) -> None:
        redis = connect(self._settings.redis.url)

        async def flush() -> bool:
            with contextlib.suppress(RedisError, OSError):
                return bool(await redis.flushall())
            return False

        try:
            is_empty = await once(flush, READY_WITHIN_S)
        finally:
            await redis.aclose()
        self._note(What.flush_redis, *BOTH).hits = int(is_empty)

    async def _kill_backend(self, chance: random.Random) -> None:
        """Postgres then restarts by itself, as it does after every crash of a backend."""
        backends = await once(lambda: self._victims.children("postgres", "studio_app"), READY_WITHIN_S)
        blow = self._note(What.kill_backend, *BOTH)
        if not backends:
            return
        send(chance.choice(backends).pid, signal.SIGKILL)
        blow.hits = 1
        before = set(pids(backends))

        async def is_back() -> bool:
            now = set(pids(await self._victims.children("postgres", "studio_app")))
            return not now & before and await asyncio.to_thread(self._postgres.ready)

        self._await_return(blow, is_back)

    async def _kill_everything(self) -> None:
        workers = [await self._victims.pid(program) for program in ("worker-cpu", "worker-gpu")]
        blow = self._note(What.kill_everything, *BOTH, workers=tuple(pid for pid in workers if pid))
        blow.hits = len(await self._victims.kill_everything())
        await self._victims.boot()
        blow.back_at = time.time()

    async def _freeze_worker(self, chance: random.Random) -> None:
        name = chance.choice([one for one, kills in KILLS.items() if not self._soon & kills] or ["far"])

        async def pid_of() -> int | None:
            return self._victims.far_pid if name == "far" else await self._victims.pid(name)

        pid = await once(pid_of, READY_WITHIN_S)
        blow = self._note(What.freeze_worker, Lane.gpu if name == "worker-gpu" else Lane.cpu)
        if pid is None:
            return
        blow.workers = (pid,)
        try:
            process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return
        send(pid, signal.SIGSTOP)

        async def stands_still() -> bool:
            with contextlib.suppress(psutil.NoSuchProcess):
                return bool(process.status() == psutil.STATUS_STOPPED)
            return False

        await once(stands_still, READY_WITHIN_S)
        ends_at = time.monotonic() + chance.uniform(*FROZEN_S)

        async def thawed() -> bool:
            lasts = await stands_still()
            if lasts and time.monotonic() < ends_at:
                return False
            blow.hits = int(lasts)  # else it was killed before its leases had run out
            send(pid, signal.SIGCONT)
            return True

        self._await_return(blow, thawed)

    async def _ring_wildly(self, chance: random.Random) -> None:
        known = await once(self._some_attempts, READY_WITHIN_S)
        redis = connect(self._settings.redis.url)
        bells = Bells(redis)
        rings = [*known, *chance.sample(known, len(known) // 2), *(uuid4() for _ in range(20))]
        chance.shuffle(rings)

        async def ring() -> int:
            heard = 0
            for start in range(0, len(rings), 25):
                some = rings[start : start + 25]
                heard += len(some) if await bells.ring(chance.choice(BOTH), some) else 0
            return heard

        try:
            heard = await once(ring, READY_WITHIN_S)
        finally:
            await redis.aclose()
        self._note(What.ring_wildly).hits = heard

    async def _repeat_calls(self) -> None:
        heard = await once(lambda: self._victims.proxy.repeat(REPEATED_CALLS), READY_WITHIN_S)
        self._note(What.repeat_calls).hits = heard

    async def _lose_answers(self) -> None:
        blow = self._note(What.lose_answers)
        proxy = self._victims.proxy
        before, ends_at = proxy.fates.get("answer lost", 0), time.monotonic() + FOUL_S
        proxy.mood = FOUL

        async def is_over() -> bool:
            blow.hits = proxy.fates.get("answer lost", 0) - before
            if time.monotonic() < ends_at or not blow.hits:
                return False
            proxy.mood = USUAL
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
        database = Database.open(self._settings, "chaos", pool_size=2)
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

    def _note(self, what: What, *lanes: Lane, **facts: Any) -> Blow:
        blow = Blow(what=what, at=time.time(), lanes=lanes, **facts)
        self.blows.append(blow)
        return blow

    def _await_return(self, blow: Blow, is_back: Callable[[], Awaitable[bool]]) -> None:
        blow.is_awaited = True

        async def wait() -> None:
            if await until(is_back, READY_WITHIN_S):
                blow.back_at = time.time()

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
