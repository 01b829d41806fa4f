"""Texts: case, parts, padding, and names made of titles."""

import html
import re
import unicodedata
from typing import Any

from app.flow.library import Example, function
from app.flow.meter import Refused
from app.flow.texts import as_text


@function("Lower case", Example("'SEA View'.lower()", "sea view"))
def lower(text: str) -> str:
    """The text in small letters."""
    return text.lower()


@function("Upper case", Example("'Sea'.upper()", "SEA"))
def upper(text: str) -> str:
    """The text in capital letters."""
    return text.upper()


@function("Title case", Example("'our trip to Rome'.title()", "Our Trip To Rome"))
def title(text: str) -> str:
    """The text with the first letter of each word in capitals; the other letters stay as they are."""
    return re.sub(r"(?<!\S)(\W*)(\w)", lambda found: found[1] + found[2].upper(), text)


@function("Capitalise", Example("'our trip'.capitalize()", "Our trip"))
def capitalize(text: str) -> str:
    """The text with its first letter in capitals; the others stay as they are."""
    return text[:1].upper() + text[1:]


@function("Trim", Example("'  Sea '.trim()", "Sea"))
def trim(text: str) -> str:
    """The text without the spaces and line ends around it."""
    return text.strip()


@function(
    "Split",
    Example("'red, green,blue'.split(',').map(word, word.trim())", ["red", "green", "blue"]),
    Example("'a-b-c'.split('-', 2)", ["a", "b-c"]),
)
def split(text: str, separator: str, parts: int = 0) -> list[str]:
    """The parts between the separators. `parts` bounds how many; the last one then keeps the rest."""
    if not separator:
        raise Refused("split() needs a separator; characters(…) takes a text apart letter by letter.")
    return text.split(separator, parts - 1 if parts > 0 else -1)


@function("Characters", Example("'Sea'.characters()", ["S", "e", "a"]))
def characters(text: str) -> list[str]:
    """Every character as a text of its own."""
    return list(text)


@function("Lines", Example("'one\\n\\ntwo\\n'.lines()", ["one", "", "two"]))
def lines(text: str) -> list[str]:
    """The lines, without their ends."""
    return text.splitlines()


@function("Words", Example("' our  trip '.words()", ["our", "trip"]))
def words(text: str) -> list[str]:
    """What stands between spaces and line ends."""
    return text.split()


def _joined(items: list[Any], separator: str) -> int:
    return len(separator) * len(items)


@function(
    "Join",
    Example("['red', 'green'].join(', ')", "red, green"),
    Example("[1, 2.5].join('; ')", "1; 2.5"),
    makes=_joined,
)
def join(items: list[Any], separator: str = "") -> str:
    """One text of all items, with the separator between them. Null is nothing, a file is its name."""
    return separator.join(map(as_text, items))


def _replaced(text: str, old: str, new: str) -> int:
    return len(text) + max(0, len(new) - len(old)) * (text.count(old) if old else 0)


@function("Replace", Example("'a_b_c'.replace('_', ' ')", "a b c"), makes=_replaced)
def replace(text: str, old: str, new: str) -> str:
    """The text with every `old` replaced by `new`."""
    if not old:
        raise Refused("replace() needs something to look for; its second text is empty.")
    return text.replace(old, new)


@function(
    "Part of a text",
    Example("'2026-01-31'.substring(0, 4)", "2026"),
    Example("'photo.jpeg'.substring(-4)", "jpeg"),
)
def substring(text: str, start: int, end: int | None = None) -> str:
    """The characters from `start`, counted from 0, up to before `end`; without it, to the end.

    Negative positions count from the end. Positions beyond the text are its ends.
    """
    return text[start:end]


@function(
    "Shorten",
    Example("'A long way home'.truncate(7)", "A long…"),
    Example("'Sea'.truncate(7)", "Sea"),
    makes=lambda text, _length, ending: len(text) + len(ending),
)
def truncate(text: str, length: int, ending: str = "…") -> str:
    """A text of at most so many characters, the ending included where something was cut off."""
    if len(text) <= length:
        return text
    kept = max(0, length - len(ending))
    return text[:kept].rstrip() + ending[: max(0, length)]


def _padded(text: str, width: int, _fill: str) -> int:
    return max(len(text), width)


@function(
    "Pad in front",
    Example("string(7).pad_start(3, '0')", "007"),
    Example("'x'.pad_start(4, '12')", "121x"),
    makes=_padded,
)
def pad_start(text: str, width: int, fill: str = " ") -> str:
    """The text with so much of `fill` before it that it is `width` characters long."""
    return _filling(len(text), width, fill) + text


@function("Pad behind", Example("'x'.pad_end(3, '.')", "x.."), makes=_padded)
def pad_end(text: str, width: int, fill: str = " ") -> str:
    """The text with so much of `fill` behind it that it is `width` characters long."""
    return text + _filling(len(text), width, fill)


def _filling(length: int, width: int, fill: str) -> str:
    if not fill:
        raise Refused("Padding needs something to fill up with; the text for it is empty.")
    missing = max(0, width - length)
    return (fill * (missing // len(fill) + 1))[:missing]


@function(
    "Repeat",
    Example("'ab'.repeat(3)", "ababab"),
    makes=lambda text, times: len(text) * max(0, times),
)
def repeat(text: str, times: int) -> str:
    """The text so many times in a row."""
    return text * times


@function(
    "Name for addresses and files",
    Example("'Über den Wolken!'.slug()", "uber-den-wolken"),
    Example("'Our trip'.slug('_')", "our_trip"),
    makes=lambda text, separator: len(text) * max(1, len(separator)),
)
def slug(text: str, separator: str = "-") -> str:
    """Small letters from a to z and digits, with the separator between words; accents are taken off."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss")).encode("ascii", "ignore").decode()
    return separator.join(re.findall(r"[a-z0-9]+", plain))


@function(
    "For a web page",
    Example("'a < b & c'.escape_html()", "a &lt; b &amp; c"),
    makes=lambda text: len(text) + 5 * sum(map(text.count, "&<>\"'")),
)
def escape_html(text: str) -> str:
    """The text with &, <, > and quotes written so that a web page shows them."""
    return html.escape(text)
