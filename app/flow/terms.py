"""Expressions written in Python: what stands for a value of a run and renders to `{{ … }}`.

A `Term` grows by Python's own operators, and each gives a new term:

    photos[0].name                    {{ inputs.photos[0].name }}
    (width > 100) & ~is_draft         {{ inputs.width > 100 && !inputs.is_draft }}
    f"Film of {title}"                Film of {{ inputs.title }}
    call("size", photos) > 2          {{ size(inputs.photos) > 2 }}

A term has no value while the workflow is written, so Python's `and`, `or`, `not`, `if`, `in` and `for` refuse
it; `&`, `|`, `~`, `choose`, `within` and `each=` do their work when the workflow runs. Whatever Python has no
operator for is written out: `expression("inputs.title.startsWith('a')")`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from app.flow.port_rules import FILE_FIELDS, is_file, item_of
from app.flow.wording import say_type, suggestion
from app.kit.codec import encode_text

# How strongly the parts of an expression hold together, as CEL's grammar has it.
CHOICE, OR, AND, RELATION, SUM, PRODUCT, SIGN, WHOLE = range(8)
_OBJECTS: Final = ("json", "map")  # whose names are known only when the workflow runs


class NotYetKnown(TypeError):
    """Python asked a term for its value, which it has only when the workflow runs."""


class NoSuchPart(AttributeError):
    """A value of this type has no such name; the sentence says which there are."""


class Term:
    """Something that has a value when the workflow runs. Its own names begin with `_`; all others are its
    value's."""

    __slots__ = ("_kind", "_rank", "_text")

    def __init__(self, text: str, kind: str | None = None, rank: int = WHOLE) -> None:
        self._text = text
        self._kind = kind  # the name of a type as ports have it; None: known only at run time
        self._rank = rank

    def __str__(self) -> str:
        return f"{{{{ {self._text} }}}}"

    def __repr__(self) -> str:
        return f"<{self}>"

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> "Term":
        if name.startswith("_"):
            raise AttributeError(name)
        return Term(f"{_held(self, WHOLE)}.{name}", _part_kind(self, name))

    def __getitem__(self, key: "int | str | Term") -> "Term":
        if isinstance(key, str) and key.isidentifier():
            return Term(f"{_held(self, WHOLE)}.{key}", _part_kind(self, key))
        return Term(f"{_held(self, WHOLE)}[{written(key)}]", _item_kind(self))

    # Both stand for a comparison to come, as in SQLAlchemy and polars.
    def __eq__(self, other: object) -> "Term":  # type: ignore[override]
        return _joined(self, "==", other, RELATION)

    def __ne__(self, other: object) -> "Term":  # type: ignore[override]
        return _joined(self, "!=", other, RELATION)

    def __lt__(self, other: object) -> "Term":
        return _joined(self, "<", other, RELATION)

    def __le__(self, other: object) -> "Term":
        return _joined(self, "<=", other, RELATION)

    def __gt__(self, other: object) -> "Term":
        return _joined(self, ">", other, RELATION)

    def __ge__(self, other: object) -> "Term":
        return _joined(self, ">=", other, RELATION)

    def __and__(self, other: object) -> "Term":
        return _joined(self, "&&", other, AND)

    def __rand__(self, other: object) -> "Term":
        return _joined(other, "&&", self, AND)

    def __or__(self, other: object) -> "Term":
        return _joined(self, "||", other, OR)

    def __ror__(self, other: object) -> "Term":
        return _joined(other, "||", self, OR)

    def __invert__(self) -> "Term":
        return Term(f"!{_held(self, SIGN)}", "boolean", SIGN)

    def __neg__(self) -> "Term":
        return Term(f"-{_held(self, WHOLE)}", "number", SIGN)

    def __add__(self, other: object) -> "Term":
        return _joined(self, "+", other, SUM)

    def __radd__(self, other: object) -> "Term":
        return _joined(other, "+", self, SUM)

    def __sub__(self, other: object) -> "Term":
        return _joined(self, "-", other, SUM)

    def __rsub__(self, other: object) -> "Term":
        return _joined(other, "-", self, SUM)

    def __mul__(self, other: object) -> "Term":
        return _joined(self, "*", other, PRODUCT)

    def __rmul__(self, other: object) -> "Term":
        return _joined(other, "*", self, PRODUCT)

    def __truediv__(self, other: object) -> "Term":
        return _joined(self, "/", other, PRODUCT)

    def __rtruediv__(self, other: object) -> "Term":
        return _joined(other, "/", self, PRODUCT)

    def __mod__(self, other: object) -> "Term":
        return _joined(self, "%", other, PRODUCT)

    def __bool__(self) -> NoReturn:
        raise NotYetKnown(f"{self} is true or false only when the workflow runs; write & | ~ and choose(…).")

    def __iter__(self) -> Iterator[Any]:
        raise NotYetKnown(f"{self} has its items only when the workflow runs; give it to a step as each=….")

    def __contains__(self, _: object) -> NoReturn:
        raise NotYetKnown(f"What {self} holds is known only when the workflow runs; write within(item, …).")


def expression(text: str) -> Term:
    """An expression as it would stand between the braces."""
    text = text.strip()
    return Term(text, rank=WHOLE if text.isidentifier() else CHOICE)


def call(function: str, *values: object) -> Term:
    """A function of the expression language: `call("size", photos)`."""
    return Term(f"{function}({', '.join(written(value) for value in values)})")


def method(value: object, function: str, *values: object) -> Term:
    """A function that is written behind its value: `method(title, "startsWith", "a")`."""
    text = _held(value if isinstance(value, Term) else Term(written(value)), WHOLE)
    return Term(f"{text}.{function}({', '.join(written(one) for one in values)})")


def choose(condition: Term, yes: object, no: object) -> Term:
    """One of two values."""
    text = f"{_held(condition, OR)} ? {_part(yes, OR)} : {_part(no, CHOICE)}"
    return Term(text, rank=CHOICE)


def within(item: object, values: object) -> Term:
    """Whether a list has this item, or an object this name."""
    return _joined(item, "in", values, RELATION)


def written(value: object) -> str:
    """A value inside an expression: a term's own text, anything else as a literal. Raises TypeError."""
    match value:
        case Term():
            return value._text
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return encode_text(value)
        case list() | tuple():
            return f"[{', '.join(written(item) for item in value)}]"
        case Mapping():
            members = (f"{encode_text(str(name))}: {written(member)}" for name, member in value.items())
            return f"{{{', '.join(members)}}}"
        case _:
            raise TypeError(f"A {type(value).__name__} cannot stand in an expression.")


def _joined(left: object, sign: str, right: object, rank: int) -> Term:
    """Both sides with a sign between; from the left, so the right side needs brackets at the same rank."""
    # A chain such as a < b < c means something else to every reader: both sides get brackets.
    lowest = rank + 1 if rank is RELATION else rank
    text = f"{_part(left, lowest)} {sign} {_part(right, rank + 1)}"
    kind = "boolean" if rank <= RELATION else _kind_of_sum(left, right)
    return Term(text, kind, rank)


def _kind_of_sum(left: object, right: object) -> str | None:
    kinds = {side._kind if isinstance(side, Term) else None for side in (left, right)}
    if kinds <= {"number", "integer", None} and kinds & {"number", "integer"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else None


def _part(value: object, lowest: int) -> str:
    return _held(value, lowest) if isinstance(value, Term) else written(value)


def _held(term: Term, lowest: int) -> str:
    """Its text, in brackets where it would fall apart."""
    return term._text if term._rank >= lowest else f"({term._text})"


def _item_kind(term: Term) -> str | None:
    """The type of an item. Raises NoSuchPart."""
    kind = term._kind
    if kind is None or kind in _OBJECTS:
        return None
    if item_of(kind) is None:
        raise NoSuchPart(f"{term} is {say_type(kind)}; it has no items to pick.")
    return item_of(kind)


def _part_kind(term: Term, name: str) -> str | None:
    """The type of a named part. Raises NoSuchPart."""
    kind = term._kind
    if kind is None or kind in _OBJECTS:
        return None
    if is_file(kind):
        if name not in FILE_FIELDS:
            raise NoSuchPart(f"{say_type(kind).capitalize()} has no “{name}”.{suggestion(name, FILE_FIELDS)}")
        return FILE_FIELDS[name]
    hint = " Pick one of its items first: […]." if item_of(kind) else ""
    raise NoSuchPart(f"{term} is {say_type(kind)}; it has no “{name}”.{hint}")
