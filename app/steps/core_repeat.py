"""Runs a workflow, or the steps written into it, again and again until a condition or a bound is met."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass
from app.flow.wording import count
from app.steps.base import Again, Call, CallStepType, Example, StepFailed
from app.steps.core_workflow import WHICH_VERSION, VersionNumber, WorkflowId

MAX_ROUNDS = 1_000
LOCALS = {"round": "integer", "last": "json"}


class CoreRepeatInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What to repeat, on what, and when to end."""

    body: Annotated[
        dict[str, Any] | None,
        Meta(
            title="Steps",
            description="The steps of one round: a workflow of its own, with inputs, nodes and outputs.",
            extra={"body": True},
        ),
    ] = None
    workflow: Annotated[
        WorkflowId | None,
        Meta(
            title="Workflow",
            description="The id of a workflow to run in each round, instead of steps written here.",
            extra_json_schema={"widget": "workflow"},
        ),
    ] = None
    version: Annotated[VersionNumber | None, WHICH_VERSION] = None
    inputs: Annotated[
        dict[str, Any],
        Meta(
            title="Inputs",
            description="The values each round starts with; “round” counts from 1, “last” is what the "
            "round before gave (null in the first).",
            extra={"locals": LOCALS},
        ),
    ] = {}
    until: Annotated[
        bool | None,
        Meta(
            title="Until",
            description="Looked at after each round, with its outputs in “last”; true ends the repetition. "
            "Without it there are as many rounds as the bound says.",
            extra={"locals": LOCALS},
        ),
    ] = None
    max_rounds: Annotated[
        int,
        Meta(
            title="At most",
            description="The bound.",
            ge=1,
            le=MAX_ROUNDS,
            extra_json_schema={"unit": "rounds"},
        ),
    ] = 10
    delay_s: Annotated[
        float,
        Meta(
            title="Wait between",
            description="Between two rounds.",
            ge=0,
            le=86_400,
            extra_json_schema={"unit": "s", "widget": "duration"},
        ),
    ] = 0.0
    at_limit: Annotated[
        Literal["fail", "go_on"],
        Meta(title="At the bound", description="What it means when “until” never became true."),
    ] = "fail"


class CoreRepeatOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What the last round gave, and how many there were."""

    rounds: Annotated[int, Meta(title="Rounds", description="How many there were.")]


class CoreRepeat(CallStepType[CoreRepeatInputs, CoreRepeatOutputs]):
    """A loop with a bound."""

    kind = "core.repeat"
    version = 1
    title = "Repeat"
    summary = "Runs steps or a workflow again and again until a condition holds."
    category = "Flow"
    Inputs = CoreRepeatInputs
    Outputs = CoreRepeatOutputs
    examples = (
        Example(
            title="Double until it is large",
            inputs={
                "body": {
                    "inputs": {"n": {"type": "number"}},
                    "nodes": [{"id": "double", "type": "core.set", "with": {"value": "{{ inputs.n * 2 }}"}}],
                    "outputs": {"n": "{{ steps.double.outputs.value }}"},
                },
                "inputs": {"n": "{{ last == null ? 1 : last.n }}"},
                "until": "{{ last.n > 100 }}",
            },
            runs_offline=False,
        ),
    )

    def call(self, inputs: CoreRepeatInputs, round_number: int, last: dict[str, Any] | None) -> Call:
        """One more round."""
        given = self.later("inputs", round=round_number, last=last) or {}
        return Call(workflow=inputs.workflow, version=inputs.version, inputs=given)

    def returned(
        self, inputs: CoreRepeatInputs, round_number: int, outputs: dict[str, Any]
    ) -> dict[str, Any] | Again:
        """The outputs of the last round, once the condition holds or the bound is met."""
        is_done = self.later("until", round=round_number, last=outputs)
        if not is_done and round_number < inputs.max_rounds:
            return Again(inputs.delay_s)
        if is_done is False and inputs.at_limit == "fail":
            raise StepFailed(
                ErrorClass.refused,
                f"After {count(round_number, 'round')} the condition (until) still did not hold.",
                remedy="Raise max_rounds, or let it go on at the bound (at_limit).",
            )
        return {**outputs, "rounds": round_number}
