"""A workflow ready to run: compiled once for each version and kept, asked by the engine at every move.

A scope is a plain dict: {"inputs": {…}, "steps": {id: {"outputs": {…}, "status", "error"}}, "item": …,
"index": …, "instance": {…}, "organization": {…}, "callbacks": {id: address}} (instance and organization from
facts.py). What is missing reads as null.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import msgspec

from app.flow.analysis import Analysis
from app.flow.catalog import StepSpec
from app.flow.complaints import Complaints, Enough
from app.flow.definition import Cache, Definition, Go, Join, Mode, OnError, Retry
from app.flow.document import Reading
from app.flow.each import Each, Spread
from app.flow.graph import Edge, Graph
from app.flow.messages import Lane
from app.flow.parts import NodeParts
from app.flow.placed import ExpressionFailed, Scope
from app.flow.templates import Template
from app.flow.values import BadInputs, Checker, coerce
from app.flow.wording import say_value
from app.kit.errors import Invalid

__all__ = ["ExpressionFailed", "Program", "ProgramNode", "coerce", "compile_program"]


class ProgramNode(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a program: its rules, and its values to be rendered."""

    id: str
    kind: str
    version: int
    lane: Lane
    spec: StepSpec
    ports: tuple[str, ...]  # the names of its outputs
    dependencies: frozenset[str]
    edges: Mapping[str, Edge]  # of those dependencies that lead here only in some cases
    successors: tuple[str, ...]
    reads: frozenset[str]  # the nodes whose outputs its expressions read
    asks: frozenset[str]  # the inputs of the workflow that they read
    callbacks: frozenset[str]  # the nodes whose addresses they read
    timeout_s: float | None
    retry: tuple[Retry, ...]  # by class of failure
    max_parallel: int | None
    reuses: bool  # what it gave on the same inputs before is given again
    collects: bool  # of a fan-out: failed items leave null in their place, and the others go on
    join: Join
    on_error: OnError | Go
    priority: int
    mode: Mode
    when: Template | None
    each: Each | None
    values: Mapping[str, Template]
    later: Mapping[str, Template] = {}  # worked out while the step runs

    @property
    def has_each(self) -> bool:
        """Whether the step runs once for each item of a list."""
        return self.each is not None

    @property
    def is_nested(self) -> bool:
        """Whether it is a fan-out over lists in lists."""
        return self.each is not None and len(self.each.levels) > 1

    def evaluate_when(self, scope: Scope) -> bool:
        """Whether the step is to run. Raises ExpressionFailed."""
        if self.when is None:
            return True
        answer = self.when.render(scope)
        if not isinstance(answer, bool):
            raise ExpressionFailed(
                self.id, "when", None, f"“when” wants true or false, not {say_value(answer)}."
            )
        return answer

    def evaluate_each(self, scope: Scope) -> Spread:
        """The items the step runs for. Raises ExpressionFailed."""
        return Spread(([],), 0) if self.each is None else self.each.expand(self.id, scope)

    def render(self, scope: Scope, given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """The values of `with`, every expression resolved, as the step type takes them.

        `given`: values in place of what is written. Raises ExpressionFailed, also for a value that does not
        fit its input: before a worker sees it.
        """
        values = {name: template.render(scope) for name, template in self.values.items() if name not in given}
        values |= given
        try:
            return coerce(self.spec, values, self.id)
        except BadInputs as exc:
            raise ExpressionFailed(self.id, exc.complaints[0].field or "with", None, exc.detail) from None

    def render_later(self, port: str, scope: Scope) -> Any:
        """A value that is worked out while the step runs; null where nothing was written.

        Raises ExpressionFailed, also for a value that does not fit its input.
        """
        template, taking = self.later.get(port), self.spec.input(port)
        value = None if template is None else template.render(scope)
        if value is None or taking is None:
            return None
        checker = Checker(self.spec, taking, self.id)
        fitting = checker.check(value)
        if checker.complaints:
            first = checker.complaints[0]
            raise ExpressionFailed(self.id, first.field or "with", None, first.message)
        return fitting


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled workflow. `order` names each node after all it depends on; `roots` depend on nothing."""

    definition: Definition
    nodes: Mapping[str, ProgramNode]
    order: tuple[str, ...]
    roots: tuple[str, ...]
    outputs: Mapping[str, Template]
    bodies: Mapping[str, "Program"] = {}  # the workflows written into nodes, by node
    callbacks: frozenset[str] = frozenset()  # the nodes whose address some expression reads

    def within(self, body: str) -> "Program":
        """The program of a node's body, named by the nodes it lies in: `again/inner`; itself for no name."""
        found = self
        for node in body.split("/") if body else ():
            found = found.bodies[node]
        return found

    def evaluate_outputs(self, scope: Scope) -> dict[str, Any]:
        """The outputs of the instance. Raises ExpressionFailed (its node is None)."""
        return {name: template.render(scope) for name, template in self.outputs.items()}


def compile_program(definition: Definition, catalog: Mapping[str, StepSpec]) -> Program:
    """The program of a definition that was checked when it was saved.

    Raises Invalid with complaints when the step types have changed since: a type that is gone, an output
    that is no longer there.
    """
    complaints = Complaints()
    analysis = None
    with suppress(Enough):
        analysis = Analysis(Reading(definition=definition), catalog, complaints)
    if analysis is None or analysis.graph is None or complaints:
        raise Invalid(
            "This workflow does not fit the step types of this Studio any more.",
            remedy="Open it in the editor, mend what is marked, and save a new version.",
            complaints=complaints.listed(),
        )
    return _program_of(analysis)


def _program_of(analysis: Analysis) -> Program:
    """The program of a document without complaints, and of the bodies in it."""
    graph = analysis.graph
    if graph is None:
        raise ValueError("a document without complaints has a graph")
    return Program(
        definition=analysis.definition,
        nodes={
            name: _node_of(parts, parts.spec, graph)
            for name, parts in analysis.nodes.items()
            if parts.spec is not None
        },
        order=graph.order,
        roots=graph.roots,
        outputs=analysis.outputs,
        callbacks=analysis.callbacks(),
        bodies={
            name: _program_of(parts.body) for name, parts in analysis.nodes.items() if parts.body is not None
        },
    )


def _node_of(parts: NodeParts, spec: StepSpec, graph: Graph) -> ProgramNode:
    node = parts.node
    return ProgramNode(
        id=node.id,
        kind=spec.kind,
        version=spec.version,
        lane=spec.lane,
        spec=spec,
        ports=tuple(port.name for port in spec.outputs),
        dependencies=graph.dependencies[node.id],
        edges=parts.edges,
        successors=graph.successors[node.id],
        reads=parts.reads,
        asks=parts.asks,
        callbacks=parts.callbacks,
        timeout_s=spec.timeout_s if node.timeout_s is None else node.timeout_s,
        retry=(node.retry,) if isinstance(node.retry, Retry) else node.retry,
        max_parallel=node.max_parallel,
        join=node.join,
        reuses=spec.cacheable if node.cache is None else node.cache is Cache.on,
        collects=parts.collects,
        on_error=node.on_error,
        priority=node.priority,
        mode=node.mode,
        when=parts.when,
        each=parts.each,
        values=parts.values,
        later=parts.later,
    )
