"""What changed between two workflow documents, part by part, as a person would tell it.

Works on the JSON itself, so that documents of any age compare. A field that is written as its default is the
same as one left out. Where nodes stand in the editor, and in which order things are written, is told apart:
neither changes what runs.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import msgspec

from app.flow.definition import Definition, Input, Node
from app.kit.codec import decode, encode


class How(StrEnum):
    """What became of a part."""

    added = "added"
    removed = "removed"
    changed = "changed"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field: its dotted path, what it was and what it is; a side that had none says nothing."""

    field: str
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One node or one input that differs, with every field that does; all of them where it is new or gone."""

    id: str
    how: How
    changes: tuple[Change, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs between two documents.

    `document` holds the fields beside inputs, nodes and outputs, such as its name. `moved` names the entries
    of `ui` that differ. `reordered` says whose order is another: `inputs`, `nodes`, `outputs`.
    """

    document: tuple[Change, ...]
    inputs: tuple[Part, ...]
    nodes: tuple[Part, ...]
    outputs: tuple[Change, ...]
    moved: tuple[str, ...]
    reordered: tuple[str, ...]

    @property
    def is_real(self) -> bool:
        """Whether anything differs that has to do with what runs."""
        return bool(self.document or self.inputs or self.nodes or self.outputs)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """From one document to another."""
    old, new = _Sides(before), _Sides(after)
    orders = {
        "inputs": (old.inputs, new.inputs),
        "nodes": (old.nodes, new.nodes),
        "outputs": (old.outputs, new.outputs),
    }
    return Difference(
        document=tuple(_changes(old.rest, new.rest)),
        inputs=tuple(_parts(old.inputs, new.inputs)),
        nodes=tuple(_parts(old.nodes, new.nodes)),
        outputs=tuple(_entries(old.outputs, new.outputs)),
        moved=tuple(change.field for change in _entries(old.ui, new.ui)),
        reordered=tuple(name for name, (was, now) in orders.items() if _is_reordered(was, now)),
    )


def same(first: Any, second: Any) -> bool:
    """Whether two JSON values are equal as JSON is: true is no 1, the order of an object's names is none."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


class _Sides:
    """The parts of one document, defaults left out."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.inputs = {
            name: _lean(_object(one), Input) for name, one in _object(document.get("inputs")).items()
        }
        self.nodes = {
            str(node["id"]): _lean_node(node)
            for node in _list(document.get("nodes"))
            if isinstance(node, dict) and "id" in node
        }
        self.outputs = _object(document.get("outputs"))
        self.ui = _object(document.get("ui"))
        told = {"inputs", "nodes", "outputs", "ui"}
        self.rest = _lean({name: one for name, one in document.items() if name not in told}, Definition)


def _lean_node(node: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in _lean(node, Node).items() if name != "id"}


def _lean(value: dict[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
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
                return _lean(value, shape)
    return value


@cache
def _inner(shape: type[msgspec.Struct]) -> dict[str, tuple[type[msgspec.Struct], ...]]:
    """The structs that may stand in the fields of a struct, such as a node's retry."""
    found = {}
    for field in msgspec.structs.fields(shape):
        kinds = (field.type, *get_args(field.type))
        found[field.encode_name] = tuple(
            kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        )
    return found


def _parts(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Part]:
    """What differs among things with a name: in the order of the new document, then what is gone."""
    for name in [*after, *(name for name in before if name not in after)]:
        changes = tuple(_changes(before.get(name, {}), after.get(name, {})))
        if name not in before:
            yield Part(id=name, how=How.added, changes=changes)
        elif name not in after:
            yield Part(id=name, how=How.removed, changes=changes)
        elif changes:
            yield Part(id=name, how=How.changed, changes=changes)


def _changes(before: dict[str, Any], after: dict[str, Any], path: str = "") -> Iterator[Change]:
    """The fields that differ; objects are looked into, also one that is new or gone."""
    for change in _entries(before, after, path):
        was = {} if change.before is msgspec.UNSET else change.before
        now = {} if change.after is msgspec.UNSET else change.after
        if isinstance(was, dict) and isinstance(now, dict) and (was or now):
            yield from _changes(was, now, f"{change.field}.")
        else:
            yield change


def _entries(before: dict[str, Any], after: dict[str, Any], path: str = "") -> Iterator[Change]:
    """The entries of an object that differ, each whole."""
    for name in [*after, *(name for name in before if name not in after)]:
        was, now = before.get(name, msgspec.UNSET), after.get(name, msgspec.UNSET)
        if not same(was, now):
            yield Change(field=f"{path}{name}", before=was, after=now)


def _is_reordered(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return [name for name in before if name in after] != [name for name in after if name in before]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
