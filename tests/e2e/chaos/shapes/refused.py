"""A workflow of which two run at once; a start beyond them is refused."""

from tests.e2e.chaos.shape import limited

SHAPE = limited("refused", 2, "skip")
