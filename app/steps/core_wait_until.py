"""Waits for a moment without holding a worker; one that has passed already is not waited for."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass
from app.steps.base import Example, InlineStepType, Pause, StepFailed

LONGEST = timedelta(days=366)  # as core.delay; what lies further ahead is a schedule's work


class CoreWaitUntilInputs(msgspec.Struct, frozen=True, kw_only=True):
    """When to go on, and what to hand on."""

    time: Annotated[
        datetime,
        Meta(
            title="Until",
            description="A time with its zone, such as 2026-12-24T18:00:00+01:00.",
            tz=True,
            extra_json_schema={"widget": "datetime"},
        ),
    ]
    value: Annotated[Any, Meta(title="Value", description="Handed on unchanged after the wait.")] = None


class CoreWaitUntilOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The value that was handed on."""

    value: Annotated[Any, Meta(title="Value", description="What was put in.")] = None


class CoreWaitUntil(InlineStepType[CoreWaitUntilInputs, CoreWaitUntilOutputs]):
    """A pause that ends at a given time."""

    kind = "core.wait_until"
    version = 1
    title = "Wait until"
    summary = "Waits for a day and an hour, then goes on; at once when it has passed."
    category = "Flow"
    Inputs = CoreWaitUntilInputs
    Outputs = CoreWaitUntilOutputs
    examples = (
        Example(title="Long past", inputs={"time": "2026-01-01T00:00:00Z", "value": "at once"}),
        Example(title="An evening", inputs={"time": "2026-12-24T18:00:00+01:00"}, runs_offline=False),
    )

    def evaluate(self, inputs: CoreWaitUntilInputs, now: datetime) -> CoreWaitUntilOutputs | Pause:
        """A pause until then."""
        if inputs.time <= now:
            return CoreWaitUntilOutputs(value=inputs.value)
        if inputs.time > now + LONGEST:
            raise StepFailed(
                ErrorClass.bad_input,
                "A step waits a year at most; this time lies further ahead.",
                remedy="Start the workflow by a schedule instead.",
            )
        return Pause(
            until=inputs.time,
            outputs={"value": inputs.value},
            reason=f"Waiting until {inputs.time.isoformat(sep=' ', timespec='seconds')}.",
        )
