"""Working out expressions over large values beside the event loop, so that others are served meanwhile.

An expression takes some 0.2 s for 4 MB of values, and a page of items as often as it has items. One thread
does all of that: the interpreter runs one at a time, so a second would gain nothing, and leave the event loop
a third of it instead of half. Measured with five such expressions: the longest time in which nobody else was
served fell from 6.4 s to 0.3, most of that for values on their way into the expression library.

A move that spends long keeps a connection, and others from its instance: it is bounded, and few may at once.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from app.engine.errors import LargeValuesBusy
from app.flow.sizes import weight_of
from app.store.database import Transaction

P = ParamSpec("P")
T = TypeVar("T")

HEAVY: Final = 50_000  # characters; an expression over them takes some 2 ms, changing threads 0.1
MAX_EFFORT_S: Final = 30.0  # of processor in one move
LONG_S: Final = 2.0  # of processor; few moves take so long
MOST_LONG_MOVES: Final = 4  # at once
_ASIDE: Final = ThreadPoolExecutor(1, "expressions")


def is_heavy(value: Any) -> bool:
    """Whether expressions over this value are better worked out aside; looks no further than it must."""
    return weight_of(value, HEAVY) > HEAVY


async def aside(heavy: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What this pure function gives: at once, or from its thread where it is heavy."""
    if not heavy:
        return work(*args, **kwargs)
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(
        _ASIDE, partial(context.run, work, *args, **kwargs)
    )


class Effort:
    """What one move spends on expressions."""

    def __init__(self) -> None:
        self.spent_s = 0.0  # of processor

    @property
    def is_too_much(self) -> bool:
        """Whether this is more than one move may spend."""
        return self.spent_s > MAX_EFFORT_S

    @property
    def is_long(self) -> bool:
        """Whether the move counts among the long ones."""
        return self.spent_s > LONG_S

    def spend(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What this function gives, its time counted."""
        began_s = time.thread_time()
        try:
            return work(*args, **kwargs)
        finally:
            self.spent_s += time.thread_time() - began_s


class LongMoves:
    """The moves of this process that have spent long, counted."""

    def __init__(self) -> None:
        self._count = 0

    def enter(self, tx: Transaction) -> None:
        """Let this transaction be one of them until it is over. Raises LargeValuesBusy."""
        if self._count >= MOST_LONG_MOVES:
            raise LargeValuesBusy
        self._count += 1
        tx.at_end(self._leave)

    def _leave(self) -> None:
        self._count -= 1


long_moves: Final = LongMoves()
