"""Programs a step runs, such as ffmpeg: their own process group, few environment variables, bounded output.

A cancelled step ends its program within two seconds; a worker that dies takes its programs along.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from app.flow.messages import ErrorClass
from app.kit.memory import kills_by_memory
from app.steps.base import Program, StepFailed
from workers.killed import explain_kill

MAX_OUTPUT_BYTES: Final = 32 * 1024 * 1024
TAIL_BYTES: Final = 16 * 1024
MAX_LINE_BYTES: Final = 256 * 1024
TERM_GRACE_S: Final = 1.0
NICENESS: Final = 5  # a film in the making must not make the pages slow

PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_PATH", "XDG_DATA_DIRS")
PASSED_PREFIXES: Final = ("CUDA_", "NVIDIA_")

OnLine = Callable[[str], Awaitable[None]]


async def run_program(
    argv: Sequence[str],
    folder: Path,
    on_line: OnLine | None = None,
    feed: AsyncIterator[bytes] | None = None,
) -> Program:
    """Run a program in `folder` to its end. Raises StepFailed when it is missing, killed or says too much."""
    kills_before = kills_by_memory()
    try:
        process = await asyncio.create_subprocess_exec(
            *_bound_to_us(),
            *argv,
            stdin=asyncio.subprocess.DEVNULL if feed is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=program_environment(os.environ, folder),
            start_new_session=True,
            limit=MAX_LINE_BYTES,
        )
    except FileNotFoundError as exc:
        raise StepFailed(
            ErrorClass.refused,
            f"The program “{argv[0]}” is not installed on this worker.",
            remedy=f"Install {argv[0]} (Debian: apt install ffmpeg) and try again.",
        ) from exc
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    try:
        async with asyncio.TaskGroup() as group:
            if feed is not None:
                group.create_task(_feed(process, feed))
            tail = group.create_task(_tail(process))
            if on_line is None:
                output = group.create_task(_collect(process, argv[0]))
            else:
                output = group.create_task(_lines(process, on_line))
            group.create_task(process.wait())
    except BaseExceptionGroup as group_failure:
        await asyncio.shield(_end(process))
        raise _first_of(group_failure) from None
    except BaseException:
        await asyncio.shield(_end(process))
        raise
    code = process.returncode or 0
    _check_presence(code, tail.result(), argv[0])
    killed = explain_kill(code, kills_before, f"the program “{argv[0]}”")
    if killed is not None:
        raise killed
    return Program(
        returncode=code,
        output=output.result(),
        tail=tail.result().decode(errors="replace"),
    )


def program_environment(ours: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What a program may know of our environment; never a key, a token or an address of ours."""
    env = {
        name: value for name, value in ours.items() if name in PASSED_ON or name.startswith(PASSED_PREFIXES)
    }
    return {"LANG": "C.UTF-8", **env, "HOME": str(folder), "TMPDIR": str(folder)}


@cache
def _bound_to_us() -> tuple[str, ...]:
    """A prefix that makes the kernel end the program when we die; util-linux has it on every Debian."""
    return ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


def _check_presence(code: int, tail: bytes, name: str) -> None:
    """setpriv answers 127 for a program that is not there."""
    if code == 127 and tail.startswith(b"setpriv: failed to execute"):
        raise StepFailed(
            ErrorClass.refused,
            f"The program “{name}” is not installed on this worker.",
            remedy=f"Install {name} (Debian: apt install ffmpeg) and try again.",
        )


async def _feed(process: asyncio.subprocess.Process, feed: AsyncIterator[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101  asked for with PIPE
    try:
        async for chunk in feed:
            if process.stdin.is_closing():
                return  # uvloop closes the pipe with the process, and then refuses what asyncio would ignore
            process.stdin.write(chunk)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has read enough, or died; its exit status tells which
    finally:
        process.stdin.close()


async def _collect(process: asyncio.subprocess.Process, name: str) -> bytes:
    assert process.stdout is not None  # noqa: S101  asked for with PIPE
    output = bytearray()
    while chunk := await process.stdout.read(64 * 1024):
        output += chunk
        if len(output) > MAX_OUTPUT_BYTES:
            raise StepFailed(
                ErrorClass.refused, f"{name} wrote more than {MAX_OUTPUT_BYTES:,} bytes of output."
            )
    return bytes(output)


async def _lines(process: asyncio.subprocess.Process, on_line: OnLine) -> bytes:
    assert process.stdout is not None  # noqa: S101  asked for with PIPE
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:
            continue  # a line longer than the limit was dropped
        if not line:
            return b""
        await on_line(line.decode(errors="replace").rstrip("\r\n"))


async def _tail(process: asyncio.subprocess.Process) -> bytes:
    assert process.stderr is not None  # noqa: S101  asked for with PIPE
    tail = b""
    while chunk := await process.stderr.read(16 * 1024):
        tail = (tail + chunk)[-TAIL_BYTES:]
    return tail


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate the group, then kill it, and wait until it is gone."""
    for sign, grace_s in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            continue
        return


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure that matters: a step's own before any other."""
    failures = list(_flatten(group))
    return next((one for one in failures if isinstance(one, StepFailed)), failures[0])


def _flatten(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _flatten(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found
