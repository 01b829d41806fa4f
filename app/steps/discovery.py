"""Finds the step types: each module of this package brings those it defines; a new file appears by itself."""

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

from app import steps
from app.flow.catalog import Catalog, StepSpec, spec_of
from app.steps.base import CallStepType, Declaration

AnyStepType = type[Declaration[Any, Any]]


class StepTypeTwice(Exception):
    """Two files declare the same kind."""


@cache
def step_types() -> dict[str, AnyStepType]:
    """Every step type by its kind, hidden ones too. Raises StepTypeTwice."""
    found: dict[str, AnyStepType] = {}
    for module in sorted(pkgutil.iter_modules(steps.__path__), key=lambda one: one.name):
        if module.ispkg:
            continue
        for step_type in _declared_in(f"{steps.__name__}.{module.name}"):
            other = found.setdefault(step_type.kind, step_type)
            if other is not step_type:
                raise StepTypeTwice(
                    f"“{step_type.kind}” is declared in {other.__module__} and {step_type.__module__}"
                )
    return found


@cache
def catalog() -> Catalog:
    """What the language, the palette and the forms know about them."""
    return Catalog(map(spec, step_types().values()))


def offered(*, hidden: bool) -> Catalog:
    """What people may build with: the hidden ones, made for tests and benches, only where they are asked for.

    The engine and the workers know them all the same: what was saved while they were offered still runs.
    """
    return Catalog(one for one in catalog().values() if hidden or not one.hidden)


def spec(step_type: AnyStepType) -> StepSpec:
    """What the language knows about one step type."""
    return spec_of(
        kind=step_type.kind,
        version=step_type.version,
        lane=step_type.lane,
        title=step_type.title,
        summary=step_type.summary,
        category=step_type.category,
        hidden=step_type.hidden,
        inputs_type=step_type.Inputs,
        outputs_type=step_type.Outputs,
        examples=step_type.examples,
        timeout_s=step_type.timeout_s,
        branches=step_type.branches,
        cacheable=step_type.cacheable,
        calls=issubclass(step_type, CallStepType),
        ends=step_type.ends,
        has_address=step_type.has_address,
    )


def _declared_in(path: str) -> list[AnyStepType]:
    """The step types a module defines itself: concrete, so they have a kind."""
    return [
        value
        for value in vars(importlib.import_module(path)).values()
        if inspect.isclass(value)
        and issubclass(value, Declaration)
        and value.__module__ == path
        and hasattr(value, "kind")
    ]
