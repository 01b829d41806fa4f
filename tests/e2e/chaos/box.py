"""A whole box in a scratch workspace, started as a person starts it, whose programs can be killed one by one.

Beside it runs one cpu worker that is far away: it shares no volume, and its line to the API is bad.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import psutil

from app.kit.settings import Settings, load_settings
from appliance.supervisor import Supervisor
from tests.appliance.box import ROOT, Box, box_environment, free_port
from tests.e2e.chaos.proxy import Proxy
from tests.e2e.person import OWNER

T = TypeVar("T")

READY_WITHIN_S: Final = 120.0
SECRET: Final = "a secret of the chaos, long enough"
SLOTS: Final = {"STUDIO_CPU_SLOTS": "4", "STUDIO_GPU_SLOTS": "2"}
OUTSIDE: Final = {"STUDIO_OUTGOING_ALLOW": "127.0.0.1"}  # the world outside the box is on this machine


class Victims:
    """One box, alive or not."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._env = box_environment(
            folder / "box",
            STUDIO_ROLES="all",
            HOST="127.0.0.1",
            PORT=str(free_port()),
            WORKER_SHARED_SECRET=SECRET,
            LOG_FORMAT="json",
            **SLOTS,
            **OUTSIDE,
            **OWNER,
        )
        self.proxy = Proxy(int(self._env["PORT"]), chance)
        self.lives: list[Box] = []  # one a boot; the last is the present one
        self.lines: list[str] = []  # of the far worker
        self._far: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where people and machines find the box."""
        return f"http://127.0.0.1:{self._env['PORT']}"

    @property
    def settings(self) -> Settings:
        """The box's own settings, its keys included."""
        return load_settings(self._env)

    async def start(self) -> None:
        """Boot the box, then the far worker; its keeper starts it again whenever it ends."""
        await self.boot()
        await self.proxy.start()
        self._keeping = asyncio.create_task(self._keep_far_worker())

    async def boot(self) -> None:
        """Boot the box on its volume and wait until it is ready."""
        self.lives.append(Box(self._env))
        await asyncio.to_thread(self.lives[-1].wait_for, "Studio is ready at", READY_WITHIN_S)

    async def close(self) -> None:
        """End everything that was started here."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._far is not None and self._far.returncode is None:
            self._far.kill()
            await self._far.wait()
        await self.proxy.close()
        for life in self.lives:
            await asyncio.to_thread(life.__exit__)

    @property
    def is_alive(self) -> bool:
        """Whether the present box still has its boot."""
        return self.lives[-1].process.poll() is None

    @property
    def said(self) -> list[str]:
        """The log of all its programs, and of the far worker."""
        return [*(line for life in self.lives for line in life.lines), *self.lines]

    # Who is there --------------------------------------------------------------------------------------

    async def pid(self, program: str) -> int | None:
        """The process id of a program, None while it does not run."""
        with contextlib.suppress(OSError):
            supervisor = Supervisor(self.settings.run_dir / "supervisor.sock")
            for state in await asyncio.to_thread(supervisor.states):
                if state.name == program and state.state in ("STARTING", "RUNNING"):
                    return state.pid or None
        return None

    @property
    def far_pid(self) -> int | None:
        """The process id of the far worker, None while it does not run."""
        return None if self._far is None or self._far.returncode is not None else self._far.pid

    async def children(self, program: str, words: str) -> list[psutil.Process]:
        """Processes under a program whose command line has these words."""
        pid = await self.pid(program)
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(pid).children(recursive=True) if pid else []:
                with contextlib.suppress(psutil.Error):
                    if words in " ".join(one.cmdline()):
                        found.append(one)
        return found

    async def is_ready(self) -> bool:
        """Whether the API says so."""
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"{self.url}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    # What is done to them ------------------------------------------------------------------------------

    async def kill(self, program: str) -> int | None:
        """kill -9 to a program of the box; its process id, None when there was none to kill."""
        pid = await self.pid(program)
        if pid is not None:
            send(pid, signal.SIGKILL)
        return pid

    def kill_far_worker(self) -> int | None:
        """kill -9 to the far worker."""
        pid = self.far_pid
        if pid is not None:
            send(pid, signal.SIGKILL)
        return pid

    async def kill_everything(self) -> list[int]:
        """kill -9 to every process of the box at once, as when the power goes; who they were."""
        boot = psutil.Process(self.lives[-1].process.pid)
        everyone = [boot, *boot.children(recursive=True)]
        for one in everyone:  # nobody may act on the death of another
            send(one.pid, signal.SIGSTOP)
        newcomers = [one for one in boot.children(recursive=True) if one not in everyone]
        for one in [*everyone, *newcomers]:
            send(one.pid, signal.SIGKILL)
        await asyncio.to_thread(self.lives[-1].process.wait)
        return [one.pid for one in everyone]

    # The far worker ------------------------------------------------------------------------------------

    async def _keep_far_worker(self) -> None:
        own = self._folder / "far"
        own.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "WORKSPACE_PATH": str(own),
            "STUDIO_RUN_DIR": str(own / "run"),
            "STUDIO_API_URL": self.proxy.url,
            "STUDIO_WORKER_NAME": "far",
            "REDIS_URL": self.settings.redis.url,
            "WORKER_SHARED_SECRET": SECRET,
            "LOG_FORMAT": "json",
            **SLOTS,
            **OUTSIDE,
        }
        while True:
            self._far = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workers", "cpu"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd=ROOT,
            )
            assert self._far.stdout is not None
            async for line in self._far.stdout:
                self.lines.append(line.decode(errors="replace").rstrip())
            await self._far.wait()


def send(pid: int, sign: signal.Signals) -> None:
    """A signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


async def once(find: Callable[[], Awaitable[T]], within_s: float) -> T:
    """The first true answer, or the last one when none came in time."""
    found = await find()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not found:
                await asyncio.sleep(0.02)
                found = await find()
    return found


async def until(ask: Callable[[], Awaitable[Any]], within_s: float) -> bool:
    """Wait for a true answer; False when none came in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not await ask():  # noqa: ASYNC110  other processes do not tell us
                await asyncio.sleep(0.02)
            return True
    return False


def pids(processes: Iterable[psutil.Process]) -> tuple[int, ...]:
    """Their process ids."""
    return tuple(one.pid for one in processes)
