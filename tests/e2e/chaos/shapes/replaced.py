"""A workflow of which one runs at once; whoever comes next takes its place."""

from tests.e2e.chaos.shape import limited

SHAPE = limited("replaced", 1, "replace")
