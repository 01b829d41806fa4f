"""A cpu step that takes as long as it is told, for benches and tests."""

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass, Lane
from app.steps.base import Context, Example, StepFailed, StepType


class DebugWorkInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What to give back, when, and whether to fail instead."""

    value: Annotated[Any, Meta(title="Value", description="Given back unchanged.")] = None
    seconds: Annotated[
        float,
        Meta(
            title="Work for",
            description="How long the step pretends to work.",
            ge=0,
            le=86_400,
            extra_json_schema={"unit": "s"},
        ),
    ] = 0.0
    fail: Annotated[
        str,
        Meta(
            title="Fail",
            description="An error class such as transient, or a sentence (a bug then). Empty: succeed.",
            max_length=500,
        ),
    ] = ""
    fail_first: Annotated[
        int,
        Meta(
            title="Fail only the first",
            description="How many tries fail; 0 means every one.",
            ge=0,
            le=1000,
            extra_json_schema={"unit": "tries"},
        ),
    ] = 0


class DebugWorkOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The value and the try that gave it."""

    value: Annotated[Any, Meta(title="Value", description="What was put in.")] = None
    number: Annotated[int, Meta(title="Try", description="Which try succeeded, from 1.", ge=1)] = 1


class DebugWork(StepType[DebugWorkInputs, DebugWorkOutputs]):
    """Sleeps, reports progress, answers or fails."""

    kind = "debug.work"
    version = 1
    lane = Lane.cpu
    title = "Pretend to work"
    summary = "Gives back its value after some seconds, or fails, as told."
    category = "Debug"
    hidden = True
    Inputs = DebugWorkInputs
    Outputs = DebugWorkOutputs
    examples = (
        Example(title="At once", inputs={"value": {"answer": 42}}),
        Example(title="A short while", inputs={"value": "done", "seconds": 0.05}),
    )

    async def run(self, inputs: DebugWorkInputs, ctx: Context) -> DebugWorkOutputs:
        """Sleep in twenty parts, telling progress after each."""
        if inputs.seconds:
            for part in range(20):
                await asyncio.sleep(inputs.seconds / 20)
                await ctx.progress((part + 1) / 20)
        raise_if_told(inputs.fail, inputs.fail_first, ctx.number)
        return DebugWorkOutputs(value=inputs.value, number=ctx.number)


def raise_if_told(fail: str, fail_first: int, number: int) -> None:
    """The failure that the inputs ask for on this try. Raises StepFailed."""
    if not fail or (fail_first and number > fail_first):
        return
    if fail in tuple(ErrorClass):  # Python 3.11 takes only members on the left
        raise StepFailed(
            ErrorClass(fail), f"This step was told to fail with “{fail}”.", remedy="Clear its Fail field."
        )
    raise StepFailed(ErrorClass.bug, fail, remedy="Clear its Fail field.")
