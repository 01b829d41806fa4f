"""A workflow of which two run at once and the others wait for their turn, the more urgent ones first."""

from tests.e2e.chaos.shape import limited

SHAPE = limited("in turn", 2, "queue", priorities=(0, 0, 5))
