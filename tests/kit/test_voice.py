"""One voice: the two formats of the map, and a line that stays one line."""

import json
import os
import re
import subprocess
import sys

import pytest

from app.kit.settings import LogSettings
from app.kit.voice import Voice


def test_pretty_lines_look_like_the_map_says() -> None:
    line = Voice("studio-worker-gpu", LogSettings()).line("info", "Job completed")
    assert re.fullmatch(
        r"studio-worker-gpu \(\d+\.\d+\.\d+\.\d+\) \| \d\d:\d\d:\d\d\.\d{3} \| INFO \| Job completed", line
    )


def test_json_lines_carry_their_fields() -> None:
    line = Voice("studio-api", LogSettings(format="json")).line(
        "warning", "Slow", {"job_id": "7", "at": object}
    )
    record = json.loads(line)
    assert record["level"] == "WARNING" and record["service"] == "studio-api" and record["job_id"] == "7"
    assert record["timestamp"].endswith("Z")


def test_only_a_terminal_is_given_colours() -> None:
    assert "\x1b[33mWARNING\x1b[0m" in Voice("studio-api", LogSettings(colors=True)).line("warning", "Slow")
    assert not Voice("studio-api", LogSettings(format="json", colors=True)).colors
    assert read_with(stdout_is_terminal=True) and not read_with(stdout_is_terminal=False)
    assert read_with(stdout_is_terminal=False, LOG_COLORS="true")
    assert not read_with(stdout_is_terminal=True, LOG_COLORS="false")


def read_with(*, stdout_is_terminal: bool, **env: str) -> bool:
    """What a program makes of these settings, with such a standard output."""
    script = f"import sys; from app.kit.settings import load_settings as s; sys.exit(s({env}).log.colors)"
    ends = os.openpty() if stdout_is_terminal else os.pipe()
    try:
        return bool(subprocess.run([sys.executable, "-c", script], stdout=ends[1], check=False).returncode)
    finally:
        for end in ends:
            os.close(end)


def test_a_message_of_several_lines_stays_one_line() -> None:
    assert "\n" not in Voice("studio-api", LogSettings()).line("error", "first\nsecond")


def test_a_prefix_replaces_service_and_host() -> None:
    assert Voice("studio-api", LogSettings(prefix="box7")).line("info", "Up").startswith("box7 | ")


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"])
def test_a_time_that_is_none_here_is_shown_as_it_is(timestamp: str) -> None:
    record = {"timestamp": timestamp, "level": "INFO", "service": "studio-api", "message": "hello"}
    assert timestamp in Voice("studio-api", LogSettings()).render(record)
