"""The engine's world for the tests of this folder."""

from tests.engine.fixtures import bus, world

__all__ = ["bus", "world"]
