"""Reading how often memory ran out, wherever this machine writes it down."""

from pathlib import Path

import pytest

from workers import memory


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without cgroups, whose kernel has ended three processes."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(memory, "MACHINE", tmp_path / "vmstat")
    (tmp_path / "vmstat").write_text("pgfault 12\noom_kill 3\n")
    return tmp_path


@pytest.mark.parametrize(
    ("membership", "counter"),
    [
        ("0::/studio.slice\n", "studio.slice/memory.events"),
        ("0::/somewhere/on/the/host\n", "memory.events"),
        ("9:name=systemd:/\n4:memory:/docker/abc\n0::/\n", "memory/docker/abc/memory.oom_control"),
        ("4:memory:/docker/abc\n0::/\n", "memory/memory.oom_control"),
    ],
    ids=["v2", "v2 in a container", "v1", "v1 in a container"],
)
def test_kills_of_our_own_cgroup_go_before_those_of_the_machine(
    root: Path, membership: str, counter: str
) -> None:
    assert memory.kills_by_memory() == 3
    (root / "membership").write_text(membership)
    assert memory.kills_by_memory() == 3
    path = root / counter
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("low 0\noom_kill 1\n")
    assert memory.kills_by_memory() == 1


def test_a_machine_that_counts_nothing_counts_none(root: Path) -> None:
    (root / "vmstat").unlink()
    assert memory.kills_by_memory() == 0
