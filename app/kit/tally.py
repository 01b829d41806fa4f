"""Counts of one process, to be added up with those of the others.

A tally holds what was counted since it was last taken: whoever takes hands it in where every process of the
box does (`app.store.counts`), so that sums survive restarts and any process can show them. Counting is a
dictionary's increment.
"""

import bisect
from collections.abc import Mapping
from typing import Final

from app.kit.meters import OVERFLOWS, Counter, Histogram

MOST_SERIES: Final = 4000  # of one process; a label that grows without end must not fill a memory
Key = tuple[
    str, tuple[str, ...], str
]  # name, values of its labels, part: "" or of a histogram "le", "sum", "n"


class Tally:
    """What was counted since the last `take`."""

    def __init__(self) -> None:
        self._counts: dict[Key, float] = {}
        self._known: set[tuple[str, tuple[str, ...]]] = set()

    def count(self, meter: Counter, *labels: str, by: float = 1.0) -> None:
        """It happened."""
        if self._admits(meter.name, labels):
            self._add((meter.name, labels, ""), by)

    def observe(self, meter: Histogram, seconds: float, *labels: str) -> None:
        """It took so long."""
        if not self._admits(meter.name, labels):
            return
        place = bisect.bisect_left(meter.bounds, seconds)
        bound = f"{meter.bounds[place]:g}" if place < len(meter.bounds) else "+Inf"
        self._add((meter.name, labels, bound), 1.0)
        self._add((meter.name, labels, "sum"), seconds)

    def take(self) -> dict[Key, float]:
        """What was counted, which is nobody's to count again."""
        taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: Mapping[Key, float]) -> None:
        """It could not be handed in; it stays to be counted."""
        for key, amount in taken.items():
            self._add(key, amount)

    def _admits(self, name: str, labels: tuple[str, ...]) -> bool:
        series = (name, labels)
        if series in self._known:
            return True
        if len(self._known) >= MOST_SERIES:
            self._add((OVERFLOWS.name, (), ""), 1.0)
            return False
        self._known.add(series)
        return True

    def _add(self, key: Key, amount: float) -> None:
        self._counts[key] = self._counts.get(key, 0.0) + amount
