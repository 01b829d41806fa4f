"""Values of any kind: JSON as text, fields of objects, and what to take when there is nothing."""

from typing import Any

import msgspec

from app.flow.library import A, Example, function
from app.flow.meter import Refused
from app.flow.sizes import holds_nul
from app.kit.codec import decode_any

_LARGEST_WHOLE = 2**63


@function(
    "Read JSON",
    Example("""parse_json('{"name": "Sea", "sizes": [1, 2.5]}')""", {"name": "Sea", "sizes": [1, 2.5]}),
    passes=4,
    is_plain=True,
)
def parse_json(text: str) -> Any:
    """The value that a JSON text holds."""
    try:
        value = decode_any(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise Refused(f"parse_json() was given a text that is no JSON: {exc}.") from exc
    if holds_nul(value):
        raise Refused("The JSON text holds the character U+0000, which cannot be stored.")
    return _exact(value)


def _exact(value: Any) -> Any:
    """Whole numbers beyond 64 bits as fractions; the expression library knows no larger ones."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {name: _exact(member) for name, member in value.items()}
    if type(value) is int and not -_LARGEST_WHOLE <= value < _LARGEST_WHOLE:
        return float(value)
    return value


@function(
    "Write JSON",
    Example("to_json({'n': [1, true, null]})", '{"n":[1,true,null]}'),
    Example("to_json([1], true)", "[\n  1\n]"),
    passes=4,
    is_plain=True,
)
def to_json(value: Any, indented: bool = False) -> str:
    """The value as a JSON text, on one line or indented; the names of objects are sorted."""
    text = msgspec.json.encode(value, order="sorted").decode()
    return msgspec.json.format(text, indent=2) if indented else text


@function(
    "Otherwise",
    Example("[3, null].last().default(0)", 0),
    Example("'Sea'.default('none')", "Sea"),
)
def default(value: A, otherwise: A) -> A:
    """The value, or the other one where it is null: its step was skipped, or an input was left out."""
    return otherwise if value is None else value


@function(
    "Is empty",
    Example("is_empty('')", True),
    Example("[0].is_empty()", False),
    Example("is_empty(null)", True),
)
def is_empty(value: Any) -> bool:
    """Whether it is null, a text without characters, or a list or an object without anything in it."""
    return value is None or (isinstance(value, str | list | dict) and not value)


@function(
    "Field",
    Example("{'a': {'b': 1}}.get('a')", {"b": 1}),
    Example("{'a': 1}.get('c', 0)", 0),
)
def get(object_: dict[str, Any], name: str, otherwise: Any = None) -> Any:
    """The field of this name; where the object has none, the other value, or null."""
    return object_.get(name, otherwise)


@function("Names", Example("{'a': 1, 'b': 2}.keys()", ["a", "b"]))
def keys(object_: dict[str, Any]) -> list[str]:
    """The names of an object's fields, sorted."""
    return sorted(map(str, object_))


@function("Values", Example("{'b': 2, 'a': 1}.values()", [1, 2]))
def values(object_: dict[str, Any]) -> list[Any]:
    """The values of an object's fields, in the order of their names."""
    return [object_[name] for name in sorted(object_, key=str)]


@function("Merge", Example("{'a': 1, 'b': 2}.merge({'b': 3})", {"a": 1, "b": 3}))
def merge(object_: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One object with the fields of both; where both have one, the other's counts."""
    return {**object_, **other}
