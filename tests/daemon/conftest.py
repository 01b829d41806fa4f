"""The engine's world for the tests of the daemon."""

from tests.engine.fixtures import bus, world

__all__ = ["bus", "world"]
