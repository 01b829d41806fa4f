"""The bus of the engine's tests."""

from tests.engine.fixtures import bus

__all__ = ["bus"]
