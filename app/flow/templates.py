"""Values with `{{ … }}` in them: found once, typed against the names there are, rendered many times.

A value that is one expression keeps its type; expressions inside other text are joined to text; lists and
objects are walked. A plain path (`{{ steps.a.outputs.b }}`) is looked up without the expression library: it
is the common case, keeps what it finds as it is, and costs no copy of a list of ten thousand files.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from app.flow.complaints import Enough
from app.flow.expressions import Compiled, Environment, Fault, to_cel
from app.flow.messages import ErrorClass
from app.flow.names import Names, Variable, look_up, walk
from app.flow.scanner import ROOTS, Path, Piece, Unclosed, loops_of, paths_of, split, tokens_of
from app.flow.wording import count, number, say_value, suggestion
from app.kit.codec import encode_text
from app.kit.errors import Complaint

# In one document. Reading an expression takes 60 µs, and 3 µs a character at worst: 1.5 s together.
MAX_EXPRESSIONS: Final = 20_000
MAX_CHARACTERS: Final = 500_000
Scope = Mapping[str, Any]
Complain = Callable[[str | None, int | None, str], None]  # field, column from 1, sentence


class ExpressionFailed(Exception):
    """An expression met values it cannot work with: the step's input is bad (class `bad_input`)."""

    error_class: Final = ErrorClass.bad_input

    def __init__(self, node: str | None, field: str, column: int | None, message: str) -> None:
        self.node = node
        self.field = field
        self.column = column
        self.message = message
        super().__init__(f"{field}: {message}" if column is None else f"{field}, column {column}: {message}")

    def complaint(self) -> Complaint:
        """The same, as a complaint."""
        return Complaint(message=self.message, node=self.node, field=self.field, column=self.column)


class Expression:
    """One `{{ … }}` and where it stands. `type` is known once it has been settled."""

    __slots__ = (
        *("_compiled", "_offset", "_paths", "_tail", "_tokens", "_variables", "column", "field"),
        *("is_path", "mentions_null", "node", "reads", "text", "type"),
    )

    def __init__(self, text: str, node: str | None, field: str, offset: int) -> None:
        self.text = text
        self.node = node
        self.field = field
        self.type = "json"
        self._offset = offset  # characters of the field's text before this one
        self._tokens = tokens_of(text)
        self._paths = tuple(paths_of(self._tokens))
        self._variables: tuple[Variable, ...] = ()
        self._tail: tuple[str | int, ...] = ()
        self._compiled: Compiled | None = None
        # Where the first word stands in the field, from 1.
        self.column = offset + (self._tokens[0].start if self._tokens else 0) + 1
        # Nothing but a path: `steps.a.outputs.b`.
        self.is_path = len(self._paths) == 1 and self._paths[0].last + 1 == len(self._tokens)
        self.is_path = self.is_path and self._paths[0].first == 0
        # The author thought of missing values; only then may anything be compared with null.
        self.mentions_null = any(token.text == "null" for token in self._tokens)
        # The ids of the steps this reads, whether or not they exist.
        self.reads = frozenset(
            str(path.parts[1]) for path in self._paths if path.root == "steps" and len(path.parts) > 1
        )

    def resolve(self, names: Names, complain: Complain) -> bool:
        """Find every name. Complains about each that is not there; says whether all are."""
        if not self._tokens:
            complain(self.field, self.column, "There is nothing between “{{” and “}}”.")
            return False
        clean = True
        variables: dict[str, Variable] = {}
        shadowing = [loop for loop in loops_of(self._tokens) if loop.variable in ROOTS]
        for path in self._paths:
            if any(loop.variable == path.root for loop in shadowing):
                continue
            try:
                self._refuse_has(path)
                variable, tail = names.resolve(path)
                self.type = walk(variable.type, path, tail)
            except Fault as fault:
                clean = False
                complain(self.field, self._offset + fault.start + 1, fault.message)
            else:
                variables[variable.name] = variable
                self._tail = tail
        for loop in shadowing:
            clean = False
            message = f"“{loop.variable}” has a meaning of its own; call the loop's variable otherwise."
            complain(self.field, self._offset + loop.start + 1, message)
        self._variables = tuple(variables.values())
        self._tokens, self._paths = [], ()  # a program is kept for long, and these are most of it
        return clean

    def variables(self) -> tuple[Variable, ...]:
        """What the expression reads, after `resolve`."""
        return self._variables

    def compile(self, environment: Environment, complain: Complain) -> bool:
        """Make it ready to run. Complains where the types do not go together."""
        try:
            self._compiled, self.type = environment.compile(self.text)
        except Fault as fault:
            complain(self.field, self._offset + fault.start + 1, fault.message)
            return False
        return True

    def evaluate(self, scope: Scope) -> Any:
        """The value. Raises ExpressionFailed."""
        try:
            if self._compiled is None:
                return self._walk(look_up(scope, self._variables[0].keys))
            values = {each.name: to_cel(look_up(scope, each.keys), each.type) for each in self._variables}
            return self._compiled.evaluate(values)
        except Fault as fault:
            raise ExpressionFailed(self.node, self.field, self.column, fault.message) from None

    def _walk(self, value: Any) -> Any:
        """Follow a plain path through a value, with the very errors the expression library would find."""
        for part in self._tail:
            if isinstance(part, str) and isinstance(value, dict):
                if part not in value:
                    raise Fault(0, f"There is no “{part}” in this value.{suggestion(part, map(str, value))}")
                value = value[part]
            elif isinstance(part, int) and isinstance(value, list):
                if part >= len(value):
                    items = count(len(value), "item")
                    raise Fault(0, f"There is no item {part}: the list has {items}, counted from 0.")
                value = value[part]
            else:
                wanted = "a field" if isinstance(part, str) else "an item"
                raise Fault(0, f"{wanted.capitalize()} ({part}) was asked of {say_value(value)}.")
        return value

    def _refuse_has(self, path: Path) -> None:
        # The library answers has(inputs.title) with the title itself: the name is one variable to it.
        before = self._tokens[max(0, path.first - 2) : path.first]
        after = self._tokens[path.last + 1 : path.last + 2]
        if [token.text for token in (*before, *after)] == ["has", "(", ")"]:
            length = {"steps": 4, "item": 1, "index": 1}.get(path.root, 2)
            if len(path.parts) <= length:
                name = ".".join(map(str, path.parts))
                raise Fault(before[0].start, f"Ask whether it has a value with {name} != null.")


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
        return "".join(part if isinstance(part, str) else _spoken(part, scope) for part in self.parts)


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

    def __init__(self) -> None:
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
        return Expression(piece.text, node, field, piece.start)


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


def as_text(value: Any) -> str:
    """A value inside other text: nothing for null, a file by its name, lists and objects as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case {"asset": str(), "name": str(name)}:
            return name
        case _:
            return encode_text(value)


class Typist:
    """Types the expressions of one document, with one environment for each set of names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._variables: dict[str, Variable] = {}
        self._environments: dict[tuple[str | None, bool], Environment] = {}

    def resolve(self, expression: Expression, names: Names, complain: Complain) -> bool:
        """Find the names of one expression; before the first `settle` for its item type."""
        clean = expression.resolve(names, complain)
        for variable in expression.variables():
            if variable.keys[0] not in {"item", "index"}:
                self._variables[variable.name] = variable
        return clean

    def settle(self, expression: Expression, item: str | None, complain: Complain) -> bool:
        """Give a resolved expression its type, and its program unless it is a plain path."""
        if expression.is_path:
            return True
        relaxed = expression.mentions_null
        environment = self._environments.get((item, relaxed))
        if environment is None:
            environment = self._environments[item, relaxed] = self._environment(item, relaxed)
        return expression.compile(environment, complain)

    def _environment(self, item: str | None, relaxed: bool) -> Environment:
        """The names as the library is told them. `relaxed`: what may be null is of any type."""
        known = {
            name: "json" if relaxed and self._names.may_be_null(variable) else variable.type
            for name, variable in self._variables.items()
        }
        if item is not None:
            known |= {"item": item, "index": "integer"}
        return Environment(known)
