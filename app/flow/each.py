"""The forms of `each`: what a step runs for, and what its expressions then know.

    "{{ inputs.photos }}"                                       `item` is one of the list
    {"zip": {"photo": "{{ … }}", "title": "{{ … }}"}}           `item.photo` and `item.title`, side by side
    {"range": {"from": 1, "to": "{{ inputs.pages }}"}}          `item` is a number, both ends included
    {"nested": ["{{ inputs.albums }}", "{{ item.photos }}"]}    `item` is one of an inner list, `outer.item`
                                                                what that list came from

`index` counts from 0 in the list an item is in. A nested fan-out is one flat run of items with a shape beside
it: its steps are opened, counted and retried like any other, and only their outputs are folded back into
lists of lists.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from app.flow import definition
from app.flow.definition import MAX_ITEMS, Lengths, Nested
from app.flow.messages import ErrorClass
from app.flow.names import Inside
from app.flow.placed import Complain, Expression, ExpressionFailed, Scope
from app.flow.port_rules import item_of
from app.flow.templates import Builder, Constant, Items, Template, Whole, expressions_in
from app.flow.wording import number, say_type, say_value

IsSound = Callable[[Expression], bool]
Shape = int | list["Shape"]  # how many items; or the shapes of the inner lists
MAX_NUMBER: Final = 2.0**53  # beyond it the numbers of a range are no longer exact
_ALMOST: Final = 1e-9  # 0.1 + 0.2 counts as 0.3 where a range ends


class TooManyItems(ExpressionFailed):
    """More items than one fan-out takes."""

    error_class = ErrorClass.refused
    remedy = "Split the list over several instances."


class Turn(msgspec.Struct, frozen=True):
    """One item of a fan-out: its value, its place in its list, its path from outside in, what encloses it."""

    item: Any
    index: int
    path: tuple[int, ...]
    outer: "Turn | None" = None

    def names(self) -> dict[str, Any]:
        """What expressions read of it."""
        known = {"item": self.item, "index": self.index}
        return known if self.outer is None else {**known, "outer": self.outer.names()}


class Spread(msgspec.Struct, frozen=True):
    """The items of a fan-out: those of each level one behind the other, outermost first, and their shape."""

    levels: tuple[list[Any], ...]
    shape: Shape

    @property
    def items(self) -> list[Any]:
        """What the step runs for."""
        return self.levels[-1]

    def turns(self) -> Iterator[Turn]:
        """Every item in order."""
        yield from _turns(self.shape, [iter(level) for level in self.levels], None)

    def stored(self) -> Any:
        """As one JSON value: the plain list where there is only one."""
        if isinstance(self.shape, int):
            return self.items
        return {"levels": list(self.levels), "shape": self.shape}

    @classmethod
    def restored(cls, stored: Any) -> "Spread":
        """What `stored` gave."""
        if isinstance(stored, list):
            return cls((stored,), len(stored))
        return cls(tuple(stored["levels"]), stored["shape"])


def _turns(shape: Shape, levels: list[Iterator[Any]], outer: Turn | None) -> Iterator[Turn]:
    here, *deeper = levels
    path = () if outer is None else outer.path
    for index in range(shape if isinstance(shape, int) else len(shape)):
        turn = Turn(next(here), index, (*path, index), outer)
        if isinstance(shape, int):
            yield turn
        else:
            yield from _turns(shape[index], deeper, turn)


def encloses(shape: Shape, path: Sequence[int]) -> list[int]:
    """Where what encloses an item stands: its place in each level of the lists but the last.

    encloses([[2, 1], [3]], (1, 0, 2)) == [1, 2]
    """
    places: list[int] = []
    trees, own = [shape], 0  # the lists of a level, one behind the other, and which of them it is
    for index in path[:-1]:
        own = sum(tree if isinstance(tree, int) else len(tree) for tree in trees[:own]) + index
        places.append(own)
        trees = [inner for tree in trees if not isinstance(tree, int) for inner in tree]
    return places


def fold(shape: Shape, values: Iterator[Any]) -> list[Any]:
    """Flat values as the lists of lists they came from."""
    if isinstance(shape, int):
        return [next(values) for _ in range(shape)]
    return [fold(part, values) for part in shape]


class Over(msgspec.Struct, frozen=True):
    """A list."""

    field: str
    source: Template

    def templates(self) -> tuple[Template, ...]:
        """Where its values come from."""
        return (self.source,)

    def inside(self, is_sound: IsSound, complain: Complain) -> Inside:
        """What it gives to the expressions inside it. Complains about what is no list."""
        return Inside(item=_item_type(self.field, self.source, is_sound, complain))

    def items(self, node: str, scope: Scope) -> list[Any]:
        """The items. Raises ExpressionFailed."""
        return _as_list(node, self.field, self.source.render(scope))


class Side(msgspec.Struct, frozen=True):
    """Lists side by side."""

    field: str
    members: Mapping[str, Template]
    lengths: Lengths

    def templates(self) -> tuple[Template, ...]:
        """Where its values come from."""
        return tuple(self.members.values())

    def inside(self, is_sound: IsSound, complain: Complain) -> Inside:
        """What it gives to the expressions inside it. Complains about what is no list."""
        fields = tuple(
            (name, _item_type(f"{self.field}.zip.{name}", source, is_sound, complain))
            for name, source in self.members.items()
        )
        return Inside(item="map", fields=fields)

    def items(self, node: str, scope: Scope) -> list[Any]:
        """The items. Raises ExpressionFailed."""
        lists = {
            name: _as_list(node, f"{self.field}.zip.{name}", source.render(scope))
            for name, source in self.members.items()
        }
        sizes = {name: len(items) for name, items in lists.items()}
        if self.lengths is Lengths.strict and len(set(sizes.values())) > 1:
            told = ", ".join(f"“{name}” {size:,}" for name, size in sizes.items())
            message = (
                f"The zipped lists must be equally long, but they have these numbers of items: {told}. "
                "“lengths” may be “shortest” or “longest” instead."
            )
            raise ExpressionFailed(node, self.field, None, message)
        size = (max if self.lengths is Lengths.longest else min)(sizes.values())
        return [
            {name: items[index] if index < sizes[name] else None for name, items in lists.items()}
            for index in range(size)
        ]


class Count(msgspec.Struct, frozen=True):
    """Numbers in a row."""

    field: str
    start: Template
    end: Template
    step: Template

    def templates(self) -> tuple[Template, ...]:
        """Where its values come from."""
        return (self.start, self.end, self.step)

    def inside(self, is_sound: IsSound, complain: Complain) -> Inside:
        """What it gives to the expressions inside it. Complains about what is no number."""
        for name, source in self._bounds():
            field = f"{self.field}.range.{name}"
            match source:
                case Whole(expression):
                    given = expression.type
                    if is_sound(expression) and given not in {"number", "integer", "json"}:
                        message = f"“{name}” wants a number, not {say_type(given)}."
                        complain(field, expression.column, message)
                case Constant(value) if isinstance(value, int | float):
                    pass
                case _:
                    complain(field, None, f"“{name}” is a number or one expression that gives one.")
        return Inside(item="number")

    def items(self, node: str, scope: Scope) -> list[Any]:
        """The numbers. Raises ExpressionFailed."""
        first, last, step = (
            _as_number(node, f"{self.field}.range.{name}", source.render(scope))
            for name, source in self._bounds()
        )
        if step == 0:
            raise ExpressionFailed(
                node, f"{self.field}.range.step", None, "A range with the step 0 never ends."
            )
        steps = (last - first) / step + _ALMOST
        if steps >= MAX_ITEMS:
            told = f"A range from {number(first)} to {number(last)} has too many numbers"
            raise TooManyItems(node, self.field, None, f"{told}; a step runs for at most {MAX_ITEMS:,}.")
        return [first + place * step for place in range(math.floor(steps) + 1)]

    def _bounds(self) -> tuple[tuple[str, Template], ...]:
        return ("from", self.start), ("to", self.end), ("step", self.step)


Level = Over | Side | Count


class Each(msgspec.Struct, frozen=True):
    """The lists of one node from the outside in; mostly it is one."""

    levels: tuple[Level, ...]

    def expressions(self, level: int) -> Iterator[Expression]:
        """The expressions of one level."""
        for template in self.levels[level].templates():
            yield from expressions_in(template)

    def every_expression(self) -> Iterator[Expression]:
        """The expressions of all levels."""
        for level in range(len(self.levels)):
            yield from self.expressions(level)

    def expand(self, node: str, scope: Scope) -> Spread:
        """Every item the node runs for. Raises ExpressionFailed, TooManyItems."""
        levels: tuple[list[Any], ...] = tuple([] for _ in self.levels)
        shape = self._expand(node, scope, levels, None)
        return Spread(levels, shape)

    def _expand(self, node: str, scope: Scope, levels: tuple[list[Any], ...], outer: Turn | None) -> Shape:
        depth = 0 if outer is None else len(outer.path)
        level = self.levels[depth]
        items = level.items(node, scope)
        levels[depth].extend(items)
        if len(levels[depth]) > MAX_ITEMS:
            told = f"{len(levels[depth]):,} items are too many; a step runs for at most {MAX_ITEMS:,}."
            raise TooManyItems(node, level.field, None, told)
        if depth + 1 == len(self.levels):
            return len(items)
        path = () if outer is None else outer.path
        shape: list[Shape] = []
        for index, item in enumerate(items):
            turn = Turn(item, index, (*path, index), outer)
            shape.append(self._expand(node, {**scope, **turn.names()}, levels, turn))
        return shape


def build_each(each: definition.Each, node: str, builder: Builder, complain: Complain) -> Each:
    """The form of `each` with its expressions found. Complains about braces that never close."""
    if not isinstance(each, Nested):
        return Each((_build_level(each, node, "each", builder, complain),))
    return Each(
        tuple(
            _build_level(level, node, f"each.nested[{index}]", builder, complain)
            for index, level in enumerate(each.nested)
        )
    )


def _build_level(
    level: definition.Level, node: str, field: str, builder: Builder, complain: Complain
) -> Level:
    def build(value: Any, place: str) -> Template:
        return builder.build(value, node, f"{field}{place}", complain)

    match level:
        case definition.Zip(zip=members, lengths=lengths):
            built = {name: build(value, f".zip.{name}") for name, value in members.items()}
            return Side(field, built, lengths)
        case definition.Range(range=bounds):
            start, end, step = (
                build(value, f".range.{name}")
                for name, value in (("from", bounds.from_), ("to", bounds.to), ("step", bounds.step))
            )
            return Count(field, start, end, step)
        case _:
            return Over(field, build(level, ""))


def _item_type(field: str, source: Template, is_sound: IsSound, complain: Complain) -> str:
    """The type of the items of a list; `json` for what is complained about."""
    name = f"“{field.rpartition('.')[2]}”"
    match source:
        case Whole(expression):
            item = item_of(expression.type) if is_sound(expression) else "json"
            if item is None:
                complain(field, expression.column, f"{name} wants a list, not {say_type(expression.type)}.")
            return item or "json"
        case Constant(list() as values):
            return _common_type(values)
        case Items():
            return "json"
        case Constant(value) if value is not None:
            given = say_value(value)
            complain(field, None, f"{name} wants a list or an expression that gives one, not {given}.")
            return "json"
        case _:
            complain(field, None, f"{name} wants a list, and text around an expression makes text of it.")
            return "json"


def _common_type(values: list[Any]) -> str:
    """The type of the items of a list that stands in the document."""
    if values and all(isinstance(value, str) for value in values):
        return "text"
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "number"
    return "json"


def _as_list(node: str, field: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    name = field.rpartition(".")[2]
    raise ExpressionFailed(node, field, None, f"“{name}” wants a list, not {say_value(value)}.")


def _as_number(node: str, field: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
        return value
    name = field.rpartition(".")[2]
    raise ExpressionFailed(node, field, None, f"“{name}” wants a number, not {say_value(value)}.")
