"""One `{{ … }}` in its place: names found, type known, ready to be evaluated against the scope of a run.

A plain path (`{{ steps.a.outputs.b }}`) is looked up without the expression library: it is the common case,
keeps what it finds as it is, and costs no copy of a list of ten thousand files.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.flow.expressions import Compiled, Environment, to_cel
from app.flow.fault import Fault
from app.flow.messages import ErrorClass
from app.flow.names import Variable, Vocabulary, look_up, walk
from app.flow.scanner import ROOTS, Path, loops_of, paths_of, tokens_of
from app.flow.wording import count, say_value, suggestion
from app.kit.errors import Complaint

Scope = Mapping[str, Any]
Complain = Callable[[str | None, int | None, str], None]  # field, column from 1, sentence


class ExpressionFailed(Exception):
    """An expression met values it cannot work with: the step's input is bad (class `bad_input`)."""

    error_class: ErrorClass = ErrorClass.bad_input
    remedy: str | None = None

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
        *("_compiled", "_offset", "_paths", "_roots", "_tail", "_tokens", "_variables", "column", "field"),
        *("is_path", "mentions_null", "node", "reads", "text", "type"),
    )

    def __init__(
        self, text: str, node: str | None, field: str, offset: int, roots: Collection[str] = ROOTS
    ) -> None:
        """`roots`: the names that paths may begin with here."""
        self.text = text
        self.node = node
        self.field = field
        self.type = "json"
        self._offset = offset  # characters of the field's text before this one
        self._roots = roots
        self._tokens = tokens_of(text)
        self._paths = tuple(paths_of(self._tokens, roots))
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

    def resolve(self, names: Vocabulary, complain: Complain) -> bool:
        """Find every name. Complains about each that is not there; says whether all are."""
        if not self._tokens:
            complain(self.field, self.column, "There is nothing between “{{” and “}}”.")
            return False
        clean = True
        variables: dict[str, Variable] = {}
        shadowing = [loop for loop in loops_of(self._tokens) if loop.variable in self._roots]
        for path in self._paths:
            if any(loop.variable == path.root for loop in shadowing):
                continue
            try:
                variable, tail = names.resolve(path)
                self._refuse_has(path, tail)
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

    def _refuse_has(self, path: Path, tail: tuple[str | int, ...]) -> None:
        # The library answers has(inputs.title) with the title itself: the name is one variable to it.
        before = self._tokens[max(0, path.first - 2) : path.first]
        after = self._tokens[path.last + 1 : path.last + 2]
        if not tail and [token.text for token in (*before, *after)] == ["has", "(", ")"]:
            name = ".".join(map(str, path.parts))
            raise Fault(before[0].start, f"Ask whether it has a value with {name} != null.")
