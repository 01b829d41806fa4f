"""Gives every expression of a document its type, with one environment for each set of names."""

from app.flow.expressions import Environment
from app.flow.names import Names, Variable
from app.flow.placed import Complain, Expression


class Typist:
    """Types the expressions of one document: first all names, then all types."""

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
