"""One torch child as a process: its start, its frames, its end, and why it died."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.flow.messages import ErrorClass
from app.kit.log import get_logger
from app.kit.memory import kills_by_memory
from app.steps.base import StepFailed
from workers import frames
from workers.killed import explain_kill
from workers.memory import cpu_quota

log = get_logger(__name__)

ROOT: Final = Path(__file__).parents[1]  # where `python -m workers.child` finds itself
START_LIMIT_S: Final = 60.0  # Python and msgspec only; torch is imported by the first call
STOP_GRACE_S: Final = 0.7  # a stop frame is heard between iterations
TERM_GRACE_S: Final = 0.5
TAIL_LINES: Final = 60  # of what the child wrote to standard error, for the log when it dies

# What a child may know of our environment: nothing of ours, all of the driver's.
PASSED_ON: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
PASSED_PREFIXES: Final = ("CUDA_", "NVIDIA_", "NCCL_", "TORCH_", "PYTORCH_", "OMP_", "MKL_")

OnNote = Callable[[float | None, str | None], Awaitable[None]]


class ChildDied(Exception):
    """The child ended in the middle of a call."""


class ChildProcess:
    """One running child."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._writer = writer
        # Read by a task of its own: a call that is cancelled must not stop in the middle of a frame.
        self._inbox: asyncio.Queue[frames.FromChild | None] = asyncio.Queue()
        self._hearing = asyncio.ensure_future(self._hear(reader))
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._listening = asyncio.ensure_future(self._read_errors())
        self._kills_before = kills_by_memory()
        self._was_ended = False
        self.models: list[str] = []

    @classmethod
    async def start(cls, card: int | None) -> "ChildProcess":
        """Start a child and wait until it listens. Raises StepFailed."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers.child",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env=child_environment(os.environ, card),
                cwd=ROOT,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=4 * 1024 * 1024)
        child = cls(process, reader, writer)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                ready = await child._inbox.get()
        except BaseException as exc:
            await asyncio.shield(child.end())
            if isinstance(exc, TimeoutError):
                raise StepFailed(ErrorClass.lost, "The model process did not start in time.") from exc
            raise
        if not isinstance(ready, frames.Ready):
            raise await child.explain_death()
        log.info("model process started", action="child_started", pid=process.pid, card=card)
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._was_ended

    async def run(self, call: frames.Call, on_note: OnNote) -> Any:
        """Send a call and wait for its end. Raises StepFailed, ChildDied."""
        try:
            await self._send(call)
        except ConnectionError as exc:
            raise ChildDied from exc
        while True:
            match await self._inbox.get():
                case None:
                    raise ChildDied
                case frames.Note() as note if note.id == call.id:
                    await on_note(note.progress_fraction, note.message)
                case frames.Resident() as resident:
                    self.models = resident.models
                case frames.Answer() as answer if answer.id == call.id:
                    return answer.value
                case frames.Fault() as fault if fault.id == call.id:
                    self._tell(call, fault)
                    if fault.is_final:
                        await asyncio.shield(self.end())
                    raise StepFailed(fault.error_class, fault.message, remedy=fault.remedy)
                case _:
                    continue  # the last words of a call that was stopped

    async def stop(self, call: frames.Call) -> bool:
        """Ask a call to end; whether it did, so that the child can go on."""
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                await self._send(frames.Stop(call.id))
                while (frame := await self._inbox.get()) is not None:
                    if isinstance(frame, frames.Resident):
                        self.models = frame.models
                    if (
                        isinstance(frame, frames.Stopped | frames.Answer | frames.Fault)
                        and frame.id == call.id
                    ):
                        return not (isinstance(frame, frames.Fault) and frame.is_final)
        except (TimeoutError, ConnectionError):
            pass
        return False

    async def _send(self, frame: frames.Call | frames.Stop) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError("the pipe is closed")  # uvloop would call it a mistake of ours
        self._writer.write(frames.pack(frame))
        await self._writer.drain()

    async def end(self) -> None:
        """Terminate, then kill; the memory is back when this returns."""
        self._was_ended = True
        self._writer.close()
        for sign, grace_s in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            try:
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
                    break
            except TimeoutError:
                continue
        self._listening.cancel()
        self._hearing.cancel()

    async def explain_death(self) -> StepFailed:
        """Why the child is gone, as the step's error; its last words go to the log."""
        self._was_ended = True
        self._writer.close()
        try:
            async with asyncio.timeout(TERM_GRACE_S):
                code = await self._process.wait()
                await self._listening
        except TimeoutError:
            await self.end()
            code = self._process.returncode or 0
        log.error(
            "the model process died",
            action="child_died",
            pid=self.pid,
            status=code,
            last_words="\n".join(self._tail),
        )
        killed = explain_kill(code, self._kills_before, "the model process")
        if killed is not None:
            return killed
        cause = f"signal {-code}" if code < 0 else f"status {code}"
        return StepFailed(
            ErrorClass.bug,
            f"The model process died ({cause}).",
            remedy="The worker's log has its last words.",
        )

    @staticmethod
    def _tell(call: frames.Call, fault: frames.Fault) -> None:
        if fault.detail:
            log.warning(
                "a model call failed",
                action="child_fault",
                family=call.family,
                method=call.method,
                error_class=fault.error_class,
                detail=fault.detail,
            )

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while (frame := await frames.receive(reader)) is not None:
            self._inbox.put_nowait(frame)
        self._inbox.put_nowait(None)

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  asked for with PIPE
        while line := await self._process.stderr.readline():
            self._tail.append(line.decode(errors="replace").rstrip()[:500])


def child_environment(ours: Mapping[str, str], card: int | None) -> dict[str, str]:
    """The child's environment: the driver's variables, no secret, no network for model libraries."""
    env = {
        name: value for name, value in ours.items() if name in PASSED_ON or name.startswith(PASSED_PREFIXES)
    }
    env |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(max(1, round(cpu_quota()))),
    }
    if card is not None:
        env["CUDA_VISIBLE_DEVICES"] = _visible(ours.get("CUDA_VISIBLE_DEVICES"), card)
        env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the order NVML counts in
    return env


def _visible(inherited: str | None, card: int) -> str:
    """The one card of this slot, counted among those the worker itself may see."""
    names = [name.strip() for name in (inherited or "").split(",") if name.strip()]
    return names[card] if card < len(names) else str(card)
