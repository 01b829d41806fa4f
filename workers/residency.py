"""Which models stay loaded between jobs, inside the torch child: least recently used goes first.

A model is loaded once and kept. Before another is loaded, what it needs is compared with what is free, and
models are dropped until it fits. When the child has been idle for long, the worker ends it as a whole: the
only way to be sure that every byte of graphics memory is back.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from app.kit.memory import free_memory_bytes

M = TypeVar("M")

HEADROOM: Final = 1.25  # a model needs more than its weights: activations, the allocator's rounding


class Room(Protocol):
    """Where models lie: a card or main memory."""

    def free_bytes(self) -> int:
        """What may still be taken."""

    def sweep(self) -> None:
        """Hand back what dropped models left in caches."""


class MainMemory:
    """Models on the CPU."""

    def free_bytes(self) -> int:
        """The machine's or the cgroup's free memory."""
        return free_memory_bytes()

    def sweep(self) -> None:
        """Collect what nothing refers to any more."""
        gc.collect()


class CardMemory:
    """Models on the child's one visible card."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def free_bytes(self) -> int:
        """Free on the card, and what torch holds in its cache without using it."""
        free, _ = self._torch.cuda.mem_get_info()
        cached = self._torch.cuda.memory_reserved() - self._torch.cuda.memory_allocated()
        return int(free) + int(cached)

    def sweep(self) -> None:
        """Collect, then empty torch's cache."""
        gc.collect()
        self._torch.cuda.empty_cache()


class Residency:
    """The loaded models of one child."""

    def __init__(self, on_change: Callable[[list[str]], None]) -> None:
        self._models: OrderedDict[str, Any] = OrderedDict()
        self._on_change = on_change

    @property
    def names(self) -> list[str]:
        """What is loaded, the least recently used first."""
        return list(self._models)

    def get(self, name: str, load: Callable[[], M], needs_bytes: int, room: Room) -> M:
        """The model of this name, loaded now if it is not yet; others make room for it."""
        if name in self._models:
            self._models.move_to_end(name)
            found: M = self._models[name]
            return found
        while self._models and room.free_bytes() < needs_bytes * HEADROOM:
            self._models.popitem(last=False)
            room.sweep()
        model = load()
        self._models[name] = model
        self._on_change(self.names)
        return model

    def drop_all(self, room: Room) -> None:
        """Forget every model: memory ran out, the next try starts with all of it."""
        self._models.clear()
        room.sweep()
        self._on_change(self.names)
