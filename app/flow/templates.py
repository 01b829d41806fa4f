"""Values with `{{ … }}` in them: found once, rendered many times.

A value that is one expression keeps its type; expressions inside other text are joined to text; lists and
objects are walked.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from app.flow.complaints import Enough
from app.flow.meter import MAX_RESULT_CHARACTERS, TOO_LARGE
from app.flow.placed import Complain, Expression, ExpressionFailed, Scope
from app.flow.scanner import ROOTS, Piece, Unclosed, split
from app.flow.texts import as_text

# In one document. Reading an expression takes 60 µs, and 3 µs a character at worst: 1.5 s together.
MAX_EXPRESSIONS: Final = 20_000
MAX_CHARACTERS: Final = 500_000


class Constant(msgspec.Struct, frozen=True):
    """A value without expressions, given out as it is: whoever renders must not change it."""

    value: Any

    def render(self, _scope: Scope) -> Any:
        """The value."""
        return self.value


class Whole(msgspec.Struct, frozen=True):
    """A text that is one expression: the value keeps its type."""

    expression: Expression

    def render(self, scope: Scope) -> Any:
        """The expression's value. Raises ExpressionFailed."""
        return self.expression.evaluate(scope)


class Joined(msgspec.Struct, frozen=True):
    """A text with expressions in it."""

    parts: tuple[str | Expression, ...]

    def render(self, scope: Scope) -> str:
        """The text. Raises ExpressionFailed."""
        pieces: list[str] = []
        length = 0
        for part in self.parts:
            piece = part if isinstance(part, str) else _spoken(part, scope)
            length += len(piece)
            if length > MAX_RESULT_CHARACTERS and not isinstance(part, str):
                raise ExpressionFailed(part.node, part.field, part.column, TOO_LARGE)
            pieces.append(piece)
        return "".join(pieces)


def _spoken(expression: Expression, scope: Scope) -> str:
    try:
        return as_text(expression.evaluate(scope))
    except RecursionError:
        message = "The value is nested too deeply to be put into text."
        raise ExpressionFailed(expression.node, expression.field, expression.column, message) from None


class Items(msgspec.Struct, frozen=True):
    """A list with expressions somewhere inside."""

    items: tuple["Template", ...]

    def render(self, scope: Scope) -> list[Any]:
        """The list. Raises ExpressionFailed."""
        return [item.render(scope) for item in self.items]


class Members(msgspec.Struct, frozen=True):
    """An object with expressions somewhere inside."""

    members: dict[str, "Template"]

    def render(self, scope: Scope) -> dict[str, Any]:
        """The object. Raises ExpressionFailed."""
        return {name: member.render(scope) for name, member in self.members.items()}


Template = Constant | Whole | Joined | Items | Members


class Builder:
    """Finds the templates in the values of one document, up to the bounds of a document."""

    def __init__(self, roots: Collection[str] = ROOTS) -> None:
        """`roots`: the names its expressions may begin with."""
        self._roots = roots
        self._expressions = 0
        self._characters = 0

    def build(self, value: Any, node: str | None, field: str, complain: Complain) -> Template:
        """The template in a value. Complains about braces that never close. Raises Enough past the bounds."""
        match value:
            case str():
                return self._text(value, node, field, complain)
            case list():
                items = tuple(
                    self.build(item, node, f"{field}[{index}]", complain) for index, item in enumerate(value)
                )
                is_plain = all(isinstance(item, Constant) for item in items)
                return Constant(value) if is_plain else Items(items)
            case dict():
                members = {
                    name: self.build(item, node, f"{field}.{name}", complain) for name, item in value.items()
                }
                is_plain = all(isinstance(member, Constant) for member in members.values())
                return Constant(value) if is_plain else Members(members)
            case _:
                return Constant(value)

    def _text(self, text: str, node: str | None, field: str, complain: Complain) -> Template:
        if "{{" not in text:
            return Constant(text)
        try:
            pieces = split(text)
        except Unclosed as unclosed:
            message = "This “{{” is never closed with “}}”. For the braces themselves write {{ '{{' }}."
            complain(field, unclosed.start + 1, message)
            return Constant(None)
        spoken = [piece for piece in pieces if piece.is_expression or piece.text.strip()]
        if len(spoken) == 1:
            return Whole(self._expression(spoken[0], node, field, complain))
        return Joined(
            tuple(
                self._expression(piece, node, field, complain) if piece.is_expression else piece.text
                for piece in pieces
            )
        )

    def _expression(self, piece: Piece, node: str | None, field: str, complain: Complain) -> Expression:
        self._expressions += 1
        self._characters += len(piece.text)
        if self._expressions > MAX_EXPRESSIONS or self._characters > MAX_CHARACTERS:
            message = (
                f"A workflow holds at most {MAX_EXPRESSIONS:,} expressions of {MAX_CHARACTERS:,} characters "
                "together; this one holds more."
            )
            complain(field, None, message)
            raise Enough
        return Expression(piece.text, node, field, piece.start, self._roots)


def expressions_in(template: Template) -> Iterator[Expression]:
    """Every expression of a template."""
    match template:
        case Whole(expression):
            yield expression
        case Joined(parts):
            yield from (part for part in parts if isinstance(part, Expression))
        case Items(items):
            for item in items:
                yield from expressions_in(item)
        case Members(members):
            for member in members.values():
                yield from expressions_in(member)
