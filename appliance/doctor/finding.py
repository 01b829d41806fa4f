"""What a check finds, and whom it examines."""

from enum import StrEnum
from typing import Any

import msgspec

from app.kit.settings import Settings


class Verdict(StrEnum):
    """How a check ended. What could not be looked at is never a pass."""

    well = "well"
    watch = "watch"  # works, and somebody should know
    ill = "ill"
    unknown = "unknown"  # it could not be looked at
    absent = "absent"  # there is nothing to look at, as a card in a box without one


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one check: a sentence, and what to do unless all is well."""

    verdict: Verdict
    sentence: str
    remedy: str | None = None
    facts: dict[str, Any] = {}


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """The box under examination. `is_up`: a boot holds it right now."""

    settings: Settings
    is_up: bool


def well(sentence: str, **facts: Any) -> Finding:
    """As it should be."""
    return Finding(verdict=Verdict.well, sentence=sentence, facts=facts)


def watch(sentence: str, remedy: str, **facts: Any) -> Finding:
    """It works; it would be better otherwise."""
    return Finding(verdict=Verdict.watch, sentence=sentence, remedy=remedy, facts=facts)


def ill(sentence: str, remedy: str, **facts: Any) -> Finding:
    """Broken, or open where it should be closed."""
    return Finding(verdict=Verdict.ill, sentence=sentence, remedy=remedy, facts=facts)


def unknown(sentence: str, remedy: str) -> Finding:
    """It could not be looked at; why, and what would allow it."""
    return Finding(verdict=Verdict.unknown, sentence=sentence, remedy=remedy)


def absent(sentence: str) -> Finding:
    """There is nothing to look at."""
    return Finding(verdict=Verdict.absent, sentence=sentence)


def in_words(size_bytes: int) -> str:
    """So many bytes as people say it."""
    for unit, bytes_each in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if size_bytes >= bytes_each:
            return f"{size_bytes / bytes_each:.1f} {unit}"
    return f"{size_bytes / 1000:.0f} kB"
