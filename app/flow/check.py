"""Is this document a workflow that can run? Every complaint at once, each with node, field and column."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from app.flow.analysis import Analysis
from app.flow.catalog import PortSpec, StepSpec
from app.flow.complaints import About, Complaints, Enough
from app.flow.definition import Input
from app.flow.document import read
from app.flow.forms import check_form
from app.flow.inputs import default_complaints
from app.flow.links import Links
from app.flow.names import Names
from app.flow.parts import NodeParts
from app.flow.port_rules import fits, item_of
from app.flow.signatures import INPUTS, Signature, Signatures
from app.flow.templates import Constant, Items, Joined, Members, Template, Whole
from app.flow.values import Checker, unknown_field
from app.flow.wording import say_type, suggestion
from app.kit.errors import Complaint


def check(raw: Any, catalog: Mapping[str, StepSpec], signatures: Signatures | None = None) -> list[Complaint]:
    """Everything that keeps this document from running, in the order a reader meets it.

    `signatures`: of the workflows that `calls_of` finds in it; None: what it says of them is believed.
    """
    complaints = Complaints()
    places: dict[str, int] = {}
    with suppress(Enough):
        reading = read(raw, complaints)
        places = reading.places
        for name, wanted in reading.definition.inputs.items():
            for complaint in default_complaints(f"inputs.{name}", wanted):
                complaints.put(complaint)
        analysis = Analysis(reading, catalog, complaints, signatures=signatures)
        _check_fields(analysis)
    return sorted(complaints.listed(), key=lambda each: _place(each, places))


def check_shape(raw: Any) -> list[Complaint]:
    """What is wrong whatever the step types are: the form, defaults that do not fit, waits without end.

    Values are believed: what they mean, their types know.
    """
    complaints = Complaints()
    places: dict[str, int] = {}
    with suppress(Enough):
        reading = read(raw, complaints)
        places = reading.places
        for name, wanted in reading.definition.inputs.items():
            for complaint in default_complaints(f"inputs.{name}", wanted):
                complaints.put(complaint)
        nodes = {
            node.id: NodeParts(node=node, spec=None, values={}, when=None, each=None)
            for node in reading.definition.nodes
        }
        names = Names(inputs={}, steps=dict.fromkeys((*nodes, *reading.broken_nodes)))
        Links(nodes, names, complaints).graph()
    return sorted(complaints.listed(), key=lambda each: _place(each, places))


def signature_of(raw: Any, catalog: Mapping[str, StepSpec]) -> Signature:
    """What a saved workflow takes and gives, as far as its document tells today."""
    complaints = Complaints()
    with suppress(Enough):
        return Analysis(read(raw, complaints), catalog, complaints).signature()
    return Signature(inputs={}, outputs={})


def _check_fields(analysis: Analysis) -> None:
    """The values of every node, also of those in bodies."""
    for parts in analysis.nodes.values():
        if parts.spec is not None:
            _FieldCheck(analysis, parts, parts.spec, analysis.complaints).run()
        if parts.body is not None:
            for name, wanted in parts.body.definition.inputs.items():
                for complaint in default_complaints(name, wanted):
                    parts.body.complaints.put(complaint)
            _check_fields(parts.body)


def _place(complaint: Complaint, places: Mapping[str, int]) -> int:
    """Where the node of a complaint stands; one in a body stands where its outermost node does."""
    return -1 if complaint.node is None else places.get(complaint.node.partition(".")[0], 0)


class _FieldCheck:
    """The values of one node against the inputs of its step type."""

    def __init__(self, analysis: Analysis, parts: NodeParts, spec: StepSpec, complaints: Complaints) -> None:
        self._analysis = analysis
        self._parts = parts
        self._spec = spec
        self._node = parts.node
        self._complaints = complaints
        self._complain = About(complaints, parts.node.id)

    def run(self) -> None:
        """Complain about what is missing, what is too much and what does not fit."""
        for port in self._spec.inputs:
            if port.required and port.name not in self._node.with_:
                title = f" ({port.title})" if port.title else ""
                self._complain(f"with.{port.name}", None, f"“{port.name}”{title} is required and not given.")
        for name, template in (*self._parts.values.items(), *self._parts.later.items()):
            taking = self._spec.input(name)
            if taking is None:
                self._complain(f"with.{name}", None, unknown_field(self._spec, name))
            elif taking.secret:
                self._complain(
                    f"with.{name}",
                    None,
                    f"“{name}” is a secret and is never written into a workflow; "
                    "secrets are not available in this version.",
                )
            else:
                self._check_port(taking, template)

        self._check_call()

    def _check_call(self) -> None:
        """The inputs of the workflow that the node runs, where they can be told apart."""
        called, given = self._parts.called, self._node.with_.get(INPUTS, {})
        if called is None or not isinstance(given, dict):
            return
        template = self._parts.values.get(INPUTS) or self._parts.later.get(INPUTS)
        members = template.members if isinstance(template, Members) else {}
        for name, wanted in called.inputs.items():
            field = f"with.{INPUTS}.{name}"
            if given.get(name) is None and wanted.is_required:
                self._complain(field, None, f"The workflow wants “{name}”: {say_type(wanted.type)}.")
            elif name in given and isinstance(members.get(name), Whole | Joined):
                self._check_type(members[name], wanted.type, field, _input_port(name, wanted))
        for name in given:
            if name not in called.inputs:
                hint = suggestion(str(name), called.inputs)
                self._complain(f"with.{INPUTS}.{name}", None, f"The workflow has no input “{name}”.{hint}")

    def _check_port(self, port: PortSpec, template: Template) -> None:
        self._check_type(template, port.type, f"with.{port.name}", port)
        value = self._node.with_[port.name]
        if value is None and (port.nullable or not port.required):
            return
        checker = Checker(self._spec, port, self._node.id, has_templates=True)
        checker.check(value)
        for complaint in checker.complaints:
            self._complaints.put(complaint)
        if port.is_form and isinstance(value, dict):
            check_form(value, self._complaints, self._node.id, f"with.{port.name}")

    def _check_type(self, template: Template, wanted: str, field: str, port: PortSpec) -> None:
        """The type of every expression against the port, or the item of a list, it stands in."""
        match template:
            case Whole(expression):
                given = expression.type
                null_fits = given == "null" and (port.nullable or not port.required)
                if self._analysis.is_sound(expression) and not null_fits and not fits(given, wanted):
                    message = f"{_of(field)} wants {say_type(wanted)}, but this gives {say_type(given)}."
                    self._complain(field, expression.column, message + _hint(given, wanted))
            case Joined():
                if not fits("text", wanted):
                    message = (
                        f"{_of(field)} wants {say_type(wanted)}, but text around an expression makes text."
                    )
                    self._complain(field, None, message)
            case Items(items):
                inner = item_of(wanted)
                for index, item in enumerate(items if inner is not None else ()):
                    self._check_type(item, inner or "json", f"{field}[{index}]", port)
            case Constant() | Members():
                return  # the schema judges what stands in the document itself


def _input_port(name: str, wanted: Input) -> PortSpec:
    return PortSpec(name=name, type=wanted.type, required=wanted.is_required, nullable=wanted.may_be_null)


def _of(field: str) -> str:
    return f"“{field.removeprefix('with.')}”"


def _hint(given: str, wanted: str) -> str:
    """What usually mends a mismatch."""
    if item_of(given) is not None and fits(item_of(given) or "", wanted):
        return " Pick one item with […], or run the step once an item with “each”."
    if item_of(wanted) is not None and fits(given, item_of(wanted) or ""):
        return " Make a list of it: {{ [ … ] }}."
    if wanted == "text" and given in {"number", "integer", "boolean"}:
        return " Turn it into text with string(…)."
    return ""
