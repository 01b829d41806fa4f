"""The gpu-lane twin of debug.work: the same pretence, but inside the child process of the GPU worker."""

from typing import Annotated, Any

from msgspec import Meta

from app.flow.messages import Lane
from app.steps.base import Context, Example, StepType
from app.steps.debug_work import DebugWorkInputs, DebugWorkOutputs, raise_if_told


class DebugGpuWorkInputs(DebugWorkInputs, frozen=True, kw_only=True):
    """As debug.work, and the faults only a child can have."""

    memory_bytes: Annotated[
        int,
        Meta(
            title="Memory",
            description="How much the child takes while it works.",
            ge=0,
            le=8 * 1024**3,
            extra_json_schema={"unit": "bytes"},
        ),
    ] = 0
    deaf: Annotated[
        bool,
        Meta(title="Deaf", description="The child ignores a cancellation, so that it must be killed."),
    ] = False
    die: Annotated[bool, Meta(title="Die", description="The child dies in the middle of its work.")] = False


class DebugGpuWork(StepType[DebugGpuWorkInputs, DebugWorkOutputs]):
    """Works in the child through the runtime `fake`."""

    kind = "debug.gpu_work"
    version = 1
    lane = Lane.gpu
    title = "Pretend to work on the GPU"
    summary = "Gives back its value after some seconds in the GPU worker's child, or fails, as told."
    category = "Debug"
    hidden = True
    Inputs = DebugGpuWorkInputs
    Outputs = DebugWorkOutputs
    examples = (Example(title="A short while", inputs={"value": [1, 2, 3], "seconds": 0.05}),)

    async def run(self, inputs: DebugGpuWorkInputs, ctx: Context) -> DebugWorkOutputs:
        """Let the child work, then answer or fail."""
        value: Any = await ctx.runtime("fake").call(
            "work",
            value=inputs.value,
            seconds=inputs.seconds,
            memory_bytes=inputs.memory_bytes,
            deaf=inputs.deaf,
            die=inputs.die,
        )
        raise_if_told(inputs.fail, inputs.fail_first, ctx.number)
        return DebugWorkOutputs(value=value, number=ctx.number)
