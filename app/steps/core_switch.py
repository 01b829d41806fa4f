"""Chooses one way out of several: the first case that holds, or “else”."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.flow.catalog import Branches
from app.flow.messages import ErrorClass
from app.steps.base import Example, InlineStepType, StepFailed

ELSE = "else"


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way out: taken when `when` is true, or when the value equals `equals`."""

    name: Annotated[
        str,
        Meta(
            title="Name",
            description="What steps write behind this one's id in “needs”: route.large.",
            pattern="^[a-z][a-z0-9_]{0,62}$",
        ),
    ]
    when: Annotated[bool | None, Meta(title="When", description="A condition that decides.")] = None
    equals: Annotated[Any, Meta(title="Equals", description="Taken when the value is this.")] = None


class CoreSwitchInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided, and by which cases."""

    cases: Annotated[
        list[Case],
        Meta(
            title="Cases",
            description="Looked at in order; the first that holds.",
            min_length=1,
            max_length=50,
        ),
    ]
    value: Annotated[
        Any, Meta(title="Value", description="Compared with “equals”, and handed on unchanged.")
    ] = None


class CoreSwitchOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The way taken."""

    case: Annotated[str, Meta(title="Case", description="The name of the case that held, or “else”.")]
    value: Annotated[Any, Meta(title="Value", description="What was put in.")] = None


class CoreSwitch(InlineStepType[CoreSwitchInputs, CoreSwitchOutputs]):
    """A fork in the flow."""

    kind = "core.switch"
    version = 1
    title = "Choose a way"
    summary = "Looks at its cases in order and leads on along the first that holds."
    category = "Flow"
    branches = Branches(output="case", names=(ELSE,), listed_in="cases")
    Inputs = CoreSwitchInputs
    Outputs = CoreSwitchOutputs
    examples = (
        Example(
            title="By condition",
            inputs={"cases": [{"name": "large", "when": False}, {"name": "small", "when": True}]},
        ),
        Example(title="By value", inputs={"value": "de", "cases": [{"name": "german", "equals": "de"}]}),
    )

    def evaluate(self, inputs: CoreSwitchInputs, now: datetime) -> CoreSwitchOutputs:  # noqa: ARG002
        """The first case that holds."""
        names = [case.name for case in inputs.cases]
        if len(set(names)) < len(names) or ELSE in names:
            raise StepFailed(
                ErrorClass.bad_input,
                f"The names of the cases must differ, and “{ELSE}” is what is left when none holds.",
                remedy="Rename a case.",
            )
        taken = next((case.name for case in inputs.cases if _holds(case, inputs.value)), ELSE)
        return CoreSwitchOutputs(case=taken, value=inputs.value)


def _holds(case: Case, value: Any) -> bool:
    if case.when is not None:
        return case.when
    return bool(value == case.equals)
