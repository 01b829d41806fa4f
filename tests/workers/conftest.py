"""A box whose API listens on a port, and real worker processes for it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest_asyncio
import uvicorn

from app.engine.engine import Engine
from app.kit.ids import InstanceId, OrganizationId, new_id
from app.kit.settings import Settings
from app.server.application import create_app
from app.store.bus import Bus
from app.store.database import Database, Scope
from tests.engine.world import Shelf, World
from tests.patience import PATIENCE_S

SETTLED = ("completed", "failed", "cancelled")


async def eventually(ask: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """The first true answer; for what the database or another process does without telling us."""
    async with asyncio.timeout(within_s):
        while True:
            answer = ask()
            found = await answer if isinstance(answer, Awaitable) else answer
            if found:
                return found
            await asyncio.sleep(0.02)


class Box:
    """The API of the session's database and Redis on a port of its own; it can be stopped and started."""

    def __init__(self, settings: Settings) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.settings = msgspec.structs.replace(
            settings, host="127.0.0.1", port=port, api_url=f"http://127.0.0.1:{port}"
        )
        self.engine: Engine
        self.bus: Bus
        self._server: uvicorn.Server
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve."""
        app = create_app(self.settings)
        self._state = app.litestar.state
        self.engine, self.bus = self._state["engine"], self._state["bus"]
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=self.settings.port,
            log_config=None,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # older uvicorns
        self._serving = asyncio.create_task(self._server._serve())
        await eventually(lambda: self._server.started)

    def forget_workers(self) -> None:
        """Let the API ask the database about every worker again."""
        self._state.setdefault("known_workers", {}).clear()

    async def stop(self) -> None:
        """Stop serving."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._serving = None


class Process:
    """A worker process under test, its log lines at hand."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def said(self, action: str, **fields: Any) -> dict[str, Any]:
        """Wait for a log line with this action word and fields."""

        def found() -> dict[str, Any] | None:
            return next(
                (
                    line
                    for line in self.lines
                    if line.get("action") == action
                    and all(str(line.get(name)) == str(value) for name, value in fields.items())
                ),
                None,
            )

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(found)
            line = found()
            assert line is not None
            return line

    def children(self, name: str) -> list[psutil.Process]:
        """Its living descendants whose command line has this word."""
        found = []
        for one in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended while we looked
                if name in " ".join(one.cmdline()):
                    found.append(one)
        return found

    def kill(self) -> None:
        """Without warning."""
        self.process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """As a supervisor does."""
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        async with asyncio.timeout(PATIENCE_S):
            status = await self.process.wait()
            await self._reading
        return status

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while raw := await self.process.stdout.readline():
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"message": raw.decode(errors="replace")}
            async with self._news:
                self.lines.append(line)
                self._news.notify_all()


class Crew:
    """Starts workers and ends what is left of them."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._started: list[Process] = []

    async def start(self, lane: str, *, ready: bool = True, **environment: str) -> Process:
        """One more worker; unless told otherwise, ready to work."""
        settings = self._box.settings
        env = {
            "PATH": os.environ["PATH"],
            "WORKSPACE_PATH": str(settings.workspace),
            "STUDIO_RUN_DIR": str(settings.run_dir),
            "STUDIO_API_URL": settings.api_url,
            "REDIS_URL": settings.redis.url,
            "LOG_FORMAT": "json",
            "STUDIO_CPU_SLOTS": "2",
            **environment,
        }
        process = Process(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers",
                lane,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=env,
                cwd=Path(__file__).parents[2],
            )
        )
        self._started.append(process)
        if ready:
            await process.said("bell_connected")
        return process

    async def dismiss(self) -> None:
        """End every worker that still runs."""
        for one in self._started:
            if one.process.returncode is None:
                one.kill()
                await one.ended()


class Yard(World):
    """The engine's small world with an API and workers around it."""

    def __init__(self, database: Database, box: Box, organization: OrganizationId, crew: Crew) -> None:
        super().__init__(database, box.engine, organization, Shelf())
        self.box = box
        self.crew = crew

    async def until(self, instance: InstanceId, *statuses: str) -> str:
        """Wait until an instance has one of these states, by looking."""

        async def is_there() -> str:
            status = await self.status(instance)
            return status if status in statuses else ""

        found: str = await eventually(is_there)
        return found

    async def end_of(self, instance: InstanceId) -> str:
        """Wait for the end of an instance; how it ended."""
        return await self.until(instance, *SETTLED)

    async def until_progress(self, instance: InstanceId, node_id: str) -> None:
        """Wait until a step has told of progress."""

        async def has_begun() -> bool:
            return ((await self.steps(instance))[node_id]["progress_fraction"] or 0) > 0

        await eventually(has_begun)


@pytest_asyncio.fixture(scope="session")
async def box(settings: Settings) -> AsyncIterator[Box]:
    """The API, listening."""
    passport = settings.workspace / "studio.json"
    if not passport.exists():
        passport.write_text(json.dumps({"box_id": str(new_id())}))
    box = Box(settings)
    await box.start()
    yield box
    await box.stop()


@pytest_asyncio.fixture
async def yard(database: Database, box: Box) -> AsyncIterator[Yard]:
    """A fresh organization on a box without instances, workers and bells."""
    await box.bus.redis.flushdb()
    organization = OrganizationId(new_id())
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM instances")
        await tx.execute("DELETE FROM workers")
        await tx.execute(
            "INSERT INTO organizations (id, name, slug) VALUES (%(id)s, 'Test', %(slug)s)",
            {"id": organization, "slug": str(organization)},
        )
    crew = Crew(box)
    yield Yard(database, box, organization, crew)
    await crew.dismiss()
