"""Waits for a while without holding a worker: the step stands in the database until its time has come."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.steps.base import Example, InlineStepType, Pause

LONGEST_S = 365 * 24 * 3600.0  # a year; more is a schedule's work


class CoreDelayInputs(msgspec.Struct, frozen=True, kw_only=True):
    """How long, and what to hand on."""

    seconds: Annotated[
        float,
        Meta(
            title="Wait",
            description="How long to wait before going on.",
            ge=0,
            le=LONGEST_S,
            extra_json_schema={"unit": "s", "widget": "duration"},
        ),
    ]
    value: Annotated[Any, Meta(title="Value", description="Handed on unchanged after the wait.")] = None


class CoreDelayOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The value that was handed on."""

    value: Annotated[Any, Meta(title="Value", description="What was put in.")] = None


class CoreDelay(InlineStepType[CoreDelayInputs, CoreDelayOutputs]):
    """A pause in the flow."""

    kind = "core.delay"
    version = 1
    title = "Wait"
    summary = "Waits for some seconds, hours or days, then goes on."
    category = "Flow"
    Inputs = CoreDelayInputs
    Outputs = CoreDelayOutputs
    examples = (
        Example(title="Not at all", inputs={"seconds": 0, "value": "at once"}),
        Example(title="A minute", inputs={"seconds": 60}),
    )

    def evaluate(self, inputs: CoreDelayInputs, now: datetime) -> CoreDelayOutputs | Pause:
        """A pause until `seconds` from now; none at all for zero."""
        if inputs.seconds == 0:
            return CoreDelayOutputs(value=inputs.value)
        until = now + timedelta(seconds=inputs.seconds)
        return Pause(
            until=until,
            outputs={"value": inputs.value},
            reason=f"Waiting until {until.strftime('%Y-%m-%d %H:%M:%S')} UTC.",
        )
