"""The values a run starts with: defaults filled in, types, bounds and choices checked, files named by id.

Whose files these ids are is the room's question: it asks `asset_ids`, looks them up, and gives the facts
back through `with_assets`, which also sees that an image is an image.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from app.flow.definition import MAX_DEPTH, Definition, Input
from app.flow.port_rules import is_file, item_of
from app.flow.ports import Asset, accepts
from app.flow.sizes import depth_of, holds_nul, is_number
from app.flow.wording import count, number, say_type, say_value, shorten, suggestion
from app.kit.codec import to_plain
from app.kit.errors import Complaint, Invalid

MAX_ITEMS: Final = 10_000  # in one list; what a fan-out takes
MAX_TEXT: Final = 1_000_000  # characters in one text, unless the input says less


class Unfit(Exception):
    """A value that does not fit its input: the rest of the field path, and a sentence."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        self.message = message
        super().__init__(message)


def prepare_inputs(definition: Definition, raw: Any) -> dict[str, Any]:
    """The inputs of a run, defaults filled in. Raises Invalid with a complaint for each that does not fit."""
    if not isinstance(raw, Mapping):
        raise Invalid(f"“inputs” must be an object, not {say_value(raw)}.")
    complaints = [
        Complaint(
            message=f"There is no input “{name}”.{suggestion(str(name), definition.inputs)}",
            field=f"inputs.{name}",
        )
        for name in raw
        if name not in definition.inputs
    ]
    values: dict[str, Any] = {}
    for name, wanted in definition.inputs.items():
        given = raw.get(name)
        if given is None and wanted.is_required:
            message = f"“{_label(name, wanted)}” is required: {say_type(wanted.type)}."
            complaints.append(Complaint(message=message, field=f"inputs.{name}"))
            continue
        if given is None:
            given = wanted.default
        try:
            values[name] = None if given is None else _fitting(_label(name, wanted), wanted, given)
        except Unfit as unfit:
            complaints.append(Complaint(message=unfit.message, field=f"inputs.{name}{unfit.place}"))
    if complaints:
        raise Invalid("These inputs do not fit the workflow.", complaints=complaints)
    return values


def default_complaints(place: str, wanted: Input, node: str | None = None) -> list[Complaint]:
    """What is wrong with an input's own default and choices; `place` is where it stands: `inputs.title`."""
    complaints: list[Complaint] = []
    item = Input(type=wanted.type.removesuffix("[]"))
    for index, choice in enumerate(wanted.choices):
        try:
            _fitting(f"choice {index + 1}", item, choice)
        except Unfit as unfit:
            field = f"{place}.choices[{index}]"
            complaints.append(Complaint(message=unfit.message, node=node, field=field))
    if wanted.default is not msgspec.UNSET and wanted.default is not None and not complaints:
        try:
            _fitting("default", wanted, wanted.default)
        except Unfit as unfit:
            field = f"{place}.default{unfit.place}"
            complaints.append(Complaint(message=unfit.message, node=node, field=field))
    return complaints


def asset_ids(definition: Definition, values: Mapping[str, Any]) -> list[str]:
    """The id of every file among prepared inputs, each once, in order."""
    found = (reference["asset"] for _, _, reference in _references(definition, values))
    return list(dict.fromkeys(found))


def with_assets(
    definition: Definition, values: Mapping[str, Any], facts: Mapping[str, Asset]
) -> dict[str, Any]:
    """Prepared inputs with the facts of their files. `facts`: by id, those the organization has.

    Raises Invalid where a file is not there, or is of another kind than the input wants.
    """
    complaints: list[Complaint] = []
    for name, place, reference in _references(definition, values):
        wanted = definition.inputs[name]
        label = f"“{_label(name, wanted)}”{_say_place(place)}"
        asset = facts.get(reference["asset"])
        kind = wanted.type.removesuffix("[]")
        if asset is None:
            message = f"{label}: there is no file with the id {reference['asset']}; it may have been deleted."
        elif not accepts(kind, asset.mime):
            message = f"{label} wants {say_type(kind)}; “{shorten(asset.name)}” is {asset.mime}."
        else:
            continue
        complaints.append(Complaint(message=message, field=f"inputs.{name}{place}"))
    if complaints:
        raise Invalid("These inputs do not fit the workflow.", complaints=complaints)
    return {
        name: _fill(value, facts) if is_file(definition.inputs[name].type.removesuffix("[]")) else value
        for name, value in values.items()
    }


def _fill(value: Any, facts: Mapping[str, Asset]) -> Any:
    if isinstance(value, list):
        return [_fill(item, facts) for item in value]
    return None if value is None else to_plain(facts[value["asset"]])


def _references(
    definition: Definition, values: Mapping[str, Any]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every file named in prepared inputs: the input, the place inside it, the reference."""
    for name, wanted in definition.inputs.items():
        value = values.get(name)
        if value is None or not is_file(wanted.type.removesuffix("[]")):
            continue
        if isinstance(value, list):
            yield from ((name, f"[{index}]", item) for index, item in enumerate(value))
        else:
            yield name, "", value


def _fitting(label: str, wanted: Input, value: Any) -> Any:
    """The value as the workflow will see it. Raises Unfit."""
    inner = item_of(wanted.type) if wanted.type != "json" else None
    if inner is None:
        fitting = _scalar(f"“{label}”", wanted.type, value)
        _check_range(label, wanted, fitting)
        _check_choice(f"“{label}”", wanted, fitting)
        return fitting
    if not isinstance(value, list):
        raise Unfit("", f"“{label}” must be {say_type(wanted.type)}, not {say_value(value)}.")
    fewest, most = int(wanted.min or 0), int(MAX_ITEMS if wanted.max is None else min(wanted.max, MAX_ITEMS))
    if len(value) < fewest:
        raise Unfit("", f"“{label}” needs at least {count(fewest, 'item')}; it has {len(value)}.")
    if len(value) > most:
        raise Unfit("", f"“{label}” takes at most {count(most, 'item')}; it has {len(value):,}.")
    return [_item(label, wanted, inner, item, index) for index, item in enumerate(value)]


def _item(label: str, wanted: Input, kind: str, value: Any, index: int) -> Any:
    place = f"[{index}]"
    try:
        name = f"“{label}”{_say_place(place)}"
        if kind == "vector":
            return [_scalar(name, "number", item) for item in _vector(name, value)]
        fitting = _scalar(name, kind, value)
        _check_choice(name, wanted, fitting)
    except Unfit as unfit:
        raise Unfit(place, unfit.message) from None
    return fitting


def _vector(name: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise Unfit("", f"{name} must be a list of numbers, not {say_value(value)}.")


def _scalar(name: str, kind: str, value: Any) -> Any:
    """One value of one type. Raises Unfit."""
    is_fitting = True
    if kind in {"text", "json"} and holds_nul(value):
        raise Unfit("", f"{name} holds the character U+0000, which cannot be stored.")
    match kind:
        case "text":
            is_fitting = isinstance(value, str)
            if is_fitting and len(value) > MAX_TEXT:
                raise Unfit("", f"{name} has {len(value):,} characters; at most {MAX_TEXT:,} fit.")
        case "number":
            is_fitting = is_number(value)
        case "boolean":
            is_fitting = isinstance(value, bool)
        case "json":
            if depth_of(value, MAX_DEPTH) > MAX_DEPTH:
                raise Unfit("", f"{name} is nested more than {MAX_DEPTH} levels deep.")
        case _:
            return _reference(name, kind, value)
    if not is_fitting:
        raise Unfit("", f"{name} must be {say_type(kind)}, not {say_value(value)}.")
    return value


def _reference(name: str, kind: str, value: Any) -> dict[str, str]:
    """A file by its id; whatever else came with it is looked up again, never believed."""
    given = value.get("asset") if isinstance(value, dict) else None
    if not isinstance(given, str):
        raise Unfit(
            "", f'{name} must be {say_type(kind)}, given as {{"asset": "<id>"}}, not {say_value(value)}.'
        )
    try:
        return {"asset": str(UUID(given))}
    except ValueError:
        raise Unfit("", f"{name}: “{shorten(given)}” is not the id of a file.") from None


def _check_range(label: str, wanted: Input, value: Any) -> None:
    """Bounds of a number, or of a text's length. Raises Unfit."""
    low = -math.inf if wanted.min is None else wanted.min
    high = math.inf if wanted.max is None else wanted.max
    if wanted.type == "number" and not low <= value <= high:
        words = f"at least {number(low)}" if value < low else f"at most {number(high)}"
        raise Unfit("", f"“{label}” must be {words}, not {number(value)}.")
    if wanted.type == "text" and len(value) < low:
        raise Unfit("", f"“{label}” needs at least {count(int(low), 'character')}; it has {len(value)}.")
    if wanted.type == "text" and len(value) > high:
        raise Unfit("", f"“{label}” takes at most {count(int(high), 'character')}; it has {len(value):,}.")


def _check_choice(name: str, wanted: Input, value: Any) -> None:
    if not wanted.choices or value in wanted.choices:
        return
    words = ", ".join(say_value(choice) for choice in wanted.choices[:12])
    more = ", …" if len(wanted.choices) > 12 else ""
    raise Unfit("", f"{name} must be one of {words}{more}, not {say_value(value)}.")


def _label(name: str, wanted: Input) -> str:
    return wanted.label or name


def _say_place(place: str) -> str:
    """`[2]` → ` item 3`: people count from one."""
    return f" item {int(place[1:-1]) + 1}" if place else ""
