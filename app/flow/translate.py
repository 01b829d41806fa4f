"""The expression library's complaints as sentences for a person.

The patterns are the texts of cel-expr-python 0.1.3; a text nobody here knows is passed on shortened, so a
new version of the library makes messages plainer, never wrong.
"""

import re
from collections.abc import Callable
from typing import Final

from app.flow.library import library
from app.flow.scanner import ROOTS
from app.flow.wording import count, say_type, shorten, suggestion

TOO_DEEP: Final = "The expression is nested too deeply; split it over several steps."
TOO_MANY: Final = "The expression goes through more than 10,000 items; fan the list out with “each” instead."

_POSITION: Final = re.compile(r"<input>:(-?\d+):(-?\d+): (.*?)(?:\n|$)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(.*?)' \(in container")
_CEL_TYPES: Final = {
    "string": "text",
    "int": "number",
    "int64": "number",
    "uint": "number",
    "uint64": "number",
    "double": "number",
    "bool": "boolean",
    "null_type": "null",
    "dyn": "json",
    "map": "map",
    "bytes": "bytes",
    "google.protobuf.Timestamp": "time",
    "google.protobuf.Duration": "time_span",
}


def locate(text: str, error: str) -> tuple[int, str]:
    """Where in the expression the library found fault (from 0) and its bare message."""
    found = _POSITION.search(error)
    if found is None:
        return 0, error.removesuffix("]").rpartition(" [")[0] or error
    line, column, message = int(found[1]), int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
    if line < 1:
        return 0, message
    above = sum(len(row) + 1 for row in text.split("\n")[: line - 1])
    start = above + column - 1
    if unknown := _UNDECLARED.search(message):
        # The library points at the last dot of a path and at the bracket of a call; we point at the name.
        if "." in unknown[1]:
            start -= unknown[1].rindex(".")
        elif text[start : start + 1] == "(":
            start -= len(unknown[1])
    return max(0, min(start, len(text))), message


def say_compile_error(message: str, text: str) -> str:
    """A sentence for what the library found when it read the expression."""
    return _say(message, text, _COMPILE)


def say_run_error(message: str, text: str) -> str:
    """A sentence for what the library met when it evaluated the expression."""
    return _say(message.partition(": ")[2] or message, text, _RUN)


def _say(message: str, text: str, rules: "_Rules") -> str:
    for pattern, sentence in rules:
        if found := pattern.search(message):
            return sentence(found, text)
    return f"The expression cannot be used: {shorten(message, 200)}."


def _undeclared(found: re.Match[str], text: str) -> str:
    name = found[1].partition(".")[0]
    if name in library():
        return f"{name}() does not take these arguments.{_usage(name)}"
    if re.search(rf"\b{re.escape(name)}\s*\(", text):
        return f"There is no function “{name}”.{suggestion(name, library(), limit=0)}"
    if hint := suggestion(name, ROOTS, limit=0):
        return f"There is nothing called “{name}”.{hint}"
    return (
        f"There is nothing called “{name}”; values are “inputs.…” and “steps.<id>.outputs.…”, "
        f"and text stands in quotes: '{shorten(name, 30)}'."
    )


def _overload(found: re.Match[str], _text: str) -> str:
    function, given = found[1], _arguments(found[2])
    kinds = [_say_cel_type(kind) for kind in given]
    bare = [_CEL_TYPES.get(kind.partition("(")[0], "list") for kind in given]
    match function:
        case "_?_:_":
            return f"Both answers of “… ? … : …” must be of one type; here they are {_and(kinds[1:])}." + (
                " Write whole numbers with a point (1.0)." if set(bare[1:]) == {"number"} else ""
            )
        case "_[_]":
            hint = " Turn the position into a whole number with int(…)." if bare[1] == "number" else ""
            return f"“[…]” takes one item out of a list or an object; here it got {_and(kinds)}.{hint}"
        case "_==_" | "_!=_" if "null" in bare:
            other = next((kind for kind in kinds if kind != say_type("null")), "this")
            return f"This is {other} and never null; the comparison is not needed."
        case "!_" | "-_":
            wanted = "true or false" if function == "!_" else "a number"
            return f"“{function[0]}” works on {wanted}, not on {kinds[0]}."
        case _ if function.startswith("_") and len(kinds) == 2:
            sign = function.strip("_")
            return f"“{sign}” cannot combine {_and(kinds)}.{_hint(sign, bare)}"
        case _:
            name = function.strip("_@")
            hint = _MISSING if "null" in bare else _usage(name)
            return f"{name}() cannot be used with {_and(kinds) or 'nothing'}.{hint}"


def _usage(name: str) -> str:
    """How a function is written."""
    found = library().get(name)
    return f" It is written {found.signature}." if found else ""


_MISSING: Final = " Its step was skipped, or an optional input was left out."


def _hint(sign: str, bare: list[str]) -> str:
    if "null" in bare:
        return " One side has no value: its step was skipped, or an optional input was left out."
    if sign == "+" and "text" in bare:
        return " Turn the other side into text with string(…)."
    if sign == "%" and set(bare) <= {"number"}:
        return " It needs whole numbers: int(…)."
    if sign in {"&&", "||"}:
        return " Both sides must be true or false."
    return ""


def _arguments(text: str) -> list[str]:
    """`string, list(map(string, dyn))` → its top-level parts."""
    parts, depth = [""], 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _say_cel_type(kind: str) -> str:
    """`list(map(string, dyn))` → `a list of objects`."""
    name, _, rest = kind.partition("(")
    if name == "list":
        inner = rest.removesuffix(")").partition("(")[0]
        return say_type(f"{_CEL_TYPES.get(inner, 'json')}[]") if inner != "list" else "a list of lists"
    return say_type(_CEL_TYPES.get(name, name))


def _and(words: list[str]) -> str:
    return " and ".join(words)


def _syntax(found: re.Match[str], _text: str) -> str:
    what = found[1]
    word = re.search(r"(?:input|at:?) '\s*(.*?)\s*'(?: expecting|$|,)", what)
    if word and word[1] == "<EOF>":
        return "The expression ends too early; something is missing at its end."
    if word:
        return f"“{shorten(word[1], 30)}” does not fit here.{_SIGNS.get(word[1], '')}"
    return f"The expression cannot be read: {shorten(what, 120)}."


_SIGNS: Final = {
    "=": " To compare, write “==”.",
    "and": " Write “&&”.",
    "or": " Write “||”.",
    "not": " Write “!”.",
    "|": " Filters are not part of the language; call a function instead.",
}
_Sentence = Callable[[re.Match[str], str], str]
_Rules = tuple[tuple[re.Pattern[str], _Sentence], ...]


def _rule(pattern: str, sentence: str | _Sentence) -> tuple[re.Pattern[str], _Sentence]:
    if isinstance(sentence, str):
        fixed = sentence
        return re.compile(pattern), lambda found, _: fixed.format(*(shorten(part) for part in found.groups()))
    return re.compile(pattern), sentence


_COMPILE: Final[_Rules] = (
    (_UNDECLARED, _undeclared),
    _rule(r"no matching overload for '(.*?)' applied to '\((.*)\)'", _overload),
    _rule(
        r"expression of type '(.*?)' cannot be the operand of a select",
        lambda found, _: f"{_upper(_say_cel_type(found[1]))} has no fields to choose from.",
    ),
    _rule(
        r"expression of type '(.*?)' cannot be the range of a comprehension",
        lambda found, _: f"map, filter, all and exists go through a list, not {_say_cel_type(found[1])}.",
    ),
    _rule(r"recursion (?:depth|limit)", TOO_DEEP),
    _rule(r"codepoint limit", "The expression is too long; split it over several steps."),
    _rule(r"reserved identifier: (\w+)", "“{0}” is a word of the expression language and no name."),
    _rule(r"has\(\) argument", "has(…) asks whether a field is there: has(inputs.settings.colour)."),
    _rule(r"Syntax error: (.*)", _syntax),
)
_RUN: Final[_Rules] = (
    _rule(r'Key not found in map : "?(.*?)"?$', "There is no “{0}” in this value."),
    _rule(
        r"[Ii]ndex (?:error|out of bounds).*?index=(-?\d+) size=(\d+)",
        lambda found, _: (
            f"There is no item {found[1]}: the list has {count(int(found[2]), 'item')}, counted from 0."
        ),
    ),
    _rule(r"(?:divide|division|modulus) by zero", "This divides by zero."),
    _rule(r"No matching overloads found : (.*?)\((.*)\)", _overload),
    _rule(r"non-message type", "A field was asked of a value that has no fields."),
    _rule(r"No value with name \"(.*?)\"", "“{0}” has no value here."),
    _rule(r"Integer value '.*?' out of range", "A whole number is too large for an expression (64 bits)."),
    _rule(r"overflow", "A number became too large."),
    _rule(r"[Ii]teration budget", TOO_MANY),
    _rule(r"cannot convert string to (?:int|uint)", "int(…) was given a text that is no whole number."),
    _rule(r"cannot convert string to double", "double(…) was given a text that is no number."),
    _rule(r"String to Timestamp", "timestamp(…) wants a time such as 2026-01-31T12:00:00Z."),
    _rule(r"String to Duration|duration", "duration(…) wants a time span such as 90s or 1h30m."),
    _rule(r"recursion", TOO_DEEP),
)


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
