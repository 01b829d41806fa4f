"""Reading `each`: a list or an expression, lists side by side, a range, or lists in lists."""

from typing import Any, Final

from app.flow.complaints import Complaints
from app.flow.definition import (
    MAX_DEPTH,
    MAX_LEVELS,
    MAX_ZIPPED,
    Bounds,
    Each,
    Lengths,
    Level,
    Nested,
    Number,
    Range,
    Zip,
)
from app.flow.fields import NAME, Fields, name_fault
from app.flow.sizes import depth_of
from app.flow.wording import say_value

_FORMS: Final = 'a list, an expression {{ … }}, {"zip": {…}}, {"range": {…}} or {"nested": […]}'
_RANGE_HINTS: Final = {
    "start": " Did you mean “from”?",
    "end": " Did you mean “to”? It is counted in.",
    "stop": " Did you mean “to”? It is counted in.",
    "count": ' For so many items write {"from": 1, "to": …}.',
}


def read_each(fields: Fields, node_id: str, complaints: Complaints) -> Each | None:
    """What a node runs for, in one of its forms; None where it has none.

    One that could not be read becomes empty lists, so that what is written about its items is believed.
    """
    raw = fields.take("each")
    if raw is None:
        return None
    if isinstance(raw, dict) and "nested" in raw:
        nested = _read_nested(Fields(raw, complaints, node=node_id, prefix="each."), node_id, complaints)
        return nested or Nested(nested=([], []))
    level = _read_level(raw, "each", node_id, complaints)
    return [] if level is None else level


def _read_nested(fields: Fields, node_id: str, complaints: Complaints) -> Nested | None:
    rows = fields.rows("nested", "lists")
    fields.refuse_unknown()
    if not fields.is_clean:
        return None
    if not 2 <= len(rows) <= MAX_LEVELS:
        message = (
            f"“nested” takes 2 to {MAX_LEVELS} lists, from the outside in, such as "
            f"[{{{{ inputs.albums }}}}, {{{{ item.photos }}}}]; it has {len(rows)}."
        )
        fields.complain("nested", message)
        return None
    levels = [
        _read_level(row, f"each.nested[{index}]", node_id, complaints) for index, row in enumerate(rows)
    ]
    known = tuple(level for level in levels if level is not None)
    return Nested(nested=known) if len(known) == len(rows) else None


def _read_level(raw: Any, place: str, node_id: str, complaints: Complaints) -> Level | None:
    """One level of a fan-out, which is mostly the only one. `place`: where it stands in the node."""
    match raw:
        case str():
            return raw
        case list():
            if depth_of(raw, MAX_DEPTH) <= MAX_DEPTH:
                return raw
            message = f"The list is nested more than {MAX_DEPTH} levels deep; flatten it."
        case {"zip": _} | {"lengths": _}:
            return _read_zip(Fields(raw, complaints, node=node_id, prefix=f"{place}."))
        case {"range": _}:
            return _read_range(Fields(raw, complaints, node=node_id, prefix=f"{place}."), node_id, complaints)
        case {"nested": _}:
            message = "“nested” stands only at the top of “each”; write all lists into it, outermost first."
        case _:
            message = f"“each” is {_FORMS}, not {say_value(raw)}."
    complaints.add(message, node=node_id, field=place)
    return None


def _read_zip(fields: Fields) -> Zip | None:
    members = fields.record("zip")
    lengths = fields.one_of("lengths", Lengths, Lengths.strict)
    fields.refuse_unknown()
    if fields.is_clean and not 1 <= len(members) <= MAX_ZIPPED:
        fields.complain("zip", f"“zip” names 1 to {MAX_ZIPPED} lists; it has {len(members)}.")
    for name, value in members.items():
        if fault := name_fault(name, "The name of a zipped list", NAME):
            fields.complain(f"zip.{name}", fault)
        elif not isinstance(value, str | list):
            fields.complain(
                f"zip.{name}", f"“{name}” is a list or an expression {{{{ … }}}}, not {say_value(value)}."
            )
        elif depth_of(value, MAX_DEPTH) > MAX_DEPTH:
            fields.complain(
                f"zip.{name}", f"The list is nested more than {MAX_DEPTH} levels deep; flatten it."
            )
    return Zip(zip=members, lengths=lengths) if fields.is_clean else None


def _read_range(parent: Fields, node_id: str, complaints: Complaints) -> Range | None:
    place = f"{parent.prefix}range"
    raw = parent.record("range")
    parent.refuse_unknown()
    if not parent.is_clean:
        return None
    fields = Fields(raw, complaints, node=node_id, prefix=f"{place}.")
    if "to" not in raw:
        fields.complain("to", "“to” is missing: the last number of the range.")
    bounds = Bounds(
        from_=_read_number(fields, "from", 1),
        to=_read_number(fields, "to", 1),
        step=_read_number(fields, "step", 1),
    )
    if bounds.step == 0:
        fields.complain("step", "A range with the step 0 never ends.")
    fields.refuse_unknown(_RANGE_HINTS)
    return Range(range=bounds) if fields.is_clean else None


def _read_number(fields: Fields, name: str, default: int) -> Number:
    """A number, or a text for an expression that gives one."""
    value = fields.peek(name)
    if isinstance(value, str):
        fields.take(name)
        return value
    number = fields.number(name, default)
    return default if number is None else number
