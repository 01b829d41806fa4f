"""Cards that fail in the middle: NVML is played by a module of the test, everything behind it is real."""

import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.flow.messages import Completed, ErrorClass, Failed, GivenBack, Lane, Outcome, StepError
from app.kit.settings import Settings, load_settings
from tests.workers.test_lane import job
from workers import main
from workers.cards import Cards
from workers.lane import Ending
from workers.main import Worker


class NVMLError(Exception):
    """As the module has it."""


class Nvml:
    """As much of `pynvml` as cards are read with: `lost` and `is_gone` say what fails, `told`: its Xids."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0
    nvmlEventTypeXidCriticalError = 8  # noqa: N815  NVML's own name

    def __init__(self, cards: int = 2) -> None:
        self.cards = cards
        self.lost: set[int] = set()
        self.is_gone = False
        self.told: list[tuple[int, int]] = []
        self.answers = threading.Event()  # cleared: every call hangs
        self.answers.set()

    def nvmlInit(self) -> None:  # noqa: N802
        if self.is_gone:
            raise NVMLError("Driver Not Loaded")

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "575.1"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self.answers.wait()
        if self.is_gone:
            raise NVMLError("Driver/library version mismatch")
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index in self.lost:
            raise NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=24, used=handle)

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802
        return b"L4"

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802
        raise NVMLError("Not Supported")

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:  # noqa: N802
        return 40

    def nvmlEventSetCreate(self) -> object:  # noqa: N802
        return object()

    def nvmlDeviceRegisterEvents(self, handle: int, kinds: int, events: object) -> None:  # noqa: N802
        assert kinds == self.nvmlEventTypeXidCriticalError

    def nvmlEventSetWait_v2(self, events: object, timeout_ms: int) -> Any:  # noqa: N802
        if not self.told:
            raise NVMLError("Timeout")
        index, xid = self.told.pop(0)
        return SimpleNamespace(device=index, eventData=xid)

    def nvmlDeviceGetIndex(self, device: int) -> int:  # noqa: N802
        return device


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    found = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    yield found
    found.answers.set()


@pytest.fixture
def worker(nvml: Nvml, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker of two cards, which has not registered."""
    folder = tmp_path_factory.mktemp("box")
    settings: Settings = load_settings({"WORKSPACE_PATH": str(folder), "WORKER_SHARED_SECRET": "s" * 40})
    return Worker(Lane.gpu, settings)


def seen(cards: Cards) -> list[int]:
    return [card.index for card in cards.read()]


def test_a_card_that_is_lost_takes_no_other_with_it(nvml: Nvml) -> None:
    cards = Cards()
    assert seen(cards) == [0, 1]
    assert (cards.read()[1].name, cards.read()[1].utilization_percent) == ("L4", None)
    nvml.lost = {0}
    assert seen(cards) == [1]
    nvml.lost = set()
    assert seen(cards) == [0, 1], "it came back"
    nvml.is_gone = True
    assert seen(cards) == []
    assert seen(Cards()) == [], "a driver that is not there is no card"


def test_an_error_of_the_card_is_told_and_one_of_a_program_is_not(nvml: Nvml) -> None:
    cards = Cards()
    nvml.told = [(0, 31), (1, 43)]
    assert [card.xid for card in cards.read()] == [None, None]
    nvml.told = [(1, 63), (1, 94)]
    assert [card.xid for card in cards.read()] == [None, 94]
    assert [card.xid for card in cards.read()] == [None, 94], "until the worker begins anew"


async def test_nothing_begins_on_a_lost_card_and_what_runs_there_goes_back_after_a_while(
    nvml: Nvml, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[int, Ending]] = []
    monkeypatch.setattr(worker._work, "stop_slot", lambda slot, why: ended.append((slot, why)))

    def beat(later_s: float = 0.0) -> list[int]:
        """The cards that a heartbeat tells."""
        assert worker._cards is not None
        worker._gpus, worker._gpus_read_s = worker._cards.read(), time.monotonic()
        with monkeypatch.context() as patch:
            moment = time.monotonic() + later_s
            patch.setattr(time, "monotonic", lambda: moment)
            worker._gpus_read_s = moment
            return [card.index for card in worker._pulse().gpus]

    assert beat() == [0, 1] and worker._work._shut == set()
    nvml.lost = {1}
    assert beat() == [0] and worker._work._shut == {1}
    assert ended == [], "it may be a hiccup"
    assert beat(main.GPU_SILENT_S + 1) == [0]
    assert ended == [(1, Ending.leaving)]
    nvml.lost = set()
    monkeypatch.setattr(worker._work, "look", _nothing)
    assert beat() == [0, 1] and worker._work._shut == set()


async def _nothing() -> None:
    """Look for no work."""


async def test_a_driver_that_hangs_counts_as_gone(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker._gpus_read_s = time.monotonic() - main.GPU_SILENT_S - 1
    assert worker._pulse().gpus == []
    assert worker._work._shut == {0, 1}


@pytest.mark.parametrize("trouble", ["none", "lost", "hangs"])
async def test_a_step_that_failed_with_its_card_is_not_failed_but_goes_to_another_worker(
    nvml: Nvml, worker: Worker, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    error = StepError(error_class=ErrorClass.bug, message="CUDA error: unspecified launch failure")
    outcomes: list[Outcome] = [Failed(error=error), Completed(outputs={})]

    async def perform(*_: Any) -> Outcome:
        return outcomes.pop(0)

    monkeypatch.setattr(main, "perform", perform)
    monkeypatch.setattr(main, "CARD_ANSWERS_S", 0.05)
    worker._shop, worker._has_worked = SimpleNamespace(), True  # type: ignore[assignment]  # perform is ours
    if trouble == "lost":
        nvml.lost = {1}
    if trouble == "hangs":
        nvml.answers.clear()
    ended = await worker._perform(job(), 1)
    assert isinstance(ended, Failed if trouble == "none" else GivenBack)
    assert worker._work._shut == (set() if trouble == "none" else {1})
    assert isinstance(await worker._perform(job(), 0), Completed)
