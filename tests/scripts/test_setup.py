"""Set-up repairs itself, does nothing twice, and says in a sentence what it cannot do."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs bash lines with scripts/setup.sh sourced and its virtual environment in the folder."""
    head = f'set -euo pipefail\n. "{ROOT}/scripts/setup.sh"\nVENV="{folder}/venv"\nSTAMPS="$VENV/.studio"\n'
    return subprocess.run(
        ["bash", "-c", head + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | environment,
    )


def program(folder: Path, name: str, text: str) -> Path:
    """A small program to stand in front of the machine's own."""
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def test_cut_off_set_up_makes_the_environment_anew(tmp_path: Path) -> None:
    stamps = tmp_path / "venv" / ".studio"
    stamps.mkdir(parents=True)
    (stamps / "unfinished").touch()
    (stamps / "python-runtime").write_text("what it was\n")
    done = bash("make_venv; command -v studio || true", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cut off" in done.stderr
    assert not (stamps / "python-runtime").exists()
    assert (
        subprocess.run([tmp_path / "venv/bin/python", "-m", "pip", "--version"], check=False).returncode == 0
    )
    assert (tmp_path / "venv/bin/studio").exists()


def test_stamped_stage_is_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "venv" / ".studio").mkdir(parents=True)
    stamp = 'stamp python-runtime "$(digest "$LOCKS/runtime.txt")"\n'
    script = stamp + "pip_install() { exit 9; }\nneed_python runtime"
    assert bash(script, tmp_path).returncode == 0


def test_changed_lock_is_installed(tmp_path: Path) -> None:
    (tmp_path / "venv" / ".studio").mkdir(parents=True)
    script = "stamp python-runtime old\npip_install() { exit 9; }\nneed_python runtime"
    assert bash(script, tmp_path).returncode == 9


def test_without_root_or_sudo_the_missing_packages_are_named(tmp_path: Path) -> None:
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "bash", 'exec /bin/bash "$@"')
    done = bash(f"PATH={tmp_path}\nmissing=(ffmpeg redis-server)\nas_root true", tmp_path)
    assert done.returncode == 1
    assert "ffmpeg redis-server" in done.stderr
    assert "sudo" in done.stderr


@pytest.mark.parametrize(("driver", "kind"), [(True, "cuda"), (False, "cpu")])
def test_torch_follows_the_driver(tmp_path: Path, driver: bool, kind: str) -> None:
    """CUDA where there is an NVIDIA driver, and several GB of it nowhere else."""
    (tmp_path / "venv" / ".studio").mkdir(parents=True)
    script = (
        f"has_nvidia() {{ {'true' if driver else 'false'}; }}\n"
        'pip_install() { printf "%s\\n" "$*" >>"$VENV/calls"; }\n'
        "need_torch ''"
    )
    assert bash(script, tmp_path).returncode == 0
    calls = (tmp_path / "venv" / "calls").read_text()
    assert ("cuda.txt" in calls) is driver
    assert ("--no-index" in calls) is not driver
    assert (tmp_path / "venv/.studio/torch").read_text().startswith(kind)


def test_torch_that_cannot_be_had_is_not_looked_for_at_every_start(tmp_path: Path) -> None:
    (tmp_path / "venv" / ".studio").mkdir(parents=True)
    script = (
        "has_nvidia() { false; }\n"
        'pip_install() { echo tried >>"$VENV/calls"; return 1; }\n'
        'retry() { "$@"; }\n'
    )
    first = bash(script + "need_torch ''", tmp_path)
    assert first.returncode == 0
    assert "text.embed" in first.stderr
    tried = (tmp_path / "venv" / "calls").read_text()
    assert bash(script + "need_torch ''", tmp_path).returncode == 0
    assert (tmp_path / "venv" / "calls").read_text() == tried
    bash(script + "need_torch cpu", tmp_path)
    assert (tmp_path / "venv" / "calls").read_text() != tried


def test_torch_once_declined_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "venv" / ".studio").mkdir(parents=True)
    refuse = "pip_install() { exit 9; }\n"
    assert bash(refuse + "need_torch none", tmp_path).returncode == 0
    assert bash(refuse + "need_torch ''", tmp_path).returncode == 0


def test_runtime_lock_brings_no_torch_and_no_cuda() -> None:
    """Several GB must never arrive by accident: they are in cuda.txt and nowhere else."""
    for lock in ("runtime", "dev", "torch"):
        names = {
            line.split("==")[0]
            for line in (ROOT / f"scripts/locks/{lock}.txt").read_text().splitlines()
            if line[:1].isalpha()
        }
        heavy = {
            name for name in names if name in {"torch", "triton"} or name.startswith(("nvidia-", "cuda-"))
        }
        assert heavy <= {"nvidia-ml-py"}
