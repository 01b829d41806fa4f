"""What changed between two workflow documents, part by part, as a person would tell it.

Works on the JSON itself, so that documents of any age compare. A field that is written as its default is the
same as one left out. Where nodes stand in the editor, and in which order things are written, is told apart:
neither changes what runs.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from app.flow.definition import Definition, Input, Node
from app.flow.lean import lean, same


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


class _Sides:
    """The parts of one document, defaults left out."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.inputs = {
            name: lean(_object(one), Input) for name, one in _object(document.get("inputs")).items()
        }
        self.nodes = {
            str(node["id"]): _lean_node(node)
            for node in _list(document.get("nodes"))
            if isinstance(node, dict) and "id" in node
        }
        self.outputs = _object(document.get("outputs"))
        self.ui = _object(document.get("ui"))
        told = {"inputs", "nodes", "outputs", "ui"}
        self.rest = lean({name: one for name, one in document.items() if name not in told}, Definition)


def _lean_node(node: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in lean(node, Node).items() if name != "id"}


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
