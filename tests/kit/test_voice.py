"""One voice: the two formats of the map, and a line that stays one line."""

import json
import re

from app.kit.settings import LogSettings
from app.kit.voice import Voice


def test_pretty_lines_look_like_the_map_says() -> None:
    line = Voice("studio-worker-gpu", LogSettings(colors=False)).line("info", "Job completed")
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


def test_a_message_of_several_lines_stays_one_line() -> None:
    assert "\n" not in Voice("studio-api", LogSettings(colors=False)).line("error", "first\nsecond")


def test_a_prefix_replaces_service_and_host() -> None:
    assert (
        Voice("studio-api", LogSettings(prefix="box7", colors=False)).line("info", "Up").startswith("box7 | ")
    )
