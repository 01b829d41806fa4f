"""Values against the ports of a step type: what fits, what is turned (3.0 into 3), what is refused in words.

Works from the JSON Schemas msgspec makes, so it needs no Python type and serves documents (where a text with
`{{ … }}` stands for anything) and runs alike.
"""

import math
import operator
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from app.flow.catalog import PortSpec, StepSpec
from app.flow.port_rules import is_file
from app.flow.ports import accepts
from app.flow.sizes import is_number
from app.flow.wording import count, number, say_type, say_value, shorten, suggestion
from app.kit.errors import Complaint, Invalid

_BOUNDS: Final = (
    ("minimum", operator.ge, "at least"),
    ("maximum", operator.le, "at most"),
    ("exclusiveMinimum", operator.gt, "more than"),
    ("exclusiveMaximum", operator.lt, "less than"),
)


class _Format(msgspec.Struct, frozen=True):
    """What a text stands for, and how people call it."""

    type: Any
    words: str


_FORMATS: Final[Mapping[str, _Format]] = {
    "date-time": _Format(
        Annotated[datetime, msgspec.Meta(tz=True)],
        "a time with its zone, such as 2026-12-24T18:00:00+01:00",
    ),
    "date": _Format(date, "a date, such as 2026-12-24"),
    "uuid": _Format(UUID, "an id, such as 0192d5f2-7c00-7000-8000-000000000000"),
}
MAX_COMPLAINTS: Final = 20  # for one port; the twenty-first teaches nothing


class BadInputs(Invalid):
    """Some values of this step do not fit; each complaint says which and why."""


def coerce(spec: StepSpec, values: Mapping[str, Any], node: str | None = None) -> dict[str, Any]:
    """The values as the step type takes them. Raises BadInputs with a complaint for each that does not fit.

    Null counts as “not given” where the step has a default; a number without fraction becomes whole where a
    whole one is wanted.
    """
    complaints: list[Complaint] = []
    fitting: dict[str, Any] = {}
    for port in filter(lambda port: port.is_plain, spec.inputs):
        value = values.get(port.name)
        field = f"with.{port.name}"
        if value is None and not (port.nullable and port.name in values):
            if port.required:
                given = "; its expression gave nothing (null)" if port.name in values else ""
                message = f"“{port.name}” is required{given}."
                complaints.append(Complaint(message=message, node=node, field=field))
            continue
        checker = Checker(spec, port, node)
        fitting[port.name] = checker.check(value)
        complaints.extend(checker.complaints)
    complaints.extend(
        Complaint(message=unknown_field(spec, name), node=node, field=f"with.{name}")
        for name in values
        if spec.input(name) is None
    )
    if complaints:
        raise BadInputs(" ".join(complaint.message for complaint in complaints[:3]), complaints=complaints)
    return fitting


def unknown_field(spec: StepSpec, name: str) -> str:
    """The sentence for a value the step type has no input for."""
    return f"{spec.kind} has no input “{name}”.{suggestion(name, (port.name for port in spec.inputs))}"


class Checker:
    """Checks the value of one port; `complaints` gathers what is wrong.

    In a document `has_templates` is set: texts with `{{ … }}` pass here and are typed elsewhere.
    `is_output`: the port is one of the outputs.
    """

    def __init__(
        self,
        spec: StepSpec,
        port: PortSpec,
        node: str | None,
        *,
        has_templates: bool = False,
        is_output: bool = False,
    ) -> None:
        self.complaints: list[Complaint] = []
        self._port = port
        self._node = node
        self._has_templates = has_templates
        self._field = f"{'outputs' if is_output else 'with'}.{port.name}"
        schema = spec.output_schema if is_output else spec.input_schema
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        properties: Mapping[str, Any] = schema.get("properties", {})
        self._schema: Mapping[str, Any] = properties.get(port.name, {})

    def check(self, value: Any) -> Any:
        """The value, turned where that is harmless."""
        field, name = self._field, f"“{self._port.name}”"
        if not is_file(self._port.item_type):
            return self._value(self._schema, value, field, name)
        if not self._port.is_list:
            return self._file(value, field, name)
        if not isinstance(value, list):
            if not self._is_template(value):
                self._complain(field, f"{name} must be {say_type(self._port.type)}, not {_say_given(value)}.")
            return value
        self._bounds_of_list(self._list_schema(self._schema), value, field, name)
        return [
            self._file(item, f"{field}[{index}]", f"{name} item {index + 1}")
            for index, item in enumerate(value)
        ]

    def _file(self, value: Any, field: str, name: str) -> Any:
        """One file: an asset whose media type the port takes."""
        kind = self._port.item_type
        if isinstance(value, dict):  # the usual case first: a fan-out passes thousands
            mime = value.get("mime")
            if isinstance(mime, str) and isinstance(value.get("asset"), str) and accepts(kind, mime):
                return value
        if self._is_template(value):
            return value
        match value:
            case {"asset": str(), "mime": str(mime)}:
                title = f" ({shorten(str(value['name']))})" if value.get("name") else ""
                self._complain(field, f"{name} must be {say_type(kind)}, not {mime}{title}.")
            case {"asset": str()} if not self._has_templates:
                self._complain(field, f"{name} names a file without its media type; give the whole file.")
            case dict() if self._has_templates:
                self._complain(field, f"{name}: a file is not written into a workflow; make it an input.")
            case _:
                self._complain(field, f"{name} must be {say_type(kind)}, not {_say_given(value)}.")
        return value

    def _value(self, schema: Mapping[str, Any], value: Any, field: str, name: str) -> Any:
        """A value against a piece of schema."""
        if len(self.complaints) >= MAX_COMPLAINTS or self._is_template(value):
            return value
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._any_of(schema["anyOf"], value, field, name)
        if "enum" in schema:
            self._choice(schema["enum"], value, field, name)
            return value
        match schema.get("type"):
            case "integer" | "number" as kind:
                return self._number(schema, kind, value, field, name)
            case "string":
                self._text(schema, value, field, name)
            case "boolean" if not isinstance(value, bool):
                self._complain(field, f"{name} must be true or false, not {_say_given(value)}.")
            case "null" if value is not None:
                self._complain(field, f"{name} must be null, not {_say_given(value)}.")
            case "array":
                return self._list(schema, value, field, name)
            case "object":
                return self._object(schema, value, field, name)
        return value

    def _number(self, schema: Mapping[str, Any], kind: str, value: Any, field: str, name: str) -> Any:
        what = "a whole number" if kind == "integer" else "a number"
        if not is_number(value):
            self._complain(field, f"{name} must be {what}, not {_say_given(value)}.")
            return value
        if kind == "integer" and not float(value).is_integer():
            self._complain(field, f"{name} must be a whole number, not {number(value)}.")
            return value
        for rule, holds, words in _BOUNDS:
            bound = schema.get(rule)
            if bound is not None and not holds(value, bound):
                self._complain(field, f"{name} must be {words} {number(bound)}, not {number(value)}.")
        step = schema.get("multipleOf")
        if step and value % step:
            self._complain(field, f"{name} must be a multiple of {number(step)}, not {number(value)}.")
        return int(value) if kind == "integer" else value

    def _text(self, schema: Mapping[str, Any], value: Any, field: str, name: str) -> None:
        if not isinstance(value, str):
            self._complain(field, f"{name} must be text, not {_say_given(value)}.")
            return
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        if len(value) < shortest:
            empty = (
                "must not be empty" if shortest == 1 else f"must have at least {count(shortest, 'character')}"
            )
            self._complain(field, f"{name} {empty}.")
        elif len(value) > longest:
            self._complain(field, f"{name} has {len(value):,} characters; at most {longest:,} fit.")
        form = _FORMATS.get(schema.get("format", ""))
        if form is not None and not _is_of(form.type, value):
            self._complain(field, f"{name} must be {form.words}, not {say_value(value)}.")
        pattern = schema.get("pattern")
        if pattern and not re.search(pattern, value):
            self._complain(field, f"{name} must look like {pattern}; {say_value(value)} does not.")

    def _choice(self, choices: list[Any], value: Any, field: str, name: str) -> None:
        if any(type(choice) is type(value) and choice == value for choice in choices):
            return
        words = [say_value(choice) for choice in choices[:12]]
        hint = ""
        if isinstance(value, str) and len(choices) > 12:
            hint = suggestion(value, (str(choice) for choice in choices), limit=0)
        more = ", …" if len(choices) > 12 else ""
        self._complain(
            field, f"{name} must be one of {', '.join(words)}{more}, not {_say_given(value)}.{hint}"
        )

    def _list(self, schema: Mapping[str, Any], value: Any, field: str, name: str) -> Any:
        if not isinstance(value, list):
            self._complain(field, f"{name} must be a list, not {_say_given(value)}.")
            return value
        self._bounds_of_list(schema, value, field, name)
        heads = schema.get("prefixItems", [])
        rest = schema.get("items") or {}
        return [
            self._value(
                heads[index] if index < len(heads) else rest,
                item,
                f"{field}[{index}]",
                f"{name} item {index + 1}",
            )
            for index, item in enumerate(value)
        ]

    def _bounds_of_list(self, schema: Mapping[str, Any], value: list[Any], field: str, name: str) -> None:
        fewest, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if len(value) < fewest:
            self._complain(field, f"{name} needs at least {count(fewest, 'item')}; it has {len(value)}.")
        elif len(value) > most:
            self._complain(field, f"{name} takes at most {count(most, 'item')}; it has {len(value):,}.")

    def _object(self, schema: Mapping[str, Any], value: Any, field: str, name: str) -> Any:
        if not isinstance(value, dict):
            self._complain(field, f"{name} must be an object, not {_say_given(value)}.")
            return value
        properties: Mapping[str, Any] = schema.get("properties", {})
        for key in schema.get("required", ()):
            if key not in value:
                self._complain(f"{field}.{key}", f"{name} lacks “{key}”.")
        others = schema.get("additionalProperties", True)
        turned = {}
        for key, item in value.items():
            if key in properties:
                turned[key] = self._value(properties[key], item, f"{field}.{key}", f"“{key}”")
            elif isinstance(others, Mapping):
                turned[key] = self._value(others, item, f"{field}.{key}", f"“{key}”")
            elif others is False:
                self._complain(f"{field}.{key}", f"{name} has no “{key}”.{suggestion(key, properties)}")
            else:
                turned[key] = item
        return turned

    def _any_of(self, branches: list[Mapping[str, Any]], value: Any, field: str, name: str) -> Any:
        """The first branch that takes the value; with one branch beside null, that one's complaints."""
        kept = self.complaints
        for branch in branches:
            self.complaints = []
            turned = self._value(branch, value, field, name)
            if not self.complaints:
                self.complaints = kept
                return turned
        self.complaints = kept
        meant = [branch for branch in branches if branch.get("type") != "null"]
        alike = [branch for branch in meant if _same_kind(self._resolved(branch), value)]
        if len(meant) == 1 or len(alike) == 1:
            return self._value((alike or meant)[0], value, field, name)
        self._complain(field, f"{name} cannot be {_say_given(value)}.")
        return value

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
        return schema

    def _list_schema(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The array among the forms a list port may take."""
        branches = [self._resolved(branch) for branch in schema.get("anyOf", [schema])]
        return next((branch for branch in branches if branch.get("type") == "array"), schema)

    def _is_template(self, value: Any) -> bool:
        return self._has_templates and isinstance(value, str) and "{{" in value

    def _complain(self, field: str, message: str) -> None:
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(Complaint(message=message, node=self._node, field=field))


def _same_kind(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a branch of a schema speaks of values of this JSON kind."""
    kinds: Mapping[type, tuple[str, ...]] = {
        bool: ("boolean",),
        int: ("integer", "number"),
        float: ("number", "integer"),
        str: ("string",),
        list: ("array",),
        dict: ("object",),
    }
    if "enum" in schema:
        return any(type(choice) is type(value) for choice in schema["enum"])
    return schema.get("type") in kinds.get(type(value), ())


def _say_given(value: Any) -> str:
    """A given value, a file by its media type."""
    match value:
        case {"asset": str(), "mime": str(mime)}:
            return f"a file ({mime})"
        case _:
            return say_value(value)


def _is_of(wanted: Any, text: str) -> bool:
    """Whether a text is the JSON of a value of this type."""
    try:
        msgspec.convert(text, wanted)
    except msgspec.ValidationError:
        return False
    return True
