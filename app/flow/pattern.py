"""Regular expressions within bounds: RE2's, compiled where that is cheap, and what walking with one costs.

RE2 never goes back in a text, so a search is one walk. What a step of it costs depends on the pattern: in the
worst case every instruction of its program is looked at for every letter (4 ns, measured), and to compile a
program of 100,000 instructions, `[a-z]{0,1000}` fifty times, takes 4 s.
"""

from functools import lru_cache
from typing import Any, Final

import re2

from app.flow.meter import Refused

MAX_PATTERN: Final = 1_000  # characters
MAX_WALK: Final = 500_000_000  # letters times instructions; 2 s where nothing can be skipped, mostly far less
COMPILE_BYTES: Final = 1 << 18  # of a program, when it is tried: 20,000 instructions at most, 0.2 s
_LETTER_INSTRUCTIONS: Final = 5  # as many cost what a letter costs that a function goes through


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The pattern, ready to search. Raises Refused for one that is none, is too long or grows too large."""
    if len(pattern) > MAX_PATTERN:
        raise Refused(f"A pattern has at most {MAX_PATTERN:,} characters; this one has {len(pattern):,}.")
    try:
        re2.compile(pattern, _options(COMPILE_BYTES))
        return re2.compile(pattern, _options())
    except re2.error as exc:
        (reason,) = exc.args
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        if "too large" in told:
            raise Refused("The pattern repeats too much; ask for less with {…}.") from exc
        raise Refused(f"The pattern is not valid: {told}.") from exc


def instructions(pattern: str) -> int:
    """How many there are in its program. Raises Refused."""
    found: int = compiled(pattern).programsize
    return found


def passes(pattern: str) -> int:
    """How many passes of a function through the text one walk with it may cost. Raises Refused."""
    return max(1, instructions(pattern) // _LETTER_INSTRUCTIONS)


def _options(max_bytes: int | None = None) -> Any:
    options = re2.Options()
    options.log_errors = False
    if max_bytes is not None:
        options.max_mem = max_bytes
    return options
