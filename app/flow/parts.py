"""One node of a definition taken apart: its templates, its step type, and what its expressions read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from app.flow.catalog import StepSpec
from app.flow.definition import Node, OnError, OnItemError
from app.flow.each import Each
from app.flow.graph import Edge
from app.flow.names import Inside
from app.flow.placed import Expression
from app.flow.signatures import Signature
from app.flow.templates import Template, expressions_in

if TYPE_CHECKING:
    from app.flow.analysis import Analysis


class NodeParts(msgspec.Struct, kw_only=True):
    """One node's templates, its step type if there is one, and what it reads."""

    node: Node
    spec: StepSpec | None
    values: Mapping[str, Template]
    later: Mapping[str, Template] = {}  # worked out while the step runs, with the names its port declares
    body: Analysis | None = None  # the workflow that is written into it
    called: Signature | None = None  # of the workflow it runs, where it is known
    when: Template | None
    each: Each | None
    inside: Inside | None = None  # what its values know of its items, where the node has each
    reads: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()  # the inputs of the workflow that its expressions read
    callbacks: frozenset[str] = frozenset()  # the nodes whose addresses they read
    edges: dict[str, Edge] = {}  # by the node that leads here; the rest follow plain references

    @property
    def collects(self) -> bool:
        """Whether failed items are marked in their place while the others go on."""
        if self.each is None:
            return False
        by_default = OnItemError.collect if self.node.on_error is OnError.continue_ else OnItemError.fail_fast
        return (self.node.on_item_error or by_default) is OnItemError.collect

    def opening_expressions(self) -> Iterator[Expression]:
        """Those of `when` and of the first list of `each`: decided before there is any item."""
        if self.each is not None:
            yield from self.each.expressions(0)
        if self.when is not None:
            yield from expressions_in(self.when)

    def rule_expressions(self) -> Iterator[Expression]:
        """Every expression of `when` and `each`."""
        if self.each is not None:
            yield from self.each.every_expression()
        if self.when is not None:
            yield from expressions_in(self.when)

    def value_expressions(self) -> Iterator[Expression]:
        """The expressions of `with`."""
        for template in self.values.values():
            yield from expressions_in(template)

    def expressions(self) -> Iterator[Expression]:
        """Every one of this node."""
        yield from self.rule_expressions()
        yield from self.value_expressions()
        yield from self.later_expressions()

    def locals_of(self, name: str) -> Mapping[str, str]:
        """The names that what is worked out for this input knows beside all others, by their types."""
        port = None if self.spec is None else self.spec.input(name)
        return {} if port is None else port.locals

    def later_expressions(self) -> Iterator[Expression]:
        """The expressions of what is worked out while the step runs."""
        for template in self.later.values():
            yield from expressions_in(template)


def named(expressions: Iterable[Expression], root: str) -> Iterator[str]:
    """What these read of one root: the names behind it."""
    for expression in expressions:
        for variable in expression.variables():
            if variable.keys[0] == root:
                yield variable.keys[1]
