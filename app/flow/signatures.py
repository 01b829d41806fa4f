"""What a workflow takes and gives, as the steps that run it see it; and which workflows a document runs.

The language does no I/O: whoever checks a document looks up the workflows that `calls_of` names and hands
their signatures to the checker. Without them everything about those workflows is believed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from app.flow.catalog import StepSpec
from app.flow.definition import Input

MAX_BODIES: Final = 4  # levels of bodies in bodies; deeper ones are workflows of their own
WORKFLOW: Final = "workflow"  # the inputs that name what a step runs
VERSION: Final = "version"
INPUTS: Final = "inputs"


class Called(msgspec.Struct, frozen=True):
    """A workflow that a document names."""

    workflow: str
    version: int | None = None


class Signature(msgspec.Struct, frozen=True):
    """Inputs by name, and the types of the outputs; a type is `json` where only a run can tell."""

    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]


Signatures = Mapping[Called, Signature]


def called_by(spec: StepSpec, values: Mapping[str, Any]) -> Called | None:
    """The workflow that a node of this type and these values runs, where the document says which."""
    workflow, version = values.get(WORKFLOW), values.get(VERSION)
    if not spec.calls or not isinstance(workflow, str) or "{{" in workflow:
        return None
    return Called(workflow, version if isinstance(version, int) and not isinstance(version, bool) else None)


def calls_of(raw: Any, catalog: Mapping[str, StepSpec], depth: int = 0) -> Iterator[Called]:
    """Every workflow that a document runs, also from bodies; whatever else is wrong with it."""
    nodes = raw.get("nodes") if isinstance(raw, dict) else None
    for node in nodes if isinstance(nodes, list) and depth <= MAX_BODIES else ():
        kind, values = (node.get("type"), node.get("with")) if isinstance(node, dict) else (None, None)
        spec = catalog.get(kind) if isinstance(kind, str) else None
        if spec is None or not isinstance(values, dict):
            continue
        if (called := called_by(spec, values)) is not None:
            yield called
        for port in spec.inputs:
            if port.is_body:
                yield from calls_of(values.get(port.name), catalog, depth + 1)
