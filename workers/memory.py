"""What this worker has and how much of it is in use: CPU quota and memory."""

import os
from pathlib import Path
from typing import Final

import psutil

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
