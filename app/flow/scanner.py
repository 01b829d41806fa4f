"""Reading expression text just far enough: where `{{ … }}` begins and ends, and which names it speaks of.

The expression library judges the grammar; this finds the references (edges of the graph, better messages)
and the plain paths that need no library at all.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from app.flow.fault import Fault

LOCALS: Final = ("accumulator", "last", "round")  # known only to what a step works out while it runs
ROOTS: Final = (
    *("inputs", "steps", "item", "index", "outer", "instance", "organization", "callbacks", "secrets"),
    *LOCALS,
)
GROWING: Final = ("map", "filter")  # these build lists
MACROS: Final = (*GROWING, "all", "exists", "exists_one")

_TOKEN: Final = re.compile(
    r"""
      (?P<space> \s+ | //[^\n]* )
    | (?P<text> [rRbB]{0,2} (?: \"\"\" (?s:.*?) \"\"\" | ''' (?s:.*?) ''' ) )
    | (?P<raw> (?:[rR][bB]?|[bB][rR]) (?: "[^"\n]*" | '[^'\n]*' ) )
    | (?P<quoted> [bB]? (?: "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
    | (?P<number> 0[xX][0-9a-fA-F]+[uU]? | (?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]? )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_UNWRITTEN: Final = "matches() wants its pattern written out; regex_find() takes any (no match gives '')."
_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}


class Token(msgspec.Struct, frozen=True):
    """One word of an expression; `start` counts characters from 0."""

    kind: str  # name, number, text or sign
    text: str
    start: int


class Path(msgspec.Struct, frozen=True):
    """A chain like `steps.frames.outputs.image[0].name`: names and list positions, with where each stands."""

    parts: tuple[str | int, ...]
    starts: tuple[int, ...]
    first: int  # index of its first token
    last: int  # index of its last token

    @property
    def root(self) -> str:
        """The first name."""
        return str(self.parts[0])


class Loop(msgspec.Struct, frozen=True):
    """One `list.map(name, …)`: the macro, its variable, how often its body uses it, the body's tokens."""

    macro: str
    variable: str
    start: int
    uses: int
    body: range


class Piece(msgspec.Struct, frozen=True):
    """A part of a text: plain, or the inside of one `{{ … }}` (`start` counts from 0 in the whole text)."""

    text: str
    start: int
    is_expression: bool


class Unclosed(Exception):
    """A “{{” without its “}}”."""

    def __init__(self, start: int) -> None:
        self.start = start
        super().__init__("unclosed")


def split(text: str) -> list[Piece]:
    """The plain and the expression parts of a text. Raises Unclosed."""
    pieces: list[Piece] = []
    position = 0
    while (opening := text.find("{{", position)) >= 0:
        if opening > position:
            pieces.append(Piece(text[position:opening], position, False))
        closing = _closing(text, opening + 2)
        if closing < 0:
            raise Unclosed(opening)
        pieces.append(Piece(text[opening + 2 : closing], opening + 2, True))
        position = closing + 2
    if position < len(text):
        pieces.append(Piece(text[position:], position, False))
    return pieces


def _closing(text: str, start: int) -> int:
    """Where the `}}` of an expression stands; braces of its own and quoted ones are stepped over."""
    depth = 0
    position = start
    while position < len(text):
        if depth == 0 and text.startswith("}}", position):
            return position
        match = _TOKEN.match(text, position)
        if match is None:
            return -1
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
        # A comment may not swallow the end of the expression on its line.
        if match.lastgroup == "space" and "}}" in match.group():
            return position + match.group().index("}}")
        position = match.end()
    return -1


def tokens_of(text: str) -> list[Token]:
    """The words of an expression, spaces and comments left out."""
    words = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind != "space":
            words.append(Token("text" if kind in {"raw", "quoted"} else kind, match.group(), match.start()))
    return words


def patterns_in(tokens: list[Token]) -> Iterator[Token]:
    """The pattern of every call of matches(). Raises Fault for one that is not written out as it is.

    The expression library compiles it unbounded, so it has to be known before.
    """
    for index, token in enumerate(tokens[:-1]):
        if token.text != "matches" or tokens[index + 1].text != "(":
            continue
        depth = 0
        for place in range(index + 1, len(tokens)):
            depth += (tokens[place].text in _CLOSERS) - (tokens[place].text in _CLOSERS.values())
            if depth == 0:
                last, before = tokens[place - 1], tokens[place - 2]
                if last.kind != "text" or before.text not in {"(", ","}:
                    raise Fault(last.start, _UNWRITTEN)
                yield last
                break


def paths_of(tokens: list[Token], roots: Collection[str] = ROOTS) -> Iterator[Path]:
    """Every chain that begins with one of the names Studio gives."""
    for index, token in enumerate(tokens):
        if token.text in roots and is_head(tokens, index):
            yield chain_at(tokens, index)


def is_head(tokens: list[Token], index: int) -> bool:
    """Whether a chain of names may begin with this token."""
    return tokens[index].kind == "name" and not _is_selected(tokens, index)


def _is_selected(tokens: list[Token], index: int) -> bool:
    """Whether the name is a field of something (`a.inputs`); a leading dot (`.inputs`) is none."""
    if index == 0 or tokens[index - 1].text != ".":
        return False
    before = tokens[index - 2] if index > 1 else None
    return before is not None and (before.kind in {"name", "text"} or before.text in {")", "]", "}"})


def chain_at(tokens: list[Token], first: int) -> Path:
    """The chain of names and positions that begins with the name at this token."""
    parts: list[str | int] = [tokens[first].text]
    starts = [tokens[first].start]
    last = first
    while True:
        following = tokens[last + 1 : last + 4]
        texts = [token.text for token in following]
        if len(following) > 1 and texts[0] == "." and following[1].kind == "name":
            if len(texts) > 2 and texts[2] == "(":
                break  # a method call: `inputs.photos.size()`
            parts.append(texts[1])
            starts.append(following[1].start)
            last += 2
        elif len(following) == 3 and texts[0] == "[" and texts[2] == "]" and texts[1].isdecimal():
            parts.append(int(texts[1]))
            starts.append(following[1].start)
            last += 3
        else:
            break
    return Path(tuple(parts), tuple(starts), first, last)


def loops_of(tokens: list[Token]) -> Iterator[Loop]:
    """Every macro that goes through a list."""
    for index in range(len(tokens) - 3):
        dot, macro, opening, variable = tokens[index : index + 4]
        if (dot.text, opening.text) != (".", "(") or macro.text not in MACROS or variable.kind != "name":
            continue
        span = range(index + 4, _matching(tokens, index + 2))
        body = tokens[span.start : span.stop]
        uses = sum(
            1
            for place, token in enumerate(body)
            if token.kind == "name" and token.text == variable.text and not _is_selected(body, place)
        )
        yield Loop(macro.text, variable.text, variable.start, uses, span)


def _matching(tokens: list[Token], opening: int) -> int:
    """The index of the bracket that closes the one at `opening`, or the end."""
    waiting: list[str] = []
    for index in range(opening, len(tokens)):
        text = tokens[index].text
        if tokens[index].kind != "sign":
            continue
        if text in _CLOSERS:
            waiting.append(_CLOSERS[text])
        elif waiting and text == waiting[-1]:
            waiting.pop()
            if not waiting:
                return index
    return len(tokens)
