"""A definition taken apart and typed: templates, references, graph. The checker and the compiler share it.

Every step here goes on after a fault, so that one look gives every complaint; a name that is already
complained about is believed afterwards and not complained about twice.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from app.flow.catalog import StepSpec
from app.flow.complaints import About, Complaints, Within
from app.flow.definition import Cache, Definition, Node
from app.flow.document import Reading, read
from app.flow.each import build_each
from app.flow.graph import Graph
from app.flow.links import Links
from app.flow.messages import Lane
from app.flow.names import FAILED, Inside, Names
from app.flow.parts import NodeParts, named
from app.flow.placed import Expression
from app.flow.port_rules import list_of
from app.flow.signatures import MAX_BODIES, WORKFLOW, Signature, Signatures, called_by
from app.flow.templates import Builder, Constant, Joined, Template, Whole, expressions_in
from app.flow.typist import Typist
from app.flow.wording import say_type, say_value, suggestion

_IN_RULE: Final = "“{0}” is not known here: this is decided once for the step, before its list is opened."


class Analysis:
    """Everything the language can tell about a definition before it runs. Raises Enough on the way."""

    def __init__(
        self,
        reading: Reading,
        catalog: Mapping[str, StepSpec],
        complaints: Complaints,
        *,
        signatures: Signatures | None = None,
        builder: Builder | None = None,
        depth: int = 0,
    ) -> None:
        """`signatures`: of the workflows that nodes run; None: they are not known, and believed.

        `builder`: of the document this one is a body of; the bounds of a document hold for all of it.
        """
        self.definition: Definition = reading.definition
        self.complaints = complaints
        self.graph: Graph | None = None
        self.unsound: set[int] = set()  # ids of expressions already complained about
        self._reading = reading
        self._catalog = catalog
        self._signatures = signatures
        self._depth = depth
        builder = builder or Builder()
        self.nodes = {node.id: self._take_apart(node, builder) for node in self.definition.nodes}
        self.outputs = {
            name: builder.build(value, None, f"outputs.{name}", self._complainer(None))
            for name, value in self.definition.outputs.items()
        }
        self._names = self._gather_names()
        self._dependencies: Mapping[str, set[str]] = {}
        self._settle()
        self._connect()

    def _take_apart(self, node: Node, builder: Builder) -> NodeParts:
        complain = self._complainer(node.id)
        spec = self._catalog.get(node.type)
        if spec is None and node.type:
            hint = suggestion(node.type, self._catalog, limit=0)
            complain("type", None, f"There is no step type “{node.type}”.{hint}")
        if node.cache is Cache.on and spec is not None and spec.lane == Lane.inline:
            complain("cache", None, f"Only what a worker makes is kept; {spec.kind} is done in no time.")
        ports = {} if spec is None else {port.name: port for port in spec.inputs}
        values: dict[str, Template] = {}
        later: dict[str, Template] = {}
        body: Analysis | None = None
        for name, value in node.with_.items():
            port = ports.get(name)
            if port is not None and port.is_body:
                body = self._read_body(node, name, value, builder)
            elif port is not None and port.locals:
                later[name] = builder.build(value, node.id, f"with.{name}", complain)
            else:
                values[name] = builder.build(value, node.id, f"with.{name}", complain)
        return NodeParts(
            node=node,
            spec=spec,
            values=values,
            later=later,
            body=body,
            called=self._called_by(node, spec, body),
            when=None if node.when is None else builder.build(node.when, node.id, "when", complain),
            each=None if node.each is None else build_each(node.each, node.id, builder, complain),
        )

    def _read_body(self, node: Node, field: str, raw: Any, builder: Builder) -> "Analysis | None":
        """The workflow written into a node; None where none is, or it lies too deep."""
        if raw is None:
            return None
        complaints = Within(self.complaints, node.id, f"with.{field}")
        if not isinstance(raw, dict):
            complaints.add(f"The steps of a node are an object {{…}} with “nodes”, not {say_value(raw)}.")
            return None
        if self._depth >= MAX_BODIES:
            complaints.add(
                f"Steps are written into steps at most {MAX_BODIES} levels deep; make a workflow of these."
            )
            return None
        reading = read({"schema": self.definition.schema, **raw}, complaints)
        if reading.definition.concurrency is not None:
            complaints.add("Only a whole workflow has a limit.", field="concurrency")
        return Analysis(
            reading,
            self._catalog,
            complaints,
            signatures=self._signatures,
            builder=builder,
            depth=self._depth + 1,
        )

    def _called_by(self, node: Node, spec: StepSpec | None, body: "Analysis | None") -> Signature | None:
        """What the workflow that a node runs takes and gives. Complains when there is none."""
        if spec is None or not spec.calls:
            return None
        complain = self._complainer(node.id)
        called = called_by(spec, node.with_)
        bodies = [node.with_.get(port.name) for port in spec.inputs if port.is_body]
        if bodies and (bodies[0] is None) == (node.with_.get(WORKFLOW) is None):
            complain("with.body", None, "Write either steps of its own (body) or the id of a workflow.")
        if body is not None:
            return body.signature()
        if called is None:
            if "{{" in str(node.with_.get(WORKFLOW)):
                complain(
                    "with.workflow",
                    None,
                    "Which workflow runs is fixed when this one is saved: write its id.",
                )
            return None
        if self._signatures is None:
            return None
        if called not in self._signatures:
            what = "workflow" if called.version is None else f"version {called.version} of a workflow"
            complain("with.workflow", None, f"There is no {what} with the id {called.workflow} here.")
        return self._signatures.get(called)

    def signature(self) -> Signature:
        """What this workflow takes and gives."""
        return Signature(
            inputs=self.definition.inputs,
            outputs={name: self._type_of(template) for name, template in self.outputs.items()},
        )

    def callbacks(self) -> frozenset[str]:
        """The nodes whose address some expression reads."""
        outputs = [each for template in self.outputs.values() for each in expressions_in(template)]
        return frozenset(named(outputs, "callbacks")).union(*(one.callbacks for one in self.nodes.values()))

    def _type_of(self, template: Template) -> str:
        match template:
            case Whole(expression) if self.is_sound(expression):
                return _PORT_TYPES.get(expression.type, expression.type)
            case Joined() | Constant(str()):
                return "text"
            case Constant(bool()):
                return "boolean"
            case Constant(int() | float()):
                return "number"
            case _:
                return "json"

    def _gather_names(self) -> Names:
        inputs: dict[str, str | None] = {name: each.type for name, each in self.definition.inputs.items()}
        steps: dict[str, Mapping[str, str] | None] = {
            name: self._outputs_of(parts) for name, parts in self.nodes.items()
        }
        return Names(
            inputs=inputs | dict.fromkeys(self._reading.broken_inputs),
            steps=steps | dict.fromkeys(self._reading.broken_nodes),
            nullable=frozenset(name for name, each in self.definition.inputs.items() if each.may_be_null),
            callbacks={
                name: parts.each is not None
                for name, parts in self.nodes.items()
                if parts.spec is None or parts.spec.has_address
            }
            | dict.fromkeys(self._reading.broken_nodes, False),
        )

    def _outputs_of(self, parts: NodeParts) -> dict[str, str] | None:
        """A step's outputs as expressions see them: lists where it runs once an item; None: not known."""
        if parts.spec is None or (parts.spec.calls and parts.called is None):
            return None
        outputs = {port.name: port.type for port in parts.spec.outputs}
        outputs |= parts.called.outputs if parts.called else {}
        for _ in parts.each.levels if parts.each else ():
            outputs = {name: list_of(kind) for name, kind in outputs.items()}
        if not parts.collects:
            return outputs
        if FAILED in outputs:
            self._complainer(parts.node.id)(
                "on_item_error",
                None,
                f"{parts.spec.kind} has an output “{FAILED}” of its own, where the failed items are listed.",
            )
        return {**outputs, FAILED: "json[]"}

    def _settle(self) -> None:
        """Find every name, then type every expression: lists first, for items get their type from them.

        Names come before types as far as they can, so that few environments know them all.
        """
        typist = Typist(self._names)
        in_rules = msgspec.structs.replace(self._names, no_item=_IN_RULE)
        outputs = [each for template in self.outputs.values() for each in expressions_in(template)]
        every = self.nodes.values()
        for parts in every:
            has_items = parts.each is not None
            self._resolve(typist, parts.opening_expressions(), in_rules if has_items else self._names)
            if not has_items:
                self._resolve(typist, parts.value_expressions(), self._names)
                self._resolve_later(typist, parts, self._names)
        self._resolve(typist, outputs, self._names)
        for parts in every:
            self._type(typist, parts.opening_expressions(), None)
            self._check_when(parts)
            self._open_lists(typist, parts)
        for parts in every:
            if parts.inside is not None:
                within = self._names.within(parts.inside)
                self._resolve(typist, parts.value_expressions(), within)
                self._resolve_later(typist, parts, within)
        for parts in every:
            self._type(typist, parts.value_expressions(), parts.inside)
            for name, template in parts.later.items():
                self._type(typist, expressions_in(template), parts.inside, parts.locals_of(name))
        self._type(typist, outputs, None)

    def _resolve(self, typist: Typist, expressions: Iterable[Expression], names: Names) -> None:
        for expression in expressions:
            if not typist.resolve(expression, names, self._complainer(expression.node)):
                self.unsound.add(id(expression))

    def _resolve_later(self, typist: Typist, parts: NodeParts, names: Names) -> None:
        for name, template in parts.later.items():
            self._resolve(typist, expressions_in(template), names.with_locals(parts.locals_of(name)))

    def _type(
        self,
        typist: Typist,
        expressions: Iterable[Expression],
        inside: Inside | None,
        local: Mapping[str, str] | None = None,
    ) -> None:
        for expression in expressions:
            if self.is_sound(expression) and not typist.settle(
                expression, inside, self._complainer(expression.node), local or {}
            ):
                self.unsound.add(id(expression))

    def _open_lists(self, typist: Typist, parts: NodeParts) -> None:
        """What the items of each list are, from the outside in: an inner list may come from an outer item."""
        if parts.each is None:
            return
        for depth, level in enumerate(parts.each.levels):
            if parts.inside is not None:
                self._resolve(typist, parts.each.expressions(depth), self._names.within(parts.inside))
                self._type(typist, parts.each.expressions(depth), parts.inside)
            inside = level.inside(self.is_sound, self._complainer(parts.node.id))
            parts.inside = msgspec.structs.replace(inside, outer=parts.inside)

    def is_sound(self, expression: Expression) -> bool:
        """Whether an expression's type may be trusted."""
        return id(expression) not in self.unsound

    def _check_when(self, parts: NodeParts) -> None:
        """`when` gives true or false."""
        complain = self._complainer(parts.node.id)
        match parts.when:
            case Whole(expression) if self.is_sound(expression) and expression.type not in {
                "boolean",
                "json",
            }:
                complain(
                    "when", expression.column, f"“when” wants true or false, not {say_type(expression.type)}."
                )
            case None | Whole() | Constant(bool()) | Constant(None):
                pass
            case _:
                complain("when", None, "“when” is true, false or one expression: {{ inputs.count > 3 }}.")

    def _connect(self) -> None:
        """The graph from references, `needs` and `on_error`; complains about circles too."""
        links = Links(self.nodes, self._names, self.complaints)
        self._dependencies = links.dependencies
        self.graph = links.graph()

    def names_at(self, node: str | None, field: str) -> Names:
        """What may be read in a field of a node, or of the document: of other steps, those that do not wait
        for this one."""
        parts = None if node is None else self.nodes.get(node)
        if node is None:
            return self._names
        later = {node} | self._behind(node)
        names = msgspec.structs.replace(
            self._names,
            steps={name: outputs for name, outputs in self._names.steps.items() if name not in later},
        )
        if parts is None:
            return names
        inside = parts.inside
        if field == "when" or field.startswith("each"):
            level = re.match(r"each\.nested\[(\d+)\]", field)
            depth = 0 if parts.each is None else len(parts.each.levels)
            for _ in range(depth - (int(level[1]) if level else 0)):
                inside = None if inside is None else inside.outer
        if inside is not None:
            names = names.within(inside)
        port = field.removeprefix("with.").partition(".")[0].partition("[")[0]
        return names.with_locals(parts.locals_of(port)) if port in parts.later else names

    def _behind(self, node: str) -> set[str]:
        """The nodes that wait for this one, directly or through others."""
        waiting: dict[str, list[str]] = {}
        for name, needed in self._dependencies.items():
            for each in needed:
                waiting.setdefault(each, []).append(name)
        found: set[str] = set()
        frontier = [node]
        while frontier:
            for name in waiting.get(frontier.pop(), ()):
                if name not in found:
                    found.add(name)
                    frontier.append(name)
        return found

    def _complainer(self, node: str | None) -> About:
        return About(self.complaints, node)


# What an expression gives, by the names that ports know.
_PORT_TYPES: Final = {"integer": "number", "map": "json", "null": "json"}
