"""Is this document a workflow that can run? Every complaint at once, each with node, field and column."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from app.flow.analysis import Analysis, NodeParts
from app.flow.catalog import PortSpec, StepSpec
from app.flow.complaints import About, Complaints, Enough
from app.flow.document import read
from app.flow.inputs import default_complaints
from app.flow.port_rules import fits, item_of
from app.flow.templates import Constant, Items, Joined, Members, Template, Whole
from app.flow.values import Checker, unknown_field
from app.flow.wording import say_type
from app.kit.errors import Complaint


def check(raw: Any, catalog: Mapping[str, StepSpec]) -> list[Complaint]:
    """Everything that keeps this document from running, in the order a reader meets it."""
    complaints = Complaints()
    places: dict[str, int] = {}
    with suppress(Enough):
        reading = read(raw, complaints)
        places = reading.places
        for name, wanted in reading.definition.inputs.items():
            for complaint in default_complaints(name, wanted):
                complaints.put(complaint)
        analysis = Analysis(reading, catalog, complaints)
        for parts in analysis.nodes.values():
            if parts.spec is not None:
                _FieldCheck(analysis, parts, parts.spec, complaints).run()
    return sorted(complaints.listed(), key=lambda each: -1 if each.node is None else places.get(each.node, 0))


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
        for name, template in self._parts.values.items():
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

    def _check_port(self, port: PortSpec, template: Template) -> None:
        self._check_type(template, port.type, f"with.{port.name}", port)
        value = self._node.with_[port.name]
        if value is None and (port.nullable or not port.required):
            return
        checker = Checker(self._spec, port, self._node.id, has_templates=True)
        checker.check(value)
        for complaint in checker.complaints:
            self._complaints.put(complaint)

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
