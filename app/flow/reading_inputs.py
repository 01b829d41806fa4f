"""Reading the inputs of a workflow document: what the workflow asks for when it starts.

The fields that a step asks people for in the middle are written in the same way and read here too.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from app.flow.complaints import Complaints
from app.flow.definition import MAX_CHOICES, MAX_INPUTS, Input
from app.flow.fields import NAME, Fields, name_fault
from app.flow.ports import PORT_TYPES
from app.flow.wording import say_value, suggestion

_INPUT_HINTS: Final = {
    "required": " An input without a default is required; a default, even null, makes it optional.",
    "title": " Did you mean “label”?",
    "options": " Did you mean “choices”?",
    "enum": " Did you mean “choices”?",
    "minimum": " Did you mean “min”?",
    "maximum": " Did you mean “max”?",
}


def read_inputs(fields: Fields, complaints: Complaints) -> tuple[dict[str, Input], set[str]]:
    """The inputs that could be read, and the names of the others."""
    rows = fields.record("inputs")
    if len(rows) > MAX_INPUTS:
        fields.complain("inputs", f"A workflow takes at most {MAX_INPUTS} inputs; this one has {len(rows)}.")
        return {}, set(rows)
    inputs = read_rows(rows, complaints, node=None, prefix="inputs")
    return inputs, set(rows) - set(inputs)


def read_rows(
    rows: Mapping[str, Any], complaints: Complaints, *, node: str | None, prefix: str
) -> dict[str, Input]:
    """The inputs that could be read, by name; `node` and `prefix` say where they stand. Raises Enough."""
    inputs: dict[str, Input] = {}
    for name, raw in rows.items():
        place = f"{prefix}.{name}"
        fault = name_fault(name, "The name of an input", NAME)
        if fault:
            complaints.add(fault, node=node, field=place)
        read_input = _read_input(raw, complaints, node, place)
        if fault is None and read_input is not None:
            inputs[name] = read_input
    return inputs


def _read_input(raw: Any, complaints: Complaints, node: str | None, place: str) -> Input | None:
    if not isinstance(raw, dict):
        message = f'An input is an object such as {{"type": "text"}}, not {say_value(raw)}.'
        complaints.add(message, node=node, field=place)
        return None
    fields = Fields(raw, complaints, node=node, prefix=f"{place}.")
    kind = fields.take("type")
    if kind is None:
        fields.complain(
            "type", f"“type” is missing; it is one of {', '.join(PORT_TYPES[:9])} or a list such as image[]."
        )
    elif kind not in PORT_TYPES:
        fields.complain("type", f"There is no type {say_value(kind)}.{suggestion(str(kind), PORT_TYPES)}")
    result = Input(
        type=str(kind),
        label=fields.text("label", limit=200),
        description=fields.text("description"),
        default=fields.take("default", msgspec.UNSET),
        min=fields.number("min"),
        max=fields.number("max"),
        choices=tuple(fields.rows("choices", "values")),
        multiline=fields.flag("multiline"),
        placeholder=fields.text("placeholder", limit=200),
    )
    fields.refuse_unknown(_INPUT_HINTS)
    _check_bounds(fields, result)
    return result if fields.is_clean else None


def _check_bounds(fields: Fields, wanted: Input) -> None:
    """Bounds and choices that contradict the type or one another."""
    counts_whole = wanted.type.endswith("[]") or wanted.type in ("text", "vector")
    for field, bound in (("min", wanted.min), ("max", wanted.max)):
        if bound is None:
            continue
        if not counts_whole and wanted.type != "number":
            fields.complain(field, f"“{field}” bounds numbers, texts and lists; this input is {wanted.type}.")
        elif counts_whole and (bound < 0 or not float(bound).is_integer()):
            fields.complain(field, f"“{field}” counts items or characters here: a whole number from 0.")
    if wanted.min is not None and wanted.max is not None and wanted.min > wanted.max:
        fields.complain("min", "“min” is greater than “max”; nothing could fit.")
    if wanted.choices and wanted.type.removesuffix("[]") not in ("text", "number"):
        fields.complain("choices", f"“choices” go with text and number; this input is {wanted.type}.")
    if len(wanted.choices) > MAX_CHOICES:
        fields.complain("choices", f"At most {MAX_CHOICES:,} choices fit; there are {len(wanted.choices):,}.")
