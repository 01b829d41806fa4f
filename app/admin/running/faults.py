"""How a run at the command line can end early, and with which exit code."""

from collections.abc import Sequence
from typing import ClassVar


class Ended(Exception):
    """The command ends here; the lines are for standard error."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class Unusable(Ended):
    """What was typed, the file or the inputs cannot be used; nothing was started."""

    exit_code = 2


class Unreachable(Ended):
    """The box does not answer, or not to us."""


def listed(faults: Sequence[str]) -> Unusable:
    """Every fault at once."""
    return Unusable(*faults)
