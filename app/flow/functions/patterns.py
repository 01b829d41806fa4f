"""Patterns: regular expressions that cannot run away.

They are RE2's, like those of `matches`: no look-around and no back-references, and never more than a walk
through the text for each match. Many matches in a long text are many walks, so these are counted.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import re2

from app.flow.library import Example, function
from app.flow.meter import MAX_RESULT_CHARACTERS, TOO_LARGE, TOO_MUCH, Refused

MAX_PATTERN: Final = 1_000  # characters
MAX_MATCHES: Final = 10_000  # 9 µs each
MAX_WALKED: Final = 100_000_000  # characters walked through for all matches: 0.5 s


@function(
    "Find",
    Example("regex_find('IMG_0042.jpeg', '[0-9]+')", "0042"),
    Example("'Ada Lovelace'.regex_find('(\\\\w+)$')", "Lovelace"),
    Example("'Ada'.regex_find('[0-9]')", ""),
)
def regex_find(text: str, pattern: str) -> str:
    """The first part that matches, or what its first group caught; nothing ('') where none does."""
    found = _compiled(pattern).search(text)
    return "" if found is None else _caught(found)


@function(
    "Find all",
    Example("'12 boats, 3 planes'.regex_find_all('[0-9]+')", ["12", "3"]),
    Example("'a=1 b=2'.regex_find_all('(\\\\w)=')", ["a", "b"]),
)
def regex_find_all(text: str, pattern: str) -> list[str]:
    """Every part that matches, or what its first group caught, in order."""
    return [_caught(found) for found in _matches(text, pattern)]


@function(
    "Groups",
    Example(
        "'2026-01-31'.regex_groups('(?P<year>\\\\d+)-(?P<month>\\\\d+)')", {"year": "2026", "month": "01"}
    ),
    Example("'Ada'.regex_groups('(?P<number>\\\\d+)')", {}),
)
def regex_groups(text: str, pattern: str) -> dict[str, Any]:
    """What the named groups (?P<name>…) of the first match caught; an empty object where nothing matches."""
    found = _compiled(pattern).search(text)
    return {} if found is None else dict(found.groupdict())


@function(
    "Replace by pattern",
    Example("'a1b22'.regex_replace('[0-9]+', '#')", "a#b#"),
    Example("'Ada Lovelace'.regex_replace('(\\\\w+) (\\\\w+)', '\\\\2, \\\\1')", "Lovelace, Ada"),
)
def regex_replace(text: str, pattern: str, replacement: str) -> str:
    """The text with every match replaced; \\1, \\2 … in the replacement stand for what groups caught."""
    pieces: list[str] = []
    length = place = 0
    for found in _matches(text, pattern):
        try:
            piece = found.expand(replacement)
        except (re2.error, IndexError) as exc:
            raise Refused("The replacement names a group that the pattern does not have.") from exc
        pieces += (text[place : found.start()], piece)
        length += len(piece)
        place = found.end()
        if length > MAX_RESULT_CHARACTERS:
            raise Refused(TOO_LARGE)
    return "".join((*pieces, text[place:]))


@function("Split by pattern", Example("'a, b;c'.regex_split('[,;] *')", ["a", "b", "c"]))
def regex_split(text: str, pattern: str) -> list[str]:
    """The parts between the matches."""
    parts: list[str] = []
    place = 0
    for found in _matches(text, pattern):
        if found.end() > found.start():
            parts.append(text[place : found.start()])
            place = found.end()
    return [*parts, text[place:]]


def _matches(text: str, pattern: str) -> Iterator[Any]:
    """Every match. Raises Refused when finding them takes too many walks through the text."""
    walked = 0
    for number, found in enumerate(_compiled(pattern).finditer(text), 1):
        walked += len(text) - found.start()
        if number > MAX_MATCHES or walked > MAX_WALKED:
            raise Refused(TOO_MUCH)
        yield found


def _caught(found: Any) -> str:
    """What the first group caught, or the whole match where the pattern has none."""
    caught = found.group(1) if found.re.groups else found.group(0)
    return caught or ""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise Refused(f"A pattern has at most {MAX_PATTERN:,} characters; this one has {len(pattern):,}.")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        (reason,) = exc.args
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Refused(f"The pattern is not valid: {told}.") from exc
