"""What an expression may cost, judged from its text and its values before it runs.

Measured on cel-expr-python 0.1.3: `map` and `filter` copy their result with every item (9,000 items take
3.8 s and 1.3 GB), so the lists a loop goes through are bounded, beside the library's own budget of 10,000
rounds. A value given to one of our functions is carried to Python with every call, and a loop goes on after
a refusal; so what each round could carry is estimated first, and what functions make is metered as they run.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from app.flow.fault import Fault
from app.flow.library import Function, library
from app.flow.meter import (
    MAX_RESULT_CHARACTERS,
    MAX_WORK,
    TOO_MUCH,
    VALUE_WORK,
    Meter,
    measure,
)
from app.flow.scanner import GROWING, MACROS, Loop, Path, Token, chain_at, is_head, loops_of
from app.flow.sizes import items_in, largest_in

MAX_LOOP_ITEMS: Final = 2_000  # 64 MB and 0.1 s at worst; a fan-out (“each”) takes 10,000
MAX_LOOP_CHARACTERS: Final = 1_000_000  # of all texts that functions make around and inside loops
MAX_MADE_ITEMS: Final = 20_000  # of all lists that functions make around and inside loops
MAX_ROUNDS: Final = 10_000  # of all loops of one evaluation, the library's own budget
MAX_GROWTH: Final = 64  # how often nested loops may repeat one value: [x].map(a, a+a) doubles

TOO_MANY: Final = (
    f"map and filter handle at most {MAX_LOOP_ITEMS:,} items in one expression; "
    "fan the list out with “each” instead."
)
_PASSING: Final = frozenset({"+", "contains"})  # each goes through its whole value


class Mention(msgspec.Struct, frozen=True):
    """A value that a loop's body may give to a function: a path, or what a loop's variable stands for.

    `path` counts from a name of ours; `field` is the last name asked of a loop's variable, if one is.
    """

    path: tuple[str | int, ...] = ()
    field: str | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the text of an expression says about its cost."""

    growth: int  # how often its loops may repeat one value inside another
    has_loops: bool
    is_nested: bool  # a loop inside a loop
    passes: int  # how often a value may be gone through whole, outside of our functions
    calls: int  # of our functions, outside of loops
    calls_inside: int  # of our functions in the bodies of loops
    makes_lists: bool  # a function may make a list for a loop to go through
    mentions: frozenset[Mention] = frozenset()

    def meter(self, values: Mapping[str, Any]) -> Meter | None:
        """The budget of our functions for these values, one for each dotted name; None where none is called.

        Raises Fault where the values are more than the expression may work on.
        """
        items = items_in(values.values(), MAX_LOOP_ITEMS) if self.has_loops else 0
        if items * self.growth > MAX_LOOP_ITEMS:
            raise Fault(0, TOO_MANY)
        rounds = self._rounds(items)
        if self.passes and largest_in(values.values()) * self.passes * rounds > MAX_WORK:
            raise Fault(0, TOO_MUCH)
        if self.calls and measure(values.values()).work * self.calls > MAX_WORK:
            raise Fault(0, TOO_MUCH)
        if self.calls_inside and self._carried(values) * self.calls_inside * rounds > MAX_WORK:
            raise Fault(0, TOO_MUCH)
        if not self.calls + self.calls_inside:
            return None
        most = MAX_WORK // max(1, self.passes * rounds * max(1, self.calls))
        if not self.has_loops:
            return Meter(characters=min(MAX_RESULT_CHARACTERS, most))
        return Meter(
            items=MAX_MADE_ITEMS,
            longest_list=MAX_LOOP_ITEMS // self.growth,  # a loop may go through it
            characters=MAX_LOOP_CHARACTERS,
            longest_text=most,
            too_many=TOO_MANY,
        )

    def _rounds(self, items: int) -> int:
        """How often the bodies of the loops may run."""
        if not self.has_loops:
            return 1
        lists = MAX_LOOP_ITEMS if self.makes_lists else max(items, 1)
        return MAX_ROUNDS if self.is_nested and self.calls_inside else lists

    def _carried(self, values: Mapping[str, Any]) -> int:
        """The work of carrying to Python what one round may give to functions."""
        by_name: dict[str, int] = {}
        item = max((_weigh(value, by_name)[1] for value in values.values()), default=0)
        return sum(
            _work(_value_at(mention.path, values))
            if mention.path
            else (item if mention.field is None else by_name.get(mention.field, VALUE_WORK))
            for mention in self.mentions
        )


def cost_of(tokens: list[Token], walks: int = 0) -> Cost:
    """The cost of an expression by its words. `walks`: the passes of its patterns through a text."""
    ours = _ours()
    loops = list(loops_of(tokens))
    calls = [
        index
        for index, token in enumerate(tokens[:-1])
        if token.kind == "name" and token.text in ours and tokens[index + 1].text == "("
    ]
    inside = [index for index in calls if any(index in loop.body for loop in loops)]
    passes = walks + sum(token.text in _PASSING for token in tokens)
    if loops:  # perhaps over a list that the expression itself spells out
        passes *= 1 + sum(token.text == "," for token in tokens)
    return Cost(
        growth=_growth_of(loops) * _added(tokens, loops),
        has_loops=bool(loops),
        is_nested=any(
            other.body.start in loop.body for loop in loops for other in loops if other is not loop
        ),
        passes=passes,
        calls=len(calls) - len(inside),
        calls_inside=len(inside),
        makes_lists=any(not _is_scalar(ours[tokens[index].text].returns) for index in calls),
        mentions=frozenset(_mentions(tokens, loops, inside)),
    )


@cache
def _ours() -> Mapping[str, Function]:
    return {name: each for name, each in library().items() if each.run is not None}


def _is_scalar(kind: str) -> bool:
    return kind in {"text", "number", "integer", "boolean"}


def _growth_of(loops: Iterable[Loop]) -> int:
    """How often the loops of an expression may repeat one value inside another."""
    growth = 1
    for loop in loops:
        if loop.macro in GROWING:
            growth *= max(1, loop.uses) if loop.macro == "map" else 1
    return growth


def _added(tokens: list[Token], loops: list[Loop]) -> int:
    """How many lists may be put together with `+` for one loop to go through."""
    pluses = [index for index, token in enumerate(tokens) if token.text == "+"]
    most = 0
    for loop in loops:
        enclosing = [each.body for each in loops if loop.body.start in each.body and each is not loop]
        closed = [each.body for each in loops if each.body not in enclosing]
        before = [index for index in pluses if index < loop.body.start]
        most = max(most, sum(not any(index in body for body in closed) for index in before))
    return 1 + most


def _mentions(tokens: list[Token], loops: list[Loop], calls: list[int]) -> Iterator[Mention]:
    """What the bodies of those loops speak of that call functions; what a loop goes through is no mention."""
    variables = {loop.variable for loop in loops}
    for loop in loops:
        if not any(index in loop.body for index in calls):
            continue
        for index in loop.body:
            if not is_head(tokens, index):
                continue
            chain = chain_at(tokens, index)
            if _is_looped(tokens, chain):
                continue
            if chain.root not in variables:
                yield Mention(path=chain.parts)
            elif chain.root == loop.variable:
                last = chain.parts[-1]
                yield Mention(field=last if len(chain.parts) > 1 and isinstance(last, str) else None)


def _is_looped(tokens: list[Token], path: Path) -> bool:
    """Whether a macro goes through it."""
    following = [token.text for token in tokens[path.last + 1 : path.last + 3]]
    return len(following) == 2 and following[0] == "." and following[1] in MACROS


def _value_at(path: tuple[str | int, ...], values: Mapping[str, Any]) -> Any:
    """The value at the end of a path, as far as it leads."""
    for length in range(len(path), 0, -1):
        name = ".".join(map(str, path[:length]))
        if name in values:
            value = values[name]
            for part in path[length:]:
                try:
                    value = value[part]
                except (LookupError, TypeError):
                    return value
            return value
    return None


def _work(value: Any) -> int:
    return measure((value,)).work


def _weigh(value: Any, by_name: dict[str, int]) -> tuple[int, int]:
    """The work of carrying a value, and that of the heaviest list item in it; `by_name`: of the heaviest
    value under each name. Values are at most 64 levels deep here."""
    total, heaviest = VALUE_WORK, 0
    if isinstance(value, str):
        total += len(value)
    elif isinstance(value, list):
        for item in value:
            work, inner = _weigh(item, by_name)
            total += work
            heaviest = max(heaviest, work, inner)
    elif isinstance(value, dict):
        for name, member in value.items():
            work, inner = _weigh(member, by_name)
            total += work + (len(name) if isinstance(name, str) else 0)
            heaviest = max(heaviest, inner)
            by_name[name] = max(by_name.get(name, 0), work)
    return total, heaviest
