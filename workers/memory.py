"""What this worker has and how much of it is in use: CPU quota, its memory, GPUs. An absent GPU is normal."""

import os
from pathlib import Path
from typing import Any, Final

import psutil

from app.flow.messages import Gpu
from app.kit.log import get_logger

log = get_logger(__name__)

CGROUP: Final = Path("/sys/fs/cgroup")
LEAST_CPU_SLOTS: Final = 2  # one long film must not keep a quick picture waiting, even on one core


def cpu_quota() -> float:
    """How many cores this process may use: the cgroup's quota, else its affinity."""
    present = float(len(os.sched_getaffinity(0)))
    quota = _quota_v2() or _quota_v1()
    return min(present, quota) if quota else present


def cpu_slots() -> int:
    """How many cpu steps to run at once when nobody says otherwise."""
    return max(LEAST_CPU_SLOTS, round(cpu_quota()))


def process_memory_bytes(pids: list[int]) -> int:
    """Resident memory of these processes; those that ended meanwhile count nothing."""
    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue
    return total


class Cards:
    """The machine's NVIDIA cards through NVML; opened once, because opening takes up to a second."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._driver: str | None = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._driver = _text(pynvml.nvmlSystemGetDriverVersion())
        except Exception as exc:  # noqa: BLE001  every way NVML fails means "no card"
            log.debug("no NVIDIA card", action="no_gpu", reason=str(exc))

    def read(self) -> list[Gpu]:
        """Every card now; blocking for some milliseconds."""
        if self._nvml is None:
            return []
        try:
            count = int(self._nvml.nvmlDeviceGetCount())
            return [self._card(index) for index in range(count)]
        except self._nvml.NVMLError as exc:
            log.warning("the GPU does not answer", action="gpu_silent", reason=str(exc))
            return []

    def _card(self, index: int) -> Gpu:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return Gpu(
            index=index,
            name=_text(nvml.nvmlDeviceGetName(handle)),
            memory_total_bytes=int(memory.total),
            memory_used_bytes=int(memory.used),
            utilization_percent=self._optional(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
            temperature_c=self._optional(
                lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            ),
            driver=self._driver,
        )

    def _optional(self, ask: Any) -> int | None:
        """A fact some cards do not tell (vGPUs, MIG slices)."""
        try:
            found: int = ask()
        except self._nvml.NVMLError:
            return None
        return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _quota_v2() -> float | None:
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1() -> float | None:
    quota = _number(CGROUP / "cpu" / "cpu.cfs_quota_us")
    period = _number(CGROUP / "cpu" / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
