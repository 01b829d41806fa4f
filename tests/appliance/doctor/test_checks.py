"""Every check of the doctor: it has a title, it answers on a box that does not run, and it can fail."""

import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from app.kit.settings import Settings, load_settings
from appliance.doctor import examination
from appliance.doctor.checks import keys, limits, listeners, space
from appliance.doctor.examination import Check, every_check, examine
from appliance.doctor.finding import Finding, Patient, Verdict, ill, well
from tests.patience import PATIENCE_S


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A box that was never started."""
    workspace = tmp_path / "ws"
    workspace.mkdir()
    return load_settings({"WORKSPACE_PATH": str(workspace), "STUDIO_RUN_DIR": str(tmp_path / "run")})


def test_a_box_that_does_not_run_is_examined_all_the_same(settings: Settings) -> None:
    results = examine(settings)
    assert len(results) == len(every_check()) > 10
    for result in results:
        assert result.title and not result.finding.sentence.startswith("The check itself failed"), result
        assert result.finding.remedy or result.finding.verdict in (Verdict.well, Verdict.absent), result
    unseen = {result.check for result in results if result.finding.verdict is Verdict.unknown}
    assert {"api", "programs", "listeners"} <= unseen, "what is not up is not a pass"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([well("good")], 0),
        ([well("good"), ill("bad", "mend it")], 1),
        ([well("good"), Finding(verdict=Verdict.unknown, sentence="?", remedy="look")], 3),
        ([well("good"), Finding(verdict=Verdict.absent, sentence="no card")], 0),
    ],
)
def test_a_skip_is_never_a_pass(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, found: list[Finding], code: int
) -> None:
    wanted = [Check(str(number), "Title", partial(_given, one)) for number, one in enumerate(found)]
    monkeypatch.setattr(examination, "every_check", lambda: wanted)
    assert examination.show(settings, as_json=True) == code


HANGING = """
import threading
from pathlib import Path
from app.kit.settings import load_settings
from appliance.doctor import examination
from appliance.doctor.examination import Check
examination.LIMIT_S = 0.1
examination.every_check = lambda: [Check("hangs", "Hangs", lambda _: threading.Event().wait())]
settings = load_settings({"WORKSPACE_PATH": "/nowhere", "STUDIO_RUN_DIR": "/nowhere"})
print(examination.examine(settings)[0].finding.sentence)
"""


def test_a_check_that_hangs_does_not_keep_the_doctor_from_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, "did not answer" in done.stdout) == (0, True), done.stderr


def test_a_check_that_breaks_hides_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Patient) -> Finding:
        raise RuntimeError("worse than thought")

    wanted = [Check("one", "One", breaks), Check("two", "Two", lambda _: well("fine"))]
    monkeypatch.setattr(examination, "every_check", lambda: wanted)
    first, second = examine(settings)
    assert first.finding.verdict is Verdict.unknown and "worse than thought" in first.finding.sentence
    assert second.finding.verdict is Verdict.well


def test_keys_that_others_may_read_are_found(settings: Settings) -> None:
    settings.keys_dir.mkdir(mode=0o700)
    for name in ("jwt_secret_key", "worker_shared_secret", "postgres_password", "encryption_key"):
        (settings.keys_dir / name).write_text("a secret of more than thirty-two letters and then some\n")
        (settings.keys_dir / name).chmod(0o600)
    patient = Patient(settings=load_settings(environment(settings)), is_up=False)
    assert keys.look(patient).verdict is Verdict.well
    (settings.keys_dir / "jwt_secret_key").chmod(0o644)
    found = keys.look(patient)
    assert found.verdict is Verdict.ill and "jwt_secret_key" in found.sentence
    assert stat.S_IMODE((settings.keys_dir / "jwt_secret_key").stat().st_mode) == 0o644, (
        "it looks, and no more"
    )


def test_a_disk_that_is_nearly_full_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Little:
        f_bavail, f_frsize, f_files, f_favail = 10, 4096, 1000, 999_999

    monkeypatch.setattr(os, "statvfs", lambda _: Little)
    found = space.look(Patient(settings=settings, is_up=False))
    assert found.verdict is Verdict.watch and "41 kB" in found.sentence


def test_little_memory_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_memory_bytes", lambda: 1000)
    assert limits.look(Patient(settings=settings, is_up=False)).verdict is Verdict.ill


def test_listeners_of_a_box_that_is_up_but_hidden_are_not_a_pass(settings: Settings) -> None:
    assert listeners.look(Patient(settings=settings, is_up=True)).verdict is Verdict.unknown


def _given(found: Finding, _: Patient) -> Finding:
    return found


def environment(settings: Settings) -> dict[str, str]:
    return {"WORKSPACE_PATH": str(settings.workspace), "STUDIO_RUN_DIR": str(settings.run_dir)}
