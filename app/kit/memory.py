"""Main memory as this process has it: what is left to take, and how often it has run out.

Asked of our cgroup, v2 or v1, where there is one with limits; else of the machine.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

CGROUP: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")
MACHINE: Final = Path("/proc/vmstat")


class _Names(NamedTuple):
    """What a version of cgroups calls things."""

    limit: str
    used: str
    cache: str  # a line of memory.stat
    events: str


_V2: Final = _Names("memory.max", "memory.current", "inactive_file", "memory.events")
_V1: Final = _Names(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"
)


def free_memory_bytes() -> int:
    """What may still be taken: the machine's available memory, or less where our cgroup says so."""
    import psutil  # here: who only reads step declarations never needs it

    available = int(psutil.virtual_memory().available)
    for folder, names in _places():
        limit, used = _number(folder / names.limit), _number(folder / names.used)
        if limit is not None and used is not None:
            # The page cache counts as used but is given up on demand.
            cache = _field(folder / "memory.stat", names.cache) or 0
            return max(0, min(available, limit - used + cache))
    return available


def kills_by_memory() -> int:
    """How often the kernel ended a process for want of memory, in our cgroup or at least on this machine.

    It only grows.
    """
    counts = [_field(folder / names.events, "oom_kill") for folder, names in _places()]
    return next((count for count in [*counts, _field(MACHINE, "oom_kill")] if count is not None), 0)


def _places() -> Iterator[tuple[Path, _Names]]:
    """Where our cgroup may lie. In a container it is the root, whatever its path says."""
    with contextlib.suppress(OSError):
        for line in MEMBERSHIP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                base, names = CGROUP / controllers, _V1 if controllers else _V2
                yield base / path.lstrip("/"), names
                yield base, names


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    """One line `name value` of a file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(" ")
        if key == name and value.strip().isdigit():
            return int(value)
    return None
