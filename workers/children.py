"""The worker's side of its torch children: one a slot, started when needed, ended in time.

A slot of the gpu lane has one child, which sees one card. It is started at the first call, keeps its models
between jobs and is ended after `idle_s` without work. A call that is cancelled is asked to stop, then the
child is terminated, then killed, all within two seconds; the next call gets a fresh one.
"""

import asyncio
from typing import Any

from app.kit.log import get_logger
from workers import frames
from workers.process import ChildDied, ChildProcess, OnNote

log = get_logger(__name__)


class ChildHost:
    """One slot's child, whether it runs just now or not. Calls come one at a time."""

    def __init__(self, card: int | None, idle_s: float) -> None:
        self._card = card
        self._idle_s = idle_s
        self._process: ChildProcess | None = None
        self._next_id = 0
        self._turn = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def models(self) -> list[str]:
        """What the child keeps loaded."""
        return self._process.models if self._process is not None else []

    async def call(self, family: str, method: str, arguments: dict[str, Any], on_note: OnNote) -> Any:
        """Run a method in the child. Raises StepFailed; when cancelled, the child obeys or dies."""
        async with self._turn:
            self._stop_idle_timer()
            process = await self._ready()
            self._next_id += 1
            call = frames.Call(self._next_id, family, method, arguments)
            try:
                return await process.run(call, on_note)
            except asyncio.CancelledError:
                await self._give_up(process, call)
                raise
            except ChildDied as exc:
                self._process = None
                raise await process.explain_death() from exc
            finally:
                self._start_idle_timer()

    async def close(self) -> None:
        """End the child, if there is one, within two seconds."""
        self._stop_idle_timer()
        process, self._process = self._process, None
        if process is not None:
            await process.end()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _ready(self) -> ChildProcess:
        if self._process is None or not self._process.is_alive:
            self._process = await ChildProcess.start(self._card)
        return self._process

    async def _give_up(self, process: ChildProcess, call: frames.Call) -> None:
        """Ask, then end. Shielded: a second cancellation must not leave a child with a job nobody wants."""
        if not await asyncio.shield(process.stop(call)):
            if self._process is process:
                self._process = None
            await asyncio.shield(process.end())

    def _start_idle_timer(self) -> None:
        self._stop_idle_timer()
        if self._process is not None:
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self._end_idle)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _end_idle(self) -> None:
        if self._turn.locked() or self._process is None:
            return
        process, self._process = self._process, None
        log.info(
            "ending the idle model process; its memory is back", action="child_idle", models=process.models
        )
        task = asyncio.ensure_future(process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
