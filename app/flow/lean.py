"""Documents without what goes without saying, and when two JSON values are equal."""

from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from app.kit.codec import decode, encode


def lean(value: dict[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """An object without the fields that say what leaving them out says."""
    usual, inner = _usual(shape), _inner(shape)
    whole = {name: _lean_inside(one, inner.get(name, ())) for name, one in value.items()}
    return {
        name: one
        for name, one in whole.items()
        if name not in usual or not (one is None or same(one, usual[name]))
    }


@cache
def _usual(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The defaults of a struct as JSON."""
    usual = {}
    for field in msgspec.structs.fields(shape):
        if field.default_factory is not msgspec.NODEFAULT:
            usual[field.encode_name] = field.default_factory()
        elif field.default is not msgspec.NODEFAULT and field.default is not msgspec.UNSET:
            usual[field.encode_name] = field.default
    return decode(encode(usual), dict[str, Any])


def _lean_inside(value: Any, shapes: tuple[type[msgspec.Struct], ...]) -> Any:
    """The value of a field that may hold one of these structs; it is the one that knows every name in it."""
    if isinstance(value, dict):
        for shape in shapes:
            if value.keys() <= {field.encode_name for field in msgspec.structs.fields(shape)}:
                return lean(value, shape)
    return value


@cache
def _inner(shape: type[msgspec.Struct]) -> dict[str, tuple[type[msgspec.Struct], ...]]:
    """The structs that may stand in the fields of a struct, such as a node's retry."""
    found = {}
    for field in msgspec.structs.fields(shape):
        is_union = get_origin(field.type) in (Union, UnionType)
        kinds = get_args(field.type) if is_union else (field.type,)
        found[field.encode_name] = tuple(
            kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        )
    return found


def same(first: Any, second: Any) -> bool:
    """Whether two JSON values are equal as JSON is: true is no 1, the order of an object's names is none."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)
