"""What is wrong with a value that does not fit its type, in plain words instead of msgspec's.

msgspec says “Expected `int` <= 200 - at `$.limit`”; people read “limit” must be a whole number of at most
200. What a name may be, or which fields there are, msgspec does not tell; that is looked up in the type.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import inspect

from app.flow.wording import count, listing, say_value, shorten, suggestion
from app.kit.errors import Complaint

_TYPES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "bytes": "bytes as Base64",
    "uuid": "an id (a UUID)",
    "datetime": "a time such as 2026-01-31T12:00:00Z",
    "date": "a day such as 2026-01-31",
    "time": "a time of day such as 12:00:00",
    "duration": "a length of time such as PT1H30M",
    "timedelta": "a length of time such as PT1H30M",
    "decimal": "a decimal number",
}
_PARTS: Final = {"str": "character", "array": "item", "object": "field", "bytes": "byte"}
_BOUNDS: Final = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_FORMS: Final = {
    "UUID": "uuid",
    "RFC3339 encoded datetime": "datetime",
    "RFC3339 encoded date": "date",
    "RFC3339 encoded time": "time",
    "ISO8601 duration": "duration",
    "base64 encoded string": "bytes",
    "decimal string": "decimal",
}

Types = Sequence[inspect.Type]  # the alternatives that may stand at a place
_Say = Callable[[re.Match[str], str, Types], str]


def explain(text: str, into: Any = None, *, at: str = "") -> Complaint:
    """A ValidationError's text as a complaint with its place.

    `into`: the type the value was to become; `at`: the place of the value itself, empty for a body.
    """
    words, _, path = text.partition(" - at `$")
    path = path.rstrip("`")
    found = _walk(inspect.type_info(into), path) if into is not None else ()
    field = f"{at}{path}" if at else path.removeprefix(".")
    for pattern, say in _SENTENCES:
        if match := pattern.fullmatch(words):
            inner = match.groupdict().get("inner")
            name = ".".join(part for part in (field, inner) if part)
            return Complaint(field=name or None, message=say(match, _subject(name), found))
    return Complaint(field=field or None, message=f"{_subject(field)}: {words.replace('`', '').rstrip('.')}.")


def _subject(field: str) -> str:
    """The last name of a place, as people see it in a form; entries keep their number."""
    name = field.replace("[...]", "").rpartition(".")[2]
    return f"“{name}”" if name else "The value"


def _noun(types: str) -> str:
    """`int | null` → “a whole number or null”."""
    return " or ".join(_TYPES.get(name.strip(), name.strip()) for name in types.split("|"))


def _say_type(match: re.Match[str], subject: str, _: Types) -> str:
    given = "a fraction" if match["given"] == "float" else _noun(match["given"])
    return f"{subject} must be {_noun(match['wanted'])}, not {given}."


def _say_bound(match: re.Match[str], subject: str, _: Types) -> str:
    bound = match["bound"].removesuffix(".0")
    return f"{subject} must be {_noun(match['wanted'])} {_BOUNDS[match['sign']]} {bound}."


def _say_multiple(match: re.Match[str], subject: str, _: Types) -> str:
    return f"{subject} must be a multiple of {match['bound']}."


def _say_length(match: re.Match[str], subject: str, _: Types) -> str:
    least, bound = match["sign"] == ">=", int(match["bound"])
    if least and bound == 1:
        return f"{subject} must not be empty."
    amount = count(bound, _PARTS.get(match["wanted"], "part"))
    how = {">=": "at least ", "<=": "at most "}.get(match["sign"] or "", "")
    return f"{subject} must have {how}{amount}."


def _say_missing(_: re.Match[str], subject: str, __: Types) -> str:
    return f"{subject} is missing."


def _say_unknown(match: re.Match[str], subject: str, found: Types) -> str:
    structs = [one for one in found if isinstance(one, inspect.StructType)]
    names = [field.encode_name for field in structs[0].fields] if len(structs) == 1 else []
    return f"There is no field {subject} here.{suggestion(match['inner'], names)}"


def _say_choice(match: re.Match[str], subject: str, found: Types) -> str:
    given = match["given"].strip("'\"")
    # A parameter given several times is a list, and its name stands for each of them.
    items = [one for outer in found for inner in _inside(outer, "", "0") for one in _members(inner)]
    choices = [choice for one in (*found, *items) for choice in _choices(one)]
    if not choices:
        return f"“{shorten(given)}” is none of the values that {subject} may have."
    wanted = listing(map(str, choices), "or") if len(choices) > 1 else say_value(choices[0])
    return f"{subject} must be {wanted}, not “{shorten(given)}”."


def _say_form(match: re.Match[str], subject: str, _: Types) -> str:
    return f"{subject} must be {_TYPES[_FORMS[match['form']]]}."


def _say_zone(_: re.Match[str], subject: str, __: Types) -> str:
    return f"{subject} must be a time with its zone, such as 2026-01-31T12:00:00Z."


def _say_pattern(_: re.Match[str], subject: str, __: Types) -> str:
    return f"{subject} has not the right form."  # the pattern is for programs


def _say_range(_: re.Match[str], subject: str, __: Types) -> str:
    return f"{subject} is too large or too small a number."


_LENGTH: Final = r"(?:(?P<sign>[<>]=) )?(?P<bound>\d+)(?:, got \d+)?"
_SENTENCES: Final[tuple[tuple[re.Pattern[str], _Say], ...]] = tuple(
    (re.compile(pattern), say)
    for pattern, say in (
        (r"Expected `(?P<wanted>[^`]+)`, got `(?P<given>[^`]+)`", _say_type),
        (
            r"Expected `(?P<wanted>\w+)` of length (?:(?P<sign>[<>]=) )?(?P<bound>\d+)(?:, got \d+)?",
            _say_length,
        ),
        (r"Expected `(?P<wanted>\w+)` (?P<sign>[<>]=?) (?P<bound>\S+)", _say_bound),
        (r"Expected `\w+` that's a multiple of (?P<bound>\S+)", _say_multiple),
        (r"Expected `str` matching regex .*", _say_pattern),
        (r"Expected `(?:datetime|time)` with a timezone component", _say_zone),
        (r"Object missing required field `(?P<inner>.+)`", _say_missing),
        (r"Object contains unknown field `(?P<inner>.+)`", _say_unknown),
        (r"Invalid (?:enum )?value (?P<given>.+)", _say_choice),
        (rf"Invalid (?P<form>{'|'.join(_FORMS)})", _say_form),
        (r"(?:Integer value|Number|Timestamp|Duration) (?:is )?out of range", _say_range),
    )
)


def _walk(into: inspect.Type, path: str) -> Types:
    """What may stand at a place such as `.rules[0].kind`; nothing where that cannot be told."""
    found = list(_members(into))
    for name, index in re.findall(r"\.([^.\[]+)|\[([^\]]*)\]", path):
        found = [one for outer in found for inner in _inside(outer, name, index) for one in _members(inner)]
    return found


def _members(found: inspect.Type) -> Iterator[inspect.Type]:
    """The alternatives of a type, without what is only said about it."""
    match found:
        case inspect.Metadata():
            yield from _members(found.type)
        case inspect.UnionType():
            for one in found.types:
                yield from _members(one)
        case _:
            yield found


def _inside(found: inspect.Type, name: str, index: str) -> Iterator[inspect.Type]:
    match found:
        case inspect.StructType() if name == found.tag_field:
            yield inspect.LiteralType((found.tag,))
        case inspect.StructType() if name:
            yield from (field.type for field in found.fields if field.encode_name == name)
        case inspect.DictType():
            yield found.value_type
        case inspect.TupleType() if index.isdigit() and int(index) < len(found.item_types):
            yield found.item_types[int(index)]
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType() if (
            not name
        ):
            yield found.item_type
        case _:
            return


def _choices(found: inspect.Type) -> Iterator[Any]:
    match found:
        case inspect.LiteralType():
            yield from found.values
        case inspect.EnumType():
            yield from (member.value for member in found.cls)
        case _:
            return
