"""Patterns: regular expressions that cannot run away.

They are RE2's, like those of `matches`: no look-around and no back-references, and never more than a walk
through the text for each match. Many matches in a long text are many walks, so these are counted.
"""

from collections.abc import Iterator
from typing import Any, Final

import re2

from app.flow.library import Example, function
from app.flow.meter import MAX_RESULT_CHARACTERS, TOO_LARGE, TOO_MUCH, Refused
from app.flow.pattern import MAX_WALK, compiled

MAX_MATCHES: Final = 10_000  # 9 µs each


@function(
    "Find",
    Example("regex_find('IMG_0042.jpeg', '[0-9]+')", "0042"),
    Example("'Ada Lovelace'.regex_find('(\\\\w+)$')", "Lovelace"),
    Example("'Ada'.regex_find('[0-9]')", ""),
)
def regex_find(text: str, pattern: str) -> str:
    """The first part that matches, or what its first group caught; nothing ('') where none does."""
    found = _first(text, pattern)
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
    found = _first(text, pattern)
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


def _first(text: str, pattern: str) -> Any:
    """The first match, None without one. Raises Refused when looking for it may take too long."""
    ready = compiled(pattern)
    if len(text) * ready.programsize > MAX_WALK:
        raise Refused(TOO_MUCH)
    return ready.search(text)


def _matches(text: str, pattern: str) -> Iterator[Any]:
    """Every match. Raises Refused when finding them takes too many walks through the text."""
    ready = compiled(pattern)
    left = MAX_WALK - len(text) * ready.programsize
    if left < 0:
        raise Refused(TOO_MUCH)
    for number, found in enumerate(ready.finditer(text), 1):
        left -= (len(text) - found.start()) * ready.programsize
        if number > MAX_MATCHES or left < 0:
            raise Refused(TOO_MUCH)
        yield found


def _caught(found: Any) -> str:
    """What the first group caught, or the whole match where the pattern has none."""
    caught = found.group(1) if found.re.groups else found.group(0)
    return caught or ""
