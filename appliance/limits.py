"""What this machine lets us use: CPU and processes by cgroup, open files by rlimit."""

import math
import os
import resource
from pathlib import Path

from appliance.refusal import Refusal

CGROUP = Path("/sys/fs/cgroup")
OPEN_FILES = 65536
FEWEST_OPEN_FILES = 256  # of one program; with less the API could not take its connections
FEWEST_TASKS = 64  # of a whole box at rest; with 40 it just starts

# Every library that starts as many threads as the host has cores. In a container with a small quota on a
# large host that is hundreds, and pids.max turns them away with EAGAIN.
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


# Two arenas instead of eight a core. And large blocks go back to the system when they are freed: glibc raises
# its threshold for that to 32 MB as it goes, and a worker that had decoded one large picture kept 370 MB.
MALLOC_SETTINGS = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(8 * 1024 * 1024)}


def cpu_count(cgroup: Path = CGROUP) -> int:
    """Whole CPUs this process may keep busy: the smaller of affinity and quota, at least one."""
    count = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def thread_environment() -> dict[str, str]:
    """Thread counts for the number libraries, and a thrifty malloc; what the operator set stays."""
    wanted = dict.fromkeys(THREAD_SETTINGS, str(cpu_count())) | MALLOC_SETTINGS
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def raise_open_files() -> None:
    """Connections, sockets and files under upload need more than the usual 1024; children inherit it.

    Raises Refusal where even the hard limit is too low to live with.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEWEST_OPEN_FILES:
        raise Refusal(
            f"Each program may open {hard} files at most, and Studio needs {FEWEST_OPEN_FILES}. Raise the "
            f"limit where it is started: docker run --ulimit nofile={OPEN_FILES}:{OPEN_FILES}, or ulimit -n."
        )
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def refuse_few_tasks(cgroup: Path = CGROUP) -> None:
    """Raises Refusal where not even the programs of the box fit: each would end in foreign words."""
    left = tasks_left(cgroup)
    if left is not None and left < FEWEST_TASKS:
        raise Refusal(
            f"There is room for {left} more processes and threads here, and Studio needs {FEWEST_TASKS}. "
            "Raise the limit where it is started: docker run --pids-limit=-1, or the pod's own."
        )


def tasks_left(cgroup: Path = CGROUP) -> int | None:
    """How many more processes and threads the cgroup allows; None where it sets no limit."""
    for folder in (cgroup, cgroup / "pids"):
        try:
            most = (folder / "pids.max").read_text().strip()
            return None if most == "max" else int(most) - int((folder / "pids.current").read_text())
        except (OSError, ValueError):
            continue
    return None


def _quota(cgroup: Path) -> float | None:
    """CPUs by cgroup v2 (`cpu.max`: “150000 100000”, or “max …”), else by v1."""
    try:
        allowed, period = (cgroup / "cpu.max").read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        pass
    try:
        allowed_us = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period_us = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return None if allowed_us <= 0 else allowed_us / period_us
