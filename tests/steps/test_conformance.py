"""Every step type, held to what all step types promise: refusals, cancels, progress, outputs, sameness.

Found, not listed: a new file in app/steps is walked by being there.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from app.engine import inline
from app.flow.catalog import PortSpec, StepSpec
from app.flow.messages import Completed, ErrorClass, Failed
from app.flow.values import BadInputs, Checker, coerce
from app.kit.clock import now
from app.kit.codec import to_plain
from app.steps.base import CallStepType, Declaration, InlineStepType, StepFailed, StepType
from app.steps.discovery import catalog, step_types
from tests.e2e.chaos.checker import reduced
from tests.patience import PATIENCE_S
from tests.steps.bench import Bench
from tests.steps.set_up import torch_is_left_out
from tests.steps.violations import allowed, forbidden

AnyStepType = type[Declaration[Any, Any]]
Inputs = dict[str, Any]

EVERY = sorted(step_types().items())
MOMENTS = (0, 1, 3, 10, 100)  # turns of the loop after which a step is cancelled


# Every value that is worked out before its step begins, with the first example's inputs around it.
PORTS = [
    pytest.param(step_type, port, step_type.examples[0].inputs, id=f"{kind}: {port.name}")
    for kind, step_type in EVERY
    for port in catalog()[kind].inputs
    if port.is_plain
]
# Every example of a step that a worker runs, and that needs no network.
WORK = [
    pytest.param(step_type, example.inputs, id=f"{kind}: {example.title}")
    for kind, step_type in EVERY
    if issubclass(step_type, StepType)
    for example in step_type.examples
    if example.runs_offline
]


def is_cacheable(example: Any) -> bool:
    """Whether its step type promises the same outputs for the same inputs."""
    return bool(example.values[0].cacheable)


def schema_of(spec: StepSpec, port: PortSpec) -> dict[str, Any]:
    """The schema of one input."""
    found: dict[str, Any] = spec.input_schema["properties"][port.name]
    return found


def is_taken_by_the_type(step_type: AnyStepType, inputs: Inputs) -> bool:
    """Whether these inputs become the struct that the step reads."""
    try:
        msgspec.convert(inputs, step_type.Inputs)
    except msgspec.ValidationError:
        return False
    return True


def is_taken_by_the_language(spec: StepSpec, inputs: Inputs) -> bool:
    """Whether a workflow with these values may be saved."""
    try:
        coerce(spec, inputs)
    except BadInputs:
        return False
    return True


async def refusal(bench: Bench, step_type: AnyStepType, inputs: Inputs) -> ErrorClass | None:
    """How the step itself, run by whoever runs it, refuses these inputs; None when it does not."""
    if issubclass(step_type, StepType):
        outcome = await bench.perform(step_type, inputs)
        return outcome.error.error_class if isinstance(outcome, Failed) else None
    try:
        if issubclass(step_type, InlineStepType):
            inline.evaluate(step_types(), step_type.kind, inputs, now())
        elif issubclass(step_type, CallStepType):
            inline.call(step_types(), step_type.kind, inputs, unused, round_number=1, last=None)
    except StepFailed as exc:
        return exc.error_class
    return None


def unused(port: str, **names: Any) -> Any:
    """Works out what is worked out later: nothing, in these tests."""
    return None


def is_left_out(exc: StepFailed) -> bool:
    """Whether a step could not run because set-up left its model's libraries out."""
    return exc.error_class is ErrorClass.missing_model and torch_is_left_out()


# Inputs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step_type", "port", "inputs"), PORTS)
async def test_what_the_schema_forbids_the_language_the_type_and_the_worker_refuse(
    bench: Bench, step_type: AnyStepType, port: PortSpec, inputs: Inputs
) -> None:
    spec = catalog()[step_type.kind]
    good: Inputs = to_plain(bench.with_samples(inputs))
    for rule, value in forbidden(schema_of(spec, port), spec.input_schema, good.get(port.name)):
        bad = {**good, port.name: value}
        assert not is_taken_by_the_type(step_type, bad), rule
        assert not is_taken_by_the_language(spec, bad), rule
        assert await refusal(bench, step_type, bad) is ErrorClass.bad_input, rule


@pytest.mark.parametrize(("step_type", "port", "inputs"), PORTS)
def test_what_the_schema_allows_the_language_and_the_type_take(
    bench: Bench, step_type: AnyStepType, port: PortSpec, inputs: Inputs
) -> None:
    spec = catalog()[step_type.kind]
    good: Inputs = to_plain(bench.with_samples(inputs))
    for _, value in allowed(schema_of(spec, port), spec.input_schema):
        msgspec.convert(coerce(spec, {**good, port.name: value}), step_type.Inputs)


@pytest.mark.parametrize(("step_type", "port", "inputs"), PORTS)
async def test_an_input_is_required_by_all_or_by_none(
    bench: Bench, step_type: AnyStepType, port: PortSpec, inputs: Inputs
) -> None:
    spec = catalog()[step_type.kind]
    without = {name: value for name, value in inputs.items() if name != port.name}
    without = to_plain(bench.with_samples(without))
    if port.required:
        assert not is_taken_by_the_type(step_type, without)
        assert not is_taken_by_the_language(spec, without)
        assert await refusal(bench, step_type, without) is ErrorClass.bad_input
    else:
        msgspec.convert(coerce(spec, without), step_type.Inputs)


# Work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step_type", "inputs"), WORK)
async def test_progress_only_grows_and_outputs_are_those_declared(
    bench: Bench, step_type: type[StepType[Any, Any]], inputs: Inputs
) -> None:
    try:
        outputs: Inputs = to_plain(await bench.run(step_type, inputs))
    except StepFailed as exc:
        if is_left_out(exc):
            pytest.skip(str(exc))
        raise
    assert bench.fractions == sorted(bench.fractions)
    assert all(0 <= fraction <= 1 for fraction in bench.fractions)
    spec = catalog()[step_type.kind]
    assert outputs.keys() == {port.name for port in spec.outputs}
    for port in spec.outputs:
        checker = Checker(spec, port, None, is_output=True)
        if outputs[port.name] is not None or not port.nullable:
            checker.check(outputs[port.name])
        assert checker.complaints == []


@pytest.mark.parametrize(("step_type", "inputs"), [one for one in WORK if is_cacheable(one)])
async def test_the_same_inputs_give_the_same_outputs_where_that_is_declared(
    bench: Bench, step_type: type[StepType[Any, Any]], inputs: Inputs
) -> None:
    try:
        first, again = [to_plain(await bench.run(step_type, inputs, seed=seed)) for seed in (1, 2)]
    except StepFailed as exc:
        if is_left_out(exc):
            pytest.skip(str(exc))
        raise
    assert reduced(first) == reduced(again)


@pytest.mark.parametrize("turns", MOMENTS)
@pytest.mark.parametrize(("step_type", "inputs"), WORK)
async def test_a_cancel_is_obeyed_at_any_moment_and_leaves_nothing_behind(
    bench: Bench, step_type: type[StepType[Any, Any]], inputs: Inputs, turns: int
) -> None:
    inputs = bench.with_samples(inputs)  # drawn before, so that the step itself is cancelled
    before = programs()
    work = asyncio.ensure_future(bench.perform(step_type, inputs))
    for _ in range(turns):
        await asyncio.sleep(0)
    work.cancel()
    done, _ = await asyncio.wait([work], timeout=PATIENCE_S)
    assert done, "it does not end"
    assert work.cancelled() or isinstance(work.result(), Completed | Failed)
    assert folders(bench) == []
    assert programs() <= before


def folders(bench: Bench) -> list[Path]:
    """The private folders that are still there."""
    return list(bench.scratch.iterdir())


def programs() -> set[int]:
    """The programs that steps of this process run now: ffmpeg and the like, not the model process."""
    found = set()
    for one in psutil.Process().children(recursive=True):
        try:
            if "workers.child" not in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.add(one.pid)
        except psutil.NoSuchProcess:
            continue
    return found
