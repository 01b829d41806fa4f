"""What one evaluation may cost: counted as its functions run, so that a small expression makes no huge thing.

Work is told in characters: going through one takes some 5 ns, and carrying one value between the expression
library and Python as much as 40 of them (0.2 µs, measured).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import msgspec

MAX_WORK: Final = 100_000_000  # 0.5 s
MAX_RESULT_ITEMS: Final = 200_000
MAX_RESULT_CHARACTERS: Final = 5_000_000
VALUE_WORK: Final = 40

TOO_LARGE: Final = "The result is too large for an expression; let a step make it."
TOO_MUCH: Final = "The values are too large for this expression; let a step work on them."


class Refused(Exception):
    """A function cannot work with what it was given; the message is a sentence."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class Measure(msgspec.Struct, frozen=True):
    """How large a value is at all its levels."""

    characters: int  # of its texts and names
    values: int
    items: int  # of its lists
    nulls: int

    @property
    def work(self) -> int:
        """What going through it once costs."""
        return self.characters + self.values * VALUE_WORK


def measure(values: Iterable[Any]) -> Measure:
    """How large these are together; measured without recursion."""
    characters = count = items = nulls = 0
    level = list(values)
    while level:
        count += len(level)
        deeper: list[Any] = []
        for here in level:
            if isinstance(here, str):
                characters += len(here)
            elif isinstance(here, list):
                items += len(here)
                deeper += here
            elif isinstance(here, dict):
                characters += sum(len(name) for name in here if isinstance(name, str))
                deeper += here.values()
            elif here is None:
                nulls += 1
        level = deeper
    return Measure(characters, count, items, nulls)


class Meter:
    """The budget of one evaluation."""

    def __init__(
        self,
        *,
        work: int = MAX_WORK,
        items: int = MAX_RESULT_ITEMS,
        characters: int = MAX_RESULT_CHARACTERS,
        longest_list: int = MAX_RESULT_ITEMS,
        longest_text: int = MAX_RESULT_CHARACTERS,
        too_many: str = TOO_LARGE,
    ) -> None:
        self._work = work
        self._items = items  # of lists that functions may still make
        self._characters = characters  # of texts that functions may still make
        self._longest_list = longest_list  # items of one result
        self._longest_text = longest_text  # characters of one result
        self._too_many = too_many  # what to say of too many items
        self.refusals: list[str] = []  # what functions said, in order

    def take(self, work: int) -> None:
        """Use up some of the work. Raises Refused when it is more than there is left."""
        self._work -= work
        if self._work < 0:
            raise Refused(TOO_MUCH)

    def expect(self, size: int) -> None:
        """A function is about to make this many characters or items. Raises Refused when it must not."""
        if size > max(self._longest_text, self._longest_list):
            raise Refused(TOO_LARGE)
        self.take(size)

    def made(self, result: Measure) -> None:
        """A function made this. Raises Refused when that is too much."""
        self._items -= result.items
        self._characters -= result.characters
        if self._items < 0 or result.items > self._longest_list:
            raise Refused(self._too_many)
        if self._characters < 0 or result.characters > self._longest_text:
            raise Refused(TOO_LARGE)
        self.take(result.work)


_METER: ContextVar[Meter] = ContextVar("meter")


@contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Let functions that are called in here use this budget."""
    token = _METER.set(meter)
    try:
        yield
    finally:
        _METER.reset(token)


def current() -> Meter:
    """The budget of the evaluation that is under way; an ample one for a call outside any."""
    return _METER.get(None) or Meter()
