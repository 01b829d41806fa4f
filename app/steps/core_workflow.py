"""Runs another workflow as one step: its inputs are checked, its outputs are this step's."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.steps.base import Again, Call, CallStepType, Example

WorkflowId = Annotated[str, Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
VersionNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
WHICH_VERSION = Meta(title="Version", description="Which version; when left out, the one that runs today.")


class CoreWorkflowInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Which workflow, on what."""

    workflow: Annotated[
        WorkflowId,
        Meta(
            title="Workflow",
            description="The id of the workflow to run.",
            extra_json_schema={"widget": "workflow"},
        ),
    ]
    version: Annotated[VersionNumber | None, WHICH_VERSION] = None
    inputs: Annotated[
        dict[str, Any], Meta(title="Inputs", description="The values it starts with, by input name.")
    ] = {}


class CoreWorkflowOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever the workflow gives."""


class CoreWorkflow(CallStepType[CoreWorkflowInputs, CoreWorkflowOutputs]):
    """A workflow within a workflow."""

    kind = "core.workflow"
    version = 1
    title = "Run a workflow"
    summary = "Runs another workflow and gives its outputs."
    category = "Flow"
    Inputs = CoreWorkflowInputs
    Outputs = CoreWorkflowOutputs
    examples = (
        Example(
            title="A film of photos",
            inputs={"workflow": "0192d5f2-7c00-7000-8000-000000000000", "inputs": {"title": "Our trip"}},
            runs_offline=False,
        ),
    )

    def call(self, inputs: CoreWorkflowInputs, round_number: int, last: dict[str, Any] | None) -> Call:  # noqa: ARG002
        """The workflow, once."""
        return Call(workflow=inputs.workflow, version=inputs.version, inputs=inputs.inputs)

    def returned(
        self,
        inputs: CoreWorkflowInputs,  # noqa: ARG002
        round_number: int,  # noqa: ARG002
        outputs: dict[str, Any],
    ) -> dict[str, Any] | Again:
        """What it gave."""
        return outputs
