"""The guard ends a box whose program cannot stay up, and only then."""

from pathlib import Path
from unittest.mock import patch

from appliance.watchdog import BACKOFF, EXITED, STARTS_ALLOWED, Guard, end_the_box


def test_a_program_that_fails_at_its_start_again_and_again_ends_the_box(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    assert [guard.hear(BACKOFF, "api", at) for at in range(STARTS_ALLOWED)] == [None] * STARTS_ALLOWED
    reason = guard.hear(BACKOFF, "api", 9.0)
    assert reason is not None
    assert reason.startswith("The program api cannot be started")


def test_failed_starts_count_when_they_follow_one_another_only(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    for at in range(STARTS_ALLOWED):
        assert guard.hear(BACKOFF, "api", at) is None
    assert guard.hear(EXITED, "api", 10.0) is None, "it had come up"
    for at in range(STARTS_ALLOWED):
        assert guard.hear(BACKOFF, "api", 11.0 + at) is None


def test_a_worker_that_dies_in_a_step_is_started_again_however_often(tmp_path: Path) -> None:
    guard = Guard(tmp_path, exits_allowed=1)
    for at in range(100):
        (tmp_path / "worker-cpu").touch()
        assert guard.hear(BACKOFF if at % 2 else EXITED, "worker-cpu", float(at)) is None
    assert not (tmp_path / "worker-cpu").exists(), "the next life has to leave its own mark"


def test_a_worker_that_dies_before_its_first_step_is_a_failed_start(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    (tmp_path / "worker-cpu").touch()
    heard = [guard.hear(BACKOFF, "worker-cpu", float(at)) for at in range(STARTS_ALLOWED + 2)]
    assert [reason is not None for reason in heard] == [False] * (STARTS_ALLOWED + 1) + [True]


def test_a_program_that_dies_late_again_and_again_ends_the_box(tmp_path: Path) -> None:
    guard = Guard(tmp_path, window_s=600, exits_allowed=3)
    assert [guard.hear(EXITED, "worker-gpu", at) for at in (0.0, 30.0, 60.0)] == [None] * 3
    reason = guard.hear(EXITED, "worker-gpu", 90.0)
    assert reason is not None
    assert "ended 4 times in 10 minutes" in reason


def test_deaths_far_apart_and_of_different_programs_do_not(tmp_path: Path) -> None:
    guard = Guard(tmp_path, window_s=600, exits_allowed=1)
    assert guard.hear(EXITED, "api", 0.0) is None
    assert guard.hear(EXITED, "daemon", 1.0) is None
    assert guard.hear(EXITED, "api", 601.0) is None
    assert guard.hear(BACKOFF, "api", 602.0) is None


def test_the_tunnel_never_ends_the_box(tmp_path: Path) -> None:
    guard = Guard(tmp_path, exits_allowed=0)
    assert not any(guard.hear(event, "tunnel", 0.0) for event in (EXITED, BACKOFF) for _ in range(100))


def test_the_first_reason_stands(tmp_path: Path) -> None:
    with patch("os.kill"):
        end_the_box(tmp_path, "postgres", "Postgres went first.")
        end_the_box(tmp_path, "api", "Then the API.")
    assert (tmp_path / "reason").read_text() == "postgres\nPostgres went first."
