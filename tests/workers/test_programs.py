"""Programs of steps: ended in time, bounded, and without our secrets."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import uvloop

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from tests.patience import PATIENCE_S
from tests.workers.conftest import eventually
from workers import programs
from workers.programs import run_program
from workers.scratch import Scratch


async def test_output_and_last_words_come_back(tmp_path: Path) -> None:
    done = await run_program(["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path)
    assert (done.returncode, done.output, done.tail) == (3, b"out\n", "err\n")


async def test_lines_arrive_while_the_program_runs(tmp_path: Path) -> None:
    lines: list[str] = []

    async def take(line: str) -> None:
        lines.append(line)

    await run_program(["sh", "-c", "printf 'a\\nb\\n'"], tmp_path, on_line=take)
    assert lines == ["a", "b"]


async def test_what_is_fed_is_read(tmp_path: Path) -> None:
    async def feed() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    done = await run_program(["wc", "-c"], tmp_path, feed=feed())
    assert done.output.strip() == b"1000000"


async def test_a_program_may_stop_reading_early(tmp_path: Path) -> None:
    async def feed() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 10_000

    done = await run_program(["head", "-c", "3"], tmp_path, feed=feed())
    assert (done.returncode, done.output) == (0, b"xxx")


def test_a_program_that_is_killed_between_two_chunks_is_told_as_that(tmp_path: Path) -> None:
    async def feed() -> AsyncIterator[bytes]:
        yield b"x\n"
        await eventually((tmp_path / "pid").exists)
        program = int((tmp_path / "pid").read_text())
        await eventually(lambda: not psutil.pid_exists(program))  # waited for, and its pipe closed
        yield b"too late"

    async def killed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            dying = "read line; echo $$ >.pid; mv .pid pid; kill -9 $$"
            await run_program(["sh", "-c", dying], tmp_path, feed=feed())

    with pytest.raises(StepFailed) as failure:
        uvloop.run(killed())  # the workers' loop, whose closed pipes refuse what asyncio's ignore
    assert failure.value.error_class is ErrorClass.lost


async def test_a_failure_of_the_feeder_ends_the_program(tmp_path: Path) -> None:
    async def feed() -> AsyncIterator[bytes]:
        yield b"x"
        raise StepFailed(ErrorClass.bad_input, "A picture is damaged.")

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(StepFailed, match="damaged"):
            await run_program(["sh", "-c", "cat; sleep 600"], tmp_path, feed=feed())


@pytest.mark.parametrize("script", ["sleep 600", "trap '' TERM; sleep 600 & wait; sleep 600"])
async def test_cancel_ends_a_program_and_its_children(tmp_path: Path, script: str) -> None:
    running = asyncio.ensure_future(run_program(["sh", "-c", f"echo $$ > pid; {script}"], tmp_path))
    await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    group = int((tmp_path / "pid").read_text())
    running.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(running, return_exceptions=True)
    # A killed grandchild is gone once the kernel gets to it, a moment after its parent's end was heard.
    await eventually(lambda: not _alive(group))


async def test_a_program_that_talks_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "MAX_OUTPUT_BYTES", 100_000)
    with pytest.raises(StepFailed, match="bytes of output"):
        await run_program(["yes"], tmp_path)


async def test_a_program_that_complains_without_end_keeps_only_its_last_words(tmp_path: Path) -> None:
    done = await run_program(["sh", "-c", "yes x | head -c 1000000 >&2; echo end >&2"], tmp_path)
    assert len(done.tail) <= programs.TAIL_BYTES
    assert done.tail.endswith("end\n")


async def test_a_line_without_end_is_dropped(tmp_path: Path) -> None:
    lines: list[str] = []

    async def take(line: str) -> None:
        lines.append(line)

    await run_program(
        ["sh", "-c", "yes | tr -d '\\n' | head -c 1000000; echo; echo last"], tmp_path, on_line=take
    )
    assert lines[-1] == "last"


async def test_a_missing_program_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="not installed"):
        await run_program(["no-such-program-here"], tmp_path)


@pytest.mark.parametrize("sign", ["KILL", "TERM"])
async def test_a_program_killed_from_outside_is_lost_and_not_its_own_fault(tmp_path: Path, sign: str) -> None:
    with pytest.raises(StepFailed, match=r"The program “sh” was ended from outside\.") as caught:
        await run_program(["sh", "-c", f"kill -{sign} $$"], tmp_path)
    assert caught.value.error_class is ErrorClass.lost


async def test_a_program_killed_for_memory_is_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.killed.kills_by_memory", lambda: 1_000_000)
    with pytest.raises(StepFailed, match="memory ran out") as caught:
        await run_program(["sh", "-c", "kill -KILL $$"], tmp_path)
    assert caught.value.error_class is ErrorClass.out_of_memory


async def test_programs_get_none_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_SHARED_SECRET", "sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    done = await run_program(["env"], tmp_path)
    assert b"sesame" not in done.output
    assert f"HOME={tmp_path}".encode() in done.output


def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    living, dead = Scratch(tmp_path), Scratch(tmp_path)
    (dead.folder / "half a film").touch()
    os.close(dead._lock)  # as the kernel does when a process ends
    dead._lock = os.open("/dev/null", os.O_RDONLY)
    following = Scratch(tmp_path)
    assert not dead.folder.exists()
    assert living.folder.exists()
    living.close()
    following.close()
    assert not [*tmp_path.glob("worker-*")]
    os.close(dead._lock)


def _alive(group: int) -> list[int]:
    """The processes of the group that are more than a name in the table."""
    return [one.pid for one in psutil.process_iter() if _group(one.pid) == group and not _is_dead(one)]


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1
