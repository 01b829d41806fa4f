"""Gives a value a name, so that later steps and people can refer to it."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.steps.base import Example, InlineStepType, Pause


class CoreSetInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What to keep."""

    value: Annotated[
        Any, Meta(title="Value", description="Anything: a text, a number, a list, a file, or an expression.")
    ]


class CoreSetOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The value, unchanged."""

    value: Annotated[Any, Meta(title="Value", description="What was put in.")]


class CoreSet(InlineStepType[CoreSetInputs, CoreSetOutputs]):
    """The value as an output of its own."""

    kind = "core.set"
    version = 1
    title = "Set a value"
    summary = "Works out a value once and gives it a name."
    category = "Flow"
    Inputs = CoreSetInputs
    Outputs = CoreSetOutputs
    examples = (
        Example(title="A number", inputs={"value": 42}),
        Example(title="A list", inputs={"value": ["red", "green", "blue"]}),
    )

    def evaluate(self, inputs: CoreSetInputs, now: datetime) -> CoreSetOutputs | Pause:  # noqa: ARG002
        """The input, unchanged."""
        return CoreSetOutputs(value=inputs.value)
