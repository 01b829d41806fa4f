"""Ends the instance early, well or badly; whatever is still under way is cancelled."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.flow.states import InstanceStatus
from app.steps.base import Example, InlineStepType, Stop


class CoreStopInputs(msgspec.Struct, frozen=True, kw_only=True):
    """How the instance ends."""

    result: Annotated[
        Literal["completed", "failed"],
        Meta(title="Ends as", description="Completed: the workflow's outputs are made of what there is."),
    ] = "completed"
    message: Annotated[
        str, Meta(title="Why", description="What people read when it ends as failed.", max_length=2_000)
    ] = ""


class CoreStopOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What it said; no step follows to read it."""

    message: Annotated[str, Meta(title="Why", description="Why the instance ended here.")] = ""


class CoreStop(InlineStepType[CoreStopInputs, CoreStopOutputs]):
    """An early end."""

    kind = "core.stop"
    version = 1
    title = "Stop here"
    summary = "Ends the whole instance now, as completed or as failed with a message."
    category = "Flow"
    ends = True
    Inputs = CoreStopInputs
    Outputs = CoreStopOutputs
    examples = (
        Example(title="Enough", inputs={}),
        Example(title="As failed", inputs={"result": "failed", "message": "There are no photos to show."}),
    )

    def evaluate(self, inputs: CoreStopInputs, now: datetime) -> Stop:  # noqa: ARG002
        """The wish to stop."""
        return Stop(
            status=InstanceStatus(inputs.result),
            message=inputs.message or "The workflow stopped itself here.",
            outputs={"message": inputs.message},
        )
