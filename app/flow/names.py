"""Which names an expression may use, and of what type each is.

Built from a definition and the catalog; finds the variable at the head of a path and walks the rest of it
(`steps.frames.outputs.image[0].name`), so that a wrong name is a complaint with its column.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec

from app.flow.facts import FACTS
from app.flow.fault import Fault
from app.flow.port_rules import FILE_FIELDS, is_file, item_of
from app.flow.scanner import LOCALS, Path
from app.flow.wording import say_type, suggestion

_STEP_FACTS: Final = {"status": "text", "error": "json"}  # what became of a step, beside its outputs
FAILED: Final = "failed"  # the output of a fan-out that collects: which items failed, and why
# What only a fan-out gives.
INSIDE: Final = ("item", "index", "outer")


class Variable(msgspec.Struct, frozen=True):
    """A value an expression reads: the dotted name it is declared by, its keys in the scope, its type."""

    name: str
    keys: tuple[str, ...]
    type: str

    @property
    def node(self) -> str | None:
        """The node whose output this is."""
        return self.keys[1] if self.keys[0] == "steps" else None


class Vocabulary(Protocol):
    """What gives the names of an expression their meaning."""

    def resolve(self, path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        """The variable at the head of a path, and what is asked of it. Raises Fault."""


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What a fan-out gives to the expressions inside it: the type of its item, of the item's own names where
    lists are zipped, and what encloses it where lists lie in lists."""

    item: str
    fields: tuple[tuple[str, str], ...] | None = None  # None: the item is no object of zipped lists
    outer: "Inside | None" = None

    def variables(self, before: str = "") -> dict[str, str]:
        """Every name with its type, as the expression library is told them."""
        known = {f"{before}item": self.item, f"{before}index": "integer"}
        known |= {f"{before}item.{name}": kind for name, kind in self.fields or ()}
        return known | (self.outer.variables(f"{before}outer.") if self.outer else {})


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs and step outputs of one document, by type.

    A step whose outputs are unknown (its type is, or it could not be read) maps to None: everything about it
    is believed, for the complaint is made elsewhere.
    """

    inputs: Mapping[str, str | None]
    steps: Mapping[str, Mapping[str, str] | None]
    nullable: Collection[str] = ()  # inputs that may be null
    callbacks: Mapping[str, bool] = {}  # steps that other programs call back; True: once for each item
    inside: Inside | None = None
    locals: Mapping[str, str] = {}  # names that a step gives to what it works out while it runs
    no_item: str = "“{0}” is known only inside a step with “each”."

    def within(self, inside: Inside) -> "Names":
        """The same names inside a fan-out."""
        return msgspec.structs.replace(self, inside=inside)

    def with_locals(self, known: Mapping[str, str]) -> "Names":
        """The same names and these, which go first."""
        return msgspec.structs.replace(self, locals=known)

    def resolve(self, path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        """The variable at the head of a path, and what is asked of it. Raises Fault."""
        if path.root in self.locals:
            return Variable(path.root, (path.root,), self.locals[path.root]), path.parts[1:]
        match path.root:
            case name if name in LOCALS:
                raise Fault(path.starts[0], f"“{name}” is known only where a step repeats or gathers.")
            case "inputs":
                return self._input(path)
            case "steps":
                return self._step(path)
            case "item" | "index" | "outer" as name:
                if self.inside is None:
                    raise Fault(path.starts[0], self.no_item.format(name))
                return _enclosed(path, self.inside)
            case "callbacks":
                return self._callback(path)
            case "secrets":
                raise Fault(path.starts[0], "Secrets are not available in this version.")
            case root:
                return self._fact(path, FACTS[root])

    def known(self) -> Iterator[Variable]:
        """Every name there is, the nearest first."""
        near = {**(self.inside.variables() if self.inside else {}), **self.locals}
        for name, kind in near.items():
            yield Variable(name, tuple(name.split(".")), kind)
        for name, given in self.inputs.items():
            yield Variable(f"inputs.{name}", ("inputs", name), given or "json")
        for node, outputs in self.steps.items():
            for name, kind in (outputs or {}).items():
                yield Variable(f"steps.{node}.outputs.{name}", ("steps", node, "outputs", name), kind)
            for name, kind in _STEP_FACTS.items():
                yield Variable(f"steps.{node}.{name}", ("steps", node, name), kind)
        for node, is_for_each in self.callbacks.items():
            if not is_for_each:
                yield Variable(f"callbacks.{node}", ("callbacks", node), "text")
        for root, facts in FACTS.items():
            for name, kind in facts.items():
                yield Variable(f"{root}.{name}", (root, name), kind)

    def may_be_null(self, variable: Variable) -> bool:
        """Whether a run may meet null here: a step or an item that gave nothing, an input left out."""
        match variable.keys:
            case ("steps" | "item" | "outer", *_):
                return True
            case ("inputs", name):
                return name in self.nullable
            case _:
                return False

    def _input(self, path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        name = _name_at(path, 1, "inputs", "the name of an input", self.inputs)
        if name not in self.inputs:
            hint = suggestion(name, self.inputs) or (" There are no inputs." if not self.inputs else "")
            raise Fault(path.starts[1], f"There is no input “{name}”.{hint}")
        return Variable(f"inputs.{name}", ("inputs", name), self.inputs[name] or "json"), path.parts[2:]

    def _step(self, path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        node = _name_at(path, 1, "steps", "the id of a step", self.steps)
        if node not in self.steps:
            raise Fault(path.starts[1], f"There is no step “{node}”.{suggestion(node, self.steps)}")
        asked = path.parts[2] if len(path.parts) > 2 else None
        if asked in _STEP_FACTS:
            fact = ("steps", node, str(asked))
            return Variable(".".join(fact), fact, _STEP_FACTS[str(asked)]), path.parts[3:]
        if asked != "outputs":
            place = path.starts[min(2, len(path.starts) - 1)]
            raise Fault(place, f"What a step gives is read as steps.{node}.outputs.<name>.")
        outputs = self.steps[node]
        name = _name_at(path, 3, f"steps.{node}.outputs", "the name of an output", outputs or ())
        kind = "json" if outputs is None else outputs.get(name)
        if kind is None:
            raise Fault(
                path.starts[3], f"Step “{node}” has no output “{name}”.{suggestion(name, outputs or ())}"
            )
        keys = ("steps", node, "outputs", name)
        return Variable(".".join(keys), keys, kind), path.parts[4:]

    def _callback(self, path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        node = _name_at(path, 1, "callbacks", "the id of a step that waits for a call", self.callbacks)
        if node not in self.callbacks:
            why = "does not wait for a call" if node in self.steps else "is not there"
            raise Fault(path.starts[1], f"Step “{node}” {why}.{suggestion(node, self.callbacks)}")
        if self.callbacks[node]:
            raise Fault(
                path.starts[1],
                f"Step “{node}” runs once for each item, and each item has an address of its own. Make a "
                "workflow of the steps that call and wait, and run that for each item.",
            )
        return Variable(f"callbacks.{node}", ("callbacks", node), "text"), path.parts[2:]

    def _fact(self, path: Path, facts: Mapping[str, str]) -> tuple[Variable, tuple[str | int, ...]]:
        root = path.root
        name = _name_at(path, 1, root, "a name", facts)
        if name not in facts:
            raise Fault(path.starts[1], f"“{root}” has no “{name}”.{suggestion(name, facts)}")
        return Variable(f"{root}.{name}", (root, name), facts[name]), path.parts[2:]


def _enclosed(path: Path, inside: Inside) -> tuple[Variable, tuple[str | int, ...]]:
    """The variable a path inside a fan-out begins with. Raises Fault."""
    here, place = inside, 0
    while path.parts[place] == "outer":
        if here.outer is None:
            raise Fault(path.starts[place], "There is no “outer” here: no further list encloses this one.")
        here, place = here.outer, place + 1
        known = ("item", "index", *(("outer",) if here.outer else ()))
        name = _name_at(path, place, ".".join(map(str, path.parts[:place])), "a name", known)
        if name not in known:
            raise Fault(path.starts[place], f"“outer” has no “{name}”.{suggestion(name, known)}")
    keys = tuple(map(str, path.parts[: place + 1]))
    tail = path.parts[place + 1 :]
    if keys[-1] == "index":
        return Variable(".".join(keys), keys, "integer"), tail
    if here.fields is None or not tail:
        return Variable(".".join(keys), keys, here.item), tail
    name, fields = str(tail[0]), dict(here.fields)
    if name not in fields:
        raise Fault(path.starts[place + 1], f"No zipped list is called “{name}”.{suggestion(name, fields)}")
    keys = (*keys, name)
    return Variable(".".join(keys), keys, fields[name]), tail[1:]


def _name_at(path: Path, index: int, before: str, what: str, known: Collection[str]) -> str:
    """The name at one place of a path. Raises Fault where there is none."""
    if len(path.parts) > index and isinstance(path.parts[index], str):
        return str(path.parts[index])
    example = next(iter(sorted(known)), "…")
    raise Fault(path.starts[0], f"After “{before}.” comes {what}, such as {before}.{example}.")


def walk(kind: str, path: Path, tail: tuple[str | int, ...]) -> str:
    """The type at the end of a path whose variable is of type `kind`. Raises Fault."""
    start = len(path.parts) - len(tail)
    for place, part in enumerate(tail, start):
        kind = _step_into(kind, part, path.starts[place])
    return kind


def _step_into(kind: str, part: str | int, start: int) -> str:
    if kind in {"json", "map"}:
        return "json"
    if isinstance(part, int):
        inner = item_of(kind)
        if inner is None:
            raise Fault(start, f"This is {say_type(kind)}, not a list; it has no items to pick.")
        return inner
    if not is_file(kind):
        hint = " Pick one of its items first, such as …[0]." if item_of(kind) else ""
        raise Fault(start, f"This is {say_type(kind)}; it has no “{part}”.{hint}")
    if part not in FILE_FIELDS:
        raise Fault(start, f"{say_type(kind).capitalize()} has no “{part}”.{suggestion(part, FILE_FIELDS)}")
    return FILE_FIELDS[part]


def look_up(scope: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of a variable in the scope of a run; what is not there is null."""
    value: Any = scope
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
