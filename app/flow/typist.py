"""Gives every expression of a document its type, with one environment for each set of names."""

from collections.abc import Mapping

from app.flow.expressions import Environment
from app.flow.names import INSIDE, Inside, Names, Variable
from app.flow.placed import Complain, Expression


class Typist:
    """Types the expressions of one document: first all names, then all types."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._variables: dict[str, Variable] = {}
        # Also by how many variables were known: the inner lists of a nested fan-out are found late.
        self._environments: dict[
            tuple[Inside | None, bool, int, tuple[tuple[str, str], ...]], Environment
        ] = {}

    def resolve(self, expression: Expression, names: Names, complain: Complain) -> bool:
        """Find the names of one expression; says whether all are there."""
        clean = expression.resolve(names, complain)
        for variable in expression.variables():
            if variable.keys[0] not in INSIDE and variable.keys[0] not in names.locals:
                self._variables[variable.name] = variable
        return clean

    def settle(
        self, expression: Expression, inside: Inside | None, complain: Complain, local: Mapping[str, str]
    ) -> bool:
        """Give a resolved expression its type, and its program unless it is a plain path.

        `local`: the names that only this expression knows.
        """
        if expression.is_path:
            return True
        relaxed = expression.mentions_null
        known = (inside, relaxed, len(self._variables), tuple(sorted(local.items())))
        environment = self._environments.get(known)
        if environment is None:
            environment = self._environments[known] = self._environment(inside, relaxed, local)
        return expression.compile(environment, complain)

    def _environment(self, inside: Inside | None, relaxed: bool, local: Mapping[str, str]) -> Environment:
        """The names as the library is told them. `relaxed`: what may be null is of any type."""
        known = {name: variable.type for name, variable in self._variables.items()}
        if relaxed:
            nullable = {
                name for name, variable in self._variables.items() if self._names.may_be_null(variable)
            }
            known |= dict.fromkeys(nullable, "json")
        for name, kind in (inside.variables() if inside else {}).items():
            known[name] = "json" if relaxed and kind != "integer" else kind
        return Environment({**known, **local})
