"""Memory is read wherever this machine writes it down."""

from pathlib import Path

import psutil
import pytest

from app.kit import memory

MEMBERSHIPS = [
    pytest.param("0::/studio.slice\n", "studio.slice", id="v2"),
    pytest.param("0::/somewhere/on/the/host\n", ".", id="v2 in a container"),
    pytest.param("9:name=systemd:/\n4:memory:/docker/abc\n0::/\n", "memory/docker/abc", id="v1"),
    pytest.param("4:memory:/docker/abc\n0::/\n", "memory", id="v1 in a container"),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without cgroups, whose kernel has ended three processes."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(memory, "MACHINE", tmp_path / "vmstat")
    (tmp_path / "vmstat").write_text("pgfault 12\noom_kill 3\n")
    return tmp_path


@pytest.mark.parametrize(("membership", "folder"), MEMBERSHIPS)
def test_kills_of_our_own_cgroup_go_before_those_of_the_machine(
    root: Path, membership: str, folder: str
) -> None:
    assert memory.kills_by_memory() == 3
    (root / "membership").write_text(membership)
    assert memory.kills_by_memory() == 3
    (root / folder).mkdir(parents=True, exist_ok=True)
    name = "memory.oom_control" if "memory" in membership else "memory.events"
    (root / folder / name).write_text("low 0\noom_kill 1\n")
    assert memory.kills_by_memory() == 1


@pytest.mark.parametrize(("membership", "folder"), MEMBERSHIPS)
def test_what_is_free_ends_at_the_limit_of_our_cgroup(root: Path, membership: str, folder: str) -> None:
    (root / "membership").write_text(membership)
    (root / folder).mkdir(parents=True, exist_ok=True)
    is_v1 = "memory" in membership
    (root / folder / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text("1000\n")
    (root / folder / ("memory.usage_in_bytes" if is_v1 else "memory.current")).write_text("900\n")
    (root / folder / "memory.stat").write_text(f"{'total_' * is_v1}inactive_file 50\n")
    assert memory.free_memory_bytes() == 150


def test_a_machine_without_limits_has_what_the_kernel_says(root: Path) -> None:
    (root / "membership").write_text("0::/\n")
    (root / "memory.max").write_text("max\n")
    (root / "memory.current").write_text("900\n")
    assert 0 < memory.free_memory_bytes() <= psutil.virtual_memory().total


def test_a_machine_that_counts_nothing_counts_none(root: Path) -> None:
    (root / "vmstat").unlink()
    assert memory.kills_by_memory() == 0
