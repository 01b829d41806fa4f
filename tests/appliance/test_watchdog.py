"""The guard ends a box whose program cannot stay up, and only then."""

from pathlib import Path
from unittest.mock import patch

from appliance.watchdog import Guard, end_the_box

EXITED, FATAL, BACKOFF = "PROCESS_STATE_EXITED", "PROCESS_STATE_FATAL", "PROCESS_STATE_BACKOFF"


def test_a_program_given_up_by_supervisord_ends_the_box() -> None:
    reason = Guard().hear(FATAL, "api", 0.0)
    assert reason is not None
    assert reason.startswith("The program api cannot be started")


def test_a_program_that_dies_late_again_and_again_ends_the_box() -> None:
    guard = Guard(window_s=600, exits_allowed=3)
    assert [guard.hear(EXITED, "worker-gpu", at) for at in (0.0, 30.0, 60.0)] == [None] * 3
    reason = guard.hear(EXITED, "worker-gpu", 90.0)
    assert reason is not None
    assert "ended 4 times in 10 minutes" in reason


def test_deaths_far_apart_and_of_different_programs_do_not() -> None:
    guard = Guard(window_s=600, exits_allowed=1)
    assert guard.hear(EXITED, "api", 0.0) is None
    assert guard.hear(EXITED, "daemon", 1.0) is None
    assert guard.hear(EXITED, "api", 601.0) is None
    assert guard.hear(BACKOFF, "api", 602.0) is None


def test_the_tunnel_never_ends_the_box() -> None:
    assert Guard(exits_allowed=0).hear(FATAL, "tunnel", 0.0) is None


def test_the_first_reason_stands(tmp_path: Path) -> None:
    with patch("os.kill"):
        end_the_box(tmp_path, "Postgres went first.")
        end_the_box(tmp_path, "Then the API.")
    assert (tmp_path / "reason").read_text() == "Postgres went first."
