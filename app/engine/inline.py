"""Asking an inline step: what it gives, what it makes of an answer, what it decides when time is over.

Whatever a step type does wrong becomes a StepFailed, so that a move of the engine never breaks on it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from app.engine.parts import Steps
from app.flow.messages import ErrorClass
from app.flow.mismatch import explain
from app.flow.program import ExpressionFailed, ProgramNode
from app.flow.waits import Answer
from app.kit.errors import StudioError
from app.steps.base import (
    Again,
    Call,
    CallStepType,
    Declaration,
    InlineStepType,
    Later,
    Pause,
    StepFailed,
    Stop,
    Wait,
)

Outputs = dict[str, Any]


def later_of(node: ProgramNode, scope: Mapping[str, Any]) -> Later:
    """How a step works out what is worked out while it runs."""

    def later(port: str, **names: Any) -> Any:
        try:
            return node.render_later(port, {**scope, **names})
        except ExpressionFailed as exc:
            raise StepFailed(ErrorClass.bad_input, str(exc)) from exc

    return later


def evaluate(
    steps: Steps, kind: str, inputs: dict[str, Any], now: datetime, later: Later | None = None
) -> Outputs | Pause | Wait | Stop:
    """What a step gives, or wishes instead. Raises StepFailed."""
    step, given = _ready(steps, kind, inputs, InlineStepType)
    if later is not None:
        step.later = later
    done: Outputs | Pause | Wait | Stop = _asked(kind, lambda: step.evaluate(given, now))
    return done


def answer(
    steps: Steps, kind: str, inputs: dict[str, Any], answers: Sequence[Answer], now: datetime
) -> Outputs | Wait | None:
    """What a waiting step makes of its newest answer; None: it waits on.

    Raises StepFailed; Forbidden or Invalid, from the step itself, when the answer is refused.
    """
    step, given = _ready(steps, kind, inputs, InlineStepType)
    done: Outputs | Wait | None = _asked(kind, lambda: step.answer(given, answers, now))
    return done


def expire(
    steps: Steps, kind: str, inputs: dict[str, Any], answers: Sequence[Answer], now: datetime
) -> Outputs | Wait:
    """What a waiting step decides when its time is over. Raises StepFailed."""
    step, given = _ready(steps, kind, inputs, InlineStepType)
    done: Outputs | Wait = _asked(kind, lambda: step.expire(given, answers, now))
    return done


def call(
    steps: Steps,
    kind: str,
    inputs: dict[str, Any],
    later: Later,
    *,
    round_number: int,
    last: dict[str, Any] | None,
) -> Call:
    """What a calling step runs in a round. Raises StepFailed."""
    step, given = _ready(steps, kind, inputs, CallStepType)
    step.later = later
    wanted: Call = _asked(kind, lambda: step.call(given, round_number, last))
    return wanted


def returned(
    steps: Steps, kind: str, inputs: dict[str, Any], later: Later, *, round_number: int, outputs: Outputs
) -> Outputs | Again:
    """What a calling step makes of a round's outputs. Raises StepFailed."""
    step, given = _ready(steps, kind, inputs, CallStepType)
    step.later = later
    said: Outputs | Again = _asked(kind, lambda: step.returned(given, round_number, outputs))
    return said


S = TypeVar("S", bound=Declaration[Any, Any])


def _ready(steps: Steps, kind: str, inputs: dict[str, Any], base: type[S]) -> tuple[S, Any]:
    """The step and its typed inputs. Raises StepFailed."""
    step_type = steps.get(kind)
    if step_type is None or not issubclass(step_type, base):
        raise StepFailed(
            ErrorClass.bug,
            f"The step type {kind} is not installed on this box any more.",
            remedy="Install it again, or replace the step in a new version of the workflow.",
        )
    try:
        return step_type(), msgspec.convert(inputs, step_type.Inputs)
    except msgspec.ValidationError as exc:
        message = explain(str(exc), step_type.Inputs).message
        raise StepFailed(ErrorClass.bad_input, message, remedy="Correct the step's inputs.") from exc


def _asked(kind: str, ask: Callable[[], Any]) -> Any:
    """What the step says, outputs as plain values. Raises StepFailed and what refuses an answer."""
    try:
        said = ask()
    except (StepFailed, StudioError):
        raise
    except Exception as exc:
        raise StepFailed(ErrorClass.bug, f"{kind} failed unexpectedly: {type(exc).__name__}.") from exc
    if said is None or isinstance(said, Pause | Wait | Stop | Call | Again):
        return said
    return msgspec.to_builtins(said, str_keys=True)
