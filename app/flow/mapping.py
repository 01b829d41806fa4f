"""From a web request to the inputs of a run: by expressions over the request, or by the names of the inputs.

Expressions are those of workflows, over other names: `body` (parsed), `headers` (names in small letters),
`query` and `method`. `{"title": "{{ body.title }}", "event": "{{ headers['x-github-event'] }}"}`
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from app.flow.complaints import About, Complaints, Enough
from app.flow.definition import MAX_DEPTH, Definition, Input
from app.flow.expressions import Environment
from app.flow.fault import Fault
from app.flow.inputs import prepare_inputs
from app.flow.names import Variable
from app.flow.placed import Complain
from app.flow.port_rules import fits
from app.flow.scanner import ROOTS, Path
from app.flow.sizes import depth_of
from app.flow.templates import Builder, Constant, Joined, Template, Whole, expressions_in
from app.flow.wording import say_type, suggestion
from app.kit.errors import Complaint, Invalid

WHOLE_BODY: Final = "payload"  # an input of this name takes the body as it is
_TYPES: Final = {"body": "json", "headers": "map", "query": "map", "method": "text"}
_KNOWN: Final = "a request has “body”, “headers”, “query” and “method”."


class WebRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says, as expressions read it."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any

    def scope(self) -> dict[str, Any]:
        """The names of a mapping."""
        return {"body": self.body, "headers": self.headers, "query": self.query, "method": self.method}


class InputMapping:
    """A mapping that was read and typed once, for any number of requests."""

    def __init__(self, values: Mapping[str, Template]) -> None:
        self.values = values

    def render(self, request: WebRequest) -> dict[str, Any]:
        """The inputs this request gives. Raises ExpressionFailed."""
        scope = request.scope()
        return {name: template.render(scope) for name, template in self.values.items()}


def compile_mapping(raw: Mapping[str, Any]) -> InputMapping:
    """The mapping, ready to run. Raises Invalid with every complaint: names, types, braces, columns."""
    complaints = Complaints()
    values: dict[str, Template] = {}
    with suppress(Enough):
        complain = About(complaints, None)
        builder = Builder((*_TYPES, *ROOTS))
        for name, value in raw.items():
            if depth_of(value, MAX_DEPTH) > MAX_DEPTH:
                complain(f"inputs.{name}", None, f"This is nested more than {MAX_DEPTH} levels deep.")
                continue
            values[name] = builder.build(value, None, f"inputs.{name}", complain)
        _type(values, complain)
    _refuse(complaints.listed())
    return InputMapping(values)


def check_mapping(mapping: InputMapping, definition: Definition) -> None:
    """Whether a mapping fits these inputs, as far as that is known before a request. Raises Invalid."""
    complaints: list[Complaint] = []
    for name, template in mapping.values.items():
        wanted = definition.inputs.get(name)
        field = f"inputs.{name}"
        if wanted is None:
            hint = suggestion(name, definition.inputs)
            complaints.append(Complaint(message=f"There is no input “{name}”.{hint}", field=field))
        else:
            complaints += _unfit(name, template, wanted, definition)
    complaints += [
        Complaint(
            message=f"“{wanted.label or name}” is required: {say_type(wanted.type)}.", field=f"inputs.{name}"
        )
        for name, wanted in definition.inputs.items()
        if wanted.is_required and name not in mapping.values
    ]
    _refuse(complaints)


def take_by_name(request: WebRequest, definition: Definition) -> dict[str, Any]:
    """Inputs without a mapping: fields of the body, else of the query, by the names of the inputs.

    What the workflow does not ask for is left out; an input `payload` takes the whole body.
    """
    fields = {**request.query, **(request.body if isinstance(request.body, dict) else {})}
    found = {name: fields[name] for name in definition.inputs if name in fields}
    if WHOLE_BODY in definition.inputs and WHOLE_BODY not in found:
        found[WHOLE_BODY] = request.body
    return found


class _RequestNames:
    """The vocabulary of a mapping."""

    @staticmethod
    def resolve(path: Path) -> tuple[Variable, tuple[str | int, ...]]:
        """The variable at the head of a path, and what is asked of it. Raises Fault."""
        if path.root not in _TYPES:
            raise Fault(path.starts[0], f"There is no “{path.root}” here; {_KNOWN}")
        return Variable(path.root, (path.root,), _TYPES[path.root]), path.parts[1:]


def _type(values: Mapping[str, Template], complain: Complain) -> None:
    environment = Environment(_TYPES)
    for template in values.values():
        for expression in expressions_in(template):
            if expression.resolve(_RequestNames(), complain) and not expression.is_path:
                expression.compile(environment, _in_our_words(complain))


def _in_our_words(complain: Complain) -> Complain:
    """What the language says about an unknown name speaks of workflows; a request has other names."""

    def say(field: str | None, column: int | None, message: str) -> None:
        if message.startswith("There is nothing called"):
            message = f"{re.split('[;.]', message, maxsplit=1)[0]}; {_KNOWN}"
        complain(field, column, message)

    return say


def _unfit(name: str, template: Template, wanted: Input, definition: Definition) -> list[Complaint]:
    match template:
        case Constant(value):
            alone = msgspec.structs.replace(definition, inputs={name: wanted})
            try:
                prepare_inputs(alone, {name: value})
            except Invalid as exc:
                return list(exc.complaints)
            return []
        case Whole(expression):
            given = expression.type
        case Joined():
            given = "text"
        case _:
            given = "json"
    if fits(given, wanted.type):
        return []
    message = f"“{wanted.label or name}” wants {say_type(wanted.type)}; this gives {say_type(given)}."
    return [Complaint(message=message, field=f"inputs.{name}")]


def _refuse(complaints: list[Complaint] | tuple[Complaint, ...]) -> None:
    if complaints:
        raise Invalid("This mapping does not fit.", complaints=complaints)
