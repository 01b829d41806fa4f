"""What a model family is: one module in this folder with one class, found by the family's name.

A family runs in the torch child only. Its public methods are what steps call through `ctx.runtime(family)`;
arguments and answers are plain values. Torch and its libraries are imported inside methods, so that a family
can be looked at without loading them.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

from workers.residency import Residency


class Stopped(Exception):
    """The call was told to end; raised by `Work.check`."""


class Work(Protocol):
    """The call a family is working on."""

    def check(self) -> None:
        """Raises Stopped when the call is to end; ask between iterations."""

    def progress(self, fraction: float, message: str | None = None) -> None:
        """How far the call is, 0 to 1."""


class Runtime:
    """The base of every family. One object lives as long as its child."""

    family: ClassVar[str]

    def __init__(self, residency: Residency) -> None:
        self.residency = residency

    def methods(self) -> dict[str, Callable[..., object]]:
        """What steps may call: `run_…` methods, named without the prefix; each takes the Work first."""
        return {
            name.removeprefix("run_"): getattr(self, name) for name in dir(self) if name.startswith("run_")
        }
