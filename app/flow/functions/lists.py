"""Lists: picking, ordering, grouping and adding up."""

from collections.abc import Callable
from typing import Any

from app.flow.library import A, Example, function
from app.flow.meter import Refused
from app.flow.wording import number, say_value
from app.kit.codec import encode


@function(
    "Numbers in a row",
    Example("range(1, 4)", [1, 2, 3, 4]),
    Example("range(6, 0, -2)", [6, 4, 2, 0]),
    makes=lambda start, end, step: 0 if step == 0 else max(0, (end - start) // step + 1),
    is_plain=True,
)
def range_(start: int, end: int, step: int = 1) -> list[int]:
    """The whole numbers from `start` to `end`, both included."""
    if step == 0:
        raise Refused("A range with the step 0 never ends.")
    return list(range(start, end + (1 if step > 0 else -1), step))


@function("First", Example("['a', 'b'].first()", "a"), Example("[].first()", None))
def first(items: list[A]) -> A | None:
    """The first item; null where there is none."""
    return items[0] if items else None


@function("Last", Example("['a', 'b'].last()", "b"))
def last(items: list[A]) -> A | None:
    """The last item; null where there is none."""
    return items[-1] if items else None


@function("Take", Example("[1, 2, 3].take(2)", [1, 2]))
def take(items: list[A], count: int) -> list[A]:
    """The first so many items."""
    return items[: max(0, count)]


@function("Drop", Example("[1, 2, 3].drop(2)", [3]))
def drop(items: list[A], count: int) -> list[A]:
    """The items behind the first so many."""
    return items[max(0, count) :]


@function(
    "Part of a list",
    Example("['a', 'b', 'c', 'd'].slice(1, 3)", ["b", "c"]),
    Example("['a', 'b', 'c'].slice(-2)", ["b", "c"]),
)
def slice_(items: list[A], start: int, end: int | None = None) -> list[A]:
    """The items from `start`, counted from 0, up to before `end`; negative positions count from the end."""
    return items[start:end]


@function("Reverse", Example("[1, 2, 3].reverse()", [3, 2, 1]))
def reverse(items: list[A]) -> list[A]:
    """The items in the opposite order."""
    return items[::-1]


@function(
    "Sort",
    Example("[3, 1, 2].sort()", [1, 2, 3]),
    Example("['b', 'a'].sort(true)", ["b", "a"]),
    passes=4,
)
def sort(items: list[A], descending: bool = False) -> list[A]:
    """Numbers by size, or texts by their letters, small first; or large first."""
    return sorted(_alike(items, "sort"), reverse=descending)


@function(
    "Sort by a field",
    Example("[{'n': 2}, {'n': 1}].sort_by('n')", [{"n": 1}, {"n": 2}]),
    passes=4,
)
def sort_by(items: list[A], field: str, descending: bool = False) -> list[A]:
    """Objects in the order of one of their fields. Equal ones keep their order."""
    keys = _alike([_field(item, field, "sort_by") for item in items], "sort_by")
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=descending)
    return [items[place] for place in order]


@function("Distinct", Example("[1, 2, 1].distinct()", [1, 2]), passes=2)
def distinct(items: list[A]) -> list[A]:
    """Every item once, where it first stands."""
    seen: dict[Any, A] = {}
    for item in items:
        seen.setdefault(_identity(item), item)
    return list(seen.values())


@function("Flatten", Example("[[1, 2], [], [3]].flatten()", [1, 2, 3]))
def flatten(lists: list[list[A]]) -> list[A]:
    """The items of all inner lists in one list."""
    return [item for inner in lists for item in inner]


@function("In groups of", Example("[1, 2, 3].chunk(2)", [[1, 2], [3]]))
def chunk(items: list[A], size: int) -> list[list[A]]:
    """Lists of so many items each; the last one may be shorter."""
    if size < 1:
        raise Refused(f"chunk() makes lists of 1 item or more, not {size}.")
    return [items[place : place + size] for place in range(0, len(items), size)]


@function("In pairs", Example("zip(['a', 'b'], [1, 2])", [["a", 1], ["b", 2]]), is_plain=True)
def zip_(first: list[Any], second: list[Any]) -> list[list[Any]]:
    """Pairs of the items at the same place, as long as both lists have one."""
    return [list(pair) for pair in zip(first, second, strict=False)]


@function("Without nulls", Example("[1, null, 2].without_nulls()", [1, 2]))
def without_nulls(items: list[A]) -> list[A]:
    """The items that are not null, such as those of a fan-out that did not fail."""
    return [item for item in items if item is not None]


@function(
    "Place of",
    Example("['a', 'b'].index_of('b')", 1),
    Example("'Our trip'.index_of('trip')", 4),
    Example("[1, 2].index_of(3)", -1),
    passes=2,
)
def index_of(where: str | list[Any], what: Any) -> int:
    """Where an item stands in a list, or a text in a text, counted from 0; -1 where it does not."""
    if isinstance(where, list):
        wanted = _identity(what)
        return next((place for place, item in enumerate(where) if _identity(item) == wanted), -1)
    if not isinstance(what, str):
        raise Refused(f"index_of() looks for text in a text, not for {say_value(what)}.")
    return where.find(what)


@function("Sum", Example("[1, 2.5].sum()", 3.5), Example("[].sum()", 0.0))
def sum_(numbers: list[float]) -> float:
    """All numbers added up; 0 where there are none."""
    return sum(numbers)


@function("Average", Example("[1, 2, 6].average()", 3.0))
def average(numbers: list[float]) -> float | None:
    """The mean of the numbers; null where there are none."""
    return sum(numbers) / len(numbers) if numbers else None


@function("Smallest", Example("[3, 1, 2].min()", 1), Example("['b', 'a'].min()", "a"))
def min_(items: list[A]) -> A | None:
    """The smallest number, or the first text by its letters; null where there is none."""
    return min(_alike(items, "min"), default=None)


@function("Largest", Example("[3, 1, 2].max()", 3))
def max_(items: list[A]) -> A | None:
    """The largest number, or the last text by its letters; null where there is none."""
    return max(_alike(items, "max"), default=None)


@function(
    "Group by a field",
    Example("[{'k': 'a', 'n': 1}, {'k': 'b', 'n': 2}].group_by('k').keys()", ["a", "b"]),
)
def group_by(items: list[Any], field: str) -> dict[str, Any]:
    """Lists of objects under the value, a text, of one of their fields."""
    groups: dict[str, Any] = {}
    for item in items:
        value = _field(item, field, "group_by")
        if not isinstance(value, str):
            raise Refused(f"group_by() needs text in “{field}”, not {say_value(value)}.")
        groups.setdefault(value, []).append(item)
    return groups


def _alike(items: list[Any], function_name: str) -> list[Any]:
    """Items that can be compared: all numbers, or all texts. Raises Refused."""
    is_kind: Callable[[Any], bool] = _is_text if items and isinstance(items[0], str) else _is_number
    for item in items:
        if not is_kind(item):
            hint = " without_nulls() takes nulls out." if item is None else ""
            raise Refused(
                f"{function_name}() compares numbers, or texts, with one another; "
                f"here is {say_value(item)} beside {say_value(items[0])}.{hint}"
            )
    return items


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _field(item: Any, field: str, function_name: str) -> Any:
    if not isinstance(item, dict):
        raise Refused(f"{function_name}() works on objects, not on {say_value(item)}.")
    if field not in item:
        raise Refused(f"{function_name}() found an object without “{field}”.")
    return item[field]


def _identity(value: Any) -> Any:
    """What equal values have in common, and different ones not: 1 and 1.0 are equal, 1 and true are not."""
    match value:
        case bool():
            return ("boolean", value)
        case int() | float():
            return ("number", number(value))
        case str() | None:
            return value
        case dict():
            return ("object", frozenset((key, _identity(member)) for key, member in value.items()))
        case list():
            return ("list", tuple(map(_identity, value)))
        case _:
            return encode(value)
