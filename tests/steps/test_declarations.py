"""Every step type there is, held to its declaration. A new file is tested by being there."""

import inspect
import re
from typing import Any

import msgspec
import pytest

from app.flow.messages import ErrorClass, Lane
from app.flow.ports import PORT_TYPES
from app.kit.clock import now
from app.kit.codec import to_plain
from app.steps.base import CallStepType, Declaration, InlineStepType, Pause, StepFailed, StepType, Stop, Wait
from app.steps.discovery import catalog, step_types
from tests.steps.bench import Bench
from tests.steps.set_up import torch_is_left_out

EVERY = sorted(step_types().items())

AnyStepType = type[Declaration[Any, Any]]


def examples() -> list[Any]:
    """Every example that needs no network, with a name for the report."""
    return [
        pytest.param(step_type, example.inputs, id=f"{kind}: {example.title}")
        for kind, step_type in EVERY
        for example in step_type.examples
        if example.runs_offline
    ]


@pytest.mark.parametrize(("kind", "step_type"), EVERY)
def test_a_step_type_is_declared_completely(kind: str, step_type: AnyStepType) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind)
    assert step_type.__module__ == f"app.steps.{kind.replace('.', '_')}", "one file, named after its kind"
    assert step_type.version >= 1
    assert issubclass(step_type, InlineStepType | CallStepType) == (step_type.lane is Lane.inline)
    assert issubclass(step_type, InlineStepType | CallStepType | StepType)
    assert step_type.title
    assert step_type.summary.endswith(".")
    assert re.fullmatch(r"[A-Z][A-Za-z ]*", step_type.category)
    assert inspect.getdoc(step_type)
    assert inspect.getdoc(inspect.getmodule(step_type))
    assert step_type.examples, "an example is the shortest documentation"


def test_kinds_of_one_family_stand_together_in_the_palette() -> None:
    families: dict[str, set[str]] = {}
    for kind, step_type in EVERY:
        families.setdefault(kind.partition(".")[0], set()).add(step_type.category)
    assert {family: groups for family, groups in families.items() if len(groups) > 1} == {}


@pytest.mark.parametrize(("kind", "step_type"), EVERY)
def test_every_port_has_a_title_and_a_port_type(kind: str, step_type: AnyStepType) -> None:
    spec = catalog()[kind]
    assert spec.outputs or spec.calls
    for port in (*spec.inputs, *spec.outputs):
        assert port.title, f"{kind}: “{port.name}” has no title"
        assert port.type in PORT_TYPES
    assert inspect.getdoc(step_type.Inputs)
    assert inspect.getdoc(step_type.Outputs)


@pytest.mark.parametrize(("kind", "_"), EVERY)
def test_every_number_and_list_that_goes_in_is_bounded(kind: str, _: AnyStepType) -> None:
    schema = catalog()[kind].input_schema
    for name, field in schema.get("properties", {}).items():
        for form in (field, *field.get("anyOf", ())):
            if form.get("type") in ("number", "integer"):
                assert {"minimum", "exclusiveMinimum"} & set(form), f"{kind}.{name} has no lower bound"
                assert {"maximum", "exclusiveMaximum"} & set(form), f"{kind}.{name} has no upper bound"
            if form.get("type") == "array":
                assert "maxItems" in form, f"{kind}.{name} may be of any length"


@pytest.mark.parametrize(("step_type", "inputs"), examples())
async def test_an_example_runs(bench: Bench, step_type: AnyStepType, inputs: dict[str, Any]) -> None:
    if issubclass(step_type, StepType):
        try:
            outputs: Any = await bench.run(step_type, inputs)
        except StepFailed as failed:
            if failed.error_class is ErrorClass.missing_model and torch_is_left_out():
                pytest.skip(str(failed))
            raise
    else:
        assert issubclass(step_type, InlineStepType)
        outputs = step_type().evaluate(msgspec.convert(inputs, step_type.Inputs), now())
        assert step_type.ends == isinstance(outputs, Stop), "whether it may end the instance is declared"
        if isinstance(outputs, Pause):
            assert outputs.until > now()
            outputs = outputs.outputs
        if isinstance(outputs, Wait):
            assert outputs.reason
            return  # what an answer makes of it is for the step's own tests
    msgspec.convert(to_plain(outputs), step_type.Outputs)


def test_inputs_and_outputs_survive_a_trip_as_json() -> None:
    for spec in catalog().values():
        assert msgspec.json.decode(msgspec.json.encode(spec.input_schema)) == spec.input_schema
        assert msgspec.json.decode(msgspec.json.encode(spec.output_schema)) == spec.output_schema
