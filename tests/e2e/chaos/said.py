"""What the box's programs logged meanwhile, read line by line."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.e2e.chaos.checker import Fault

SERIOUS: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})
MESSAGE_LETTERS: Final = 80
SOMEBODY: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")  # an id in a message


def complaints(lines: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each program complained, by program and by what it says, whoever it is about."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in _entries(lines):
        if entry.get("level") in SERIOUS:
            words = entry.get("action") or f"“{_gist(str(entry.get('message')))}”"
            status = f" ({entry['status']})" if "status" in entry else ""
            found[str(entry.get("service")), f"{words}{status}"] += 1
    return found


def judge_said(lines: Sequence[str]) -> list[Fault]:
    """Whether the API knew an answer to every call: whatever is away, 500 is never one."""
    return [
        Fault(
            rule="no_surprise",
            sentence=f"{entry.get('method')} {entry.get('path')} was answered with 500: {_last_line(entry)}",
        )
        for entry in _entries(lines)
        if entry.get("action") == "request_failed" and entry.get("status") == 500
    ]


def _gist(message: str) -> str:
    """The beginning of a message, whoever it is about."""
    first, *_ = SOMEBODY.sub("…", message).splitlines() or [""]
    return first if len(first) <= MESSAGE_LETTERS else f"{first[:MESSAGE_LETTERS]} …"


def _last_line(entry: dict[str, Any]) -> str:
    return str(entry.get("exception") or "no exception was logged").rstrip().rsplit("\n", 1)[-1]


def _entries(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The lines that are entries; a program that is only just beginning, or dying, writes others."""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
