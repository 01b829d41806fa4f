"""The machine lets the box have processes, files and memory enough."""

import resource
import shutil

from app.kit.memory import free_memory_bytes
from appliance.doctor.finding import Finding, Patient, ill, in_words, watch, well
from appliance.limits import tasks_left

FEWEST_FILES = 4096
FEWEST_TASKS = 512
LEAST_MEMORY = 1_000_000_000
LEAST_SHARED = 64 * 1024 * 1024


def look(patient: Patient) -> Finding:  # noqa: ARG001  every check takes its patient
    """Open files, tasks of the cgroup, memory, and the shared memory that torch exchanges tensors in."""
    faults: list[str] = []
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files != resource.RLIM_INFINITY and files < FEWEST_FILES:
        faults.append(f"{files} open files at most (--ulimit nofile={FEWEST_FILES}:{FEWEST_FILES})")
    tasks = tasks_left()
    if tasks is not None and tasks < FEWEST_TASKS:
        faults.append(f"room for {tasks} more processes and threads (--pids-limit)")
    shared = _shared_bytes()
    if shared is not None and shared < LEAST_SHARED:
        faults.append(f"{in_words(shared)} of shared memory (--shm-size=1g)")
    free = free_memory_bytes()
    facts = {"open_files": files, "tasks_left": tasks, "free_memory_bytes": free, "shared_bytes": shared}
    if free < LEAST_MEMORY:
        return ill(
            f"Only {in_words(free)} of memory are free.", "Give it more, or stop what takes it.", **facts
        )
    if faults:
        return watch(f"It may have {'; '.join(faults)}.", "Raise these where the box is started.", **facts)
    return well(f"{in_words(free)} of memory free, {files:,} open files allowed.", **facts)


def _shared_bytes() -> int | None:
    try:
        return shutil.disk_usage("/dev/shm").total  # noqa: S108  asked how large it is, nothing is kept there
    except OSError:
        return None
