"""The torch child: killed in time, never out of step, and innocent of our secrets."""

import asyncio
import inspect
import os
import pkgutil
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio
import uvloop

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from tests.patience import PATIENCE_S
from tests.workers.conftest import eventually
from workers import frames, runtimes
from workers.child import FamilyUnknown, find_family
from workers.children import ChildHost
from workers.process import STOP_GRACE_S, ChildDied, ChildProcess, child_environment
from workers.residency import Residency
from workers.runtimes.fake import Fake


async def quiet(_: float | None, __: str | None) -> None:
    """Nobody listens to progress."""


@pytest_asyncio.fixture
async def host() -> AsyncIterator[ChildHost]:
    """A slot with its child."""
    host = ChildHost(None, idle_s=600)
    yield host
    await host.close()


async def work(host: ChildHost, **arguments: object) -> object:
    """One call of the fake family."""
    answer: object = await host.call("fake", "work", dict(arguments), quiet)
    return answer


async def test_values_go_there_and_back(host: ChildHost) -> None:
    value = {"text": "Grüße", "list": [1, 2.5, None, True], "bytes": b"\x00\xff"}
    assert await work(host, value=value) == value


async def test_an_obedient_child_is_stopped_and_keeps_its_models(host: ChildHost) -> None:
    assert await host.call("fake", "load", {"name": "m"}, quiet) == ["m"]
    before = host.pid
    call = asyncio.ensure_future(work(host, seconds=600))
    await asyncio.sleep(0.1)
    call.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(call, return_exceptions=True)
    assert (host.pid, host.models) == (before, ["m"])
    assert await work(host, value=1) == 1


async def test_a_deaf_child_is_killed_and_its_memory_is_back(host: ChildHost) -> None:
    assert STOP_GRACE_S < 2, "the promise; all else is the machine's time"
    await work(host)
    before = host.pid
    assert before is not None
    call = asyncio.ensure_future(work(host, seconds=600, deaf=True, memory_bytes=200_000_000))
    await eventually(lambda: psutil.Process(before).memory_info().vms > 200_000_000)
    call.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(call, return_exceptions=True)
    assert not psutil.pid_exists(before)
    assert await work(host, value="next") == "next"


@pytest.mark.parametrize(
    ("sign", "expected"),
    [(signal.SIGSEGV, ErrorClass.bug), (signal.SIGKILL, ErrorClass.lost), (signal.SIGTERM, ErrorClass.lost)],
)
async def test_the_death_of_a_child_has_a_class_and_a_sentence(
    host: ChildHost, sign: signal.Signals, expected: ErrorClass
) -> None:
    await work(host)
    call = asyncio.ensure_future(work(host, seconds=600))
    await asyncio.sleep(0.1)
    assert host.pid is not None
    os.kill(host.pid, sign)
    with pytest.raises(StepFailed) as caught:
        await call
    assert caught.value.error_class is expected
    assert await work(host, value="next") == "next"


async def test_a_kill_for_memory_is_out_of_memory(host: ChildHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await work(host)
    call = asyncio.ensure_future(work(host, seconds=600))
    await asyncio.sleep(0.1)
    monkeypatch.setattr("workers.killed.kills_by_memory", lambda: 1_000_000)
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(StepFailed) as caught:
        await call
    assert caught.value.error_class is ErrorClass.out_of_memory


@pytest.mark.parametrize(
    ("message", "expected", "survives"),
    [
        ("CUDA out of memory. Tried to allocate 20 GiB", ErrorClass.out_of_memory, True),
        ("DefaultCPUAllocator: can't allocate memory", ErrorClass.out_of_memory, True),
        ("CUDA error: device-side assert triggered", ErrorClass.bug, False),
        ("CUDA error: an illegal memory access was encountered", ErrorClass.bug, False),
        ("shapes do not match", ErrorClass.bug, True),
    ],
)
async def test_what_torch_says_becomes_a_class(
    host: ChildHost, message: str, expected: ErrorClass, survives: bool
) -> None:
    await work(host)
    before = host.pid
    with pytest.raises(StepFailed) as caught:
        await host.call("fake", "raise", {"message": message}, quiet)
    assert caught.value.error_class is expected
    assert await work(host, value=1) == 1
    assert (host.pid == before) == survives, "a broken CUDA context needs a new process"


async def test_an_unknown_family_is_a_missing_model(host: ChildHost) -> None:
    with pytest.raises(StepFailed) as caught:
        await host.call("no_such_family", "run", {}, quiet)
    assert caught.value.error_class is ErrorClass.missing_model


def test_a_call_over_a_closed_pipe_is_the_death_of_the_child() -> None:
    async def call() -> None:
        child = await ChildProcess.start(None)
        try:
            child._writer.transport.abort()
            await child._writer.wait_closed()
            await child.run(frames.Call(id=1, family="fake", method="work", arguments={}), quiet)
        finally:
            await child.end()

    with pytest.raises(ChildDied):
        uvloop.run(call())  # the workers' loop, which calls it a mistake of ours to write there


async def test_an_idle_child_is_ended() -> None:
    host = ChildHost(None, idle_s=0.1)
    await work(host)
    pid = host.pid
    assert pid is not None
    await eventually(lambda: not psutil.pid_exists(pid))
    assert host.pid is None
    await host.close()


async def test_a_child_dies_with_its_worker() -> None:
    script = (
        "import asyncio,sys\n"
        "from workers.children import ChildHost\n"
        "async def note(a,b): pass\n"
        "async def main():\n"
        "    host=ChildHost(None,600)\n"
        "    await host.call('fake','work',{},note)\n"
        "    print('pid',host.pid,flush=True)\n"
        "    await host.call('fake','work',{'seconds':600,'deaf':True},note)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = 0
    while not child:
        words = (await parent.stdout.readline()).split()
        child = int(words[1]) if words[0] == b"pid" else 0
    parent.kill()
    await parent.wait()
    await eventually(lambda: not psutil.pid_exists(child))


def test_a_child_knows_none_of_our_secrets() -> None:
    ours = {
        "PATH": "/bin",
        "WORKER_SHARED_SECRET": "s",
        "DATABASE_URL": "s",
        "JWT_SECRET_KEY": "s",
        "REDIS_URL": "s",
        "CUDA_VISIBLE_DEVICES": "3,5",
    }
    env = child_environment(ours, card=1)
    assert "s" not in env.values()
    assert env["CUDA_VISIBLE_DEVICES"] == "5", "the second of the cards this worker may see"
    assert env["HF_HUB_OFFLINE"] == "1"


def test_families_are_found_by_name_and_by_nothing_else() -> None:
    assert find_family("fake") is Fake
    for name in ("", "../x", "os.path", "base", "Fake"):
        with pytest.raises(FamilyUnknown):
            find_family(name)


@pytest.mark.parametrize("name", [one.name for one in pkgutil.iter_modules(runtimes.__path__)])
def test_a_runtime_keeps_its_contract(name: str) -> None:
    if name == "base":
        return
    family = find_family(name)
    assert family.family == name
    assert inspect.getdoc(family)
    methods = family(Residency(lambda _: None)).methods()
    assert methods
    for method in methods.values():
        assert inspect.getdoc(method)
        first, *others = inspect.signature(method).parameters.values()
        assert first.name == "work"
        assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in others), "arguments have names"


class Scarce:
    """A room in which so many models of one byte fit."""

    def __init__(self, models: Residency, places: int) -> None:
        self.models = models
        self.places = places

    def free_bytes(self) -> int:
        return 1000 * (self.places - len(self.models.names))

    def sweep(self) -> None:
        pass


def test_the_least_recently_used_model_makes_room() -> None:
    told: list[list[str]] = []
    models = Residency(told.append)
    room = Scarce(models, places=2)
    for name in ("a", "b", "a", "c"):
        models.get(name, object, 500, room)
    assert models.names == ["a", "c"]
    assert told[-1] == ["a", "c"]
