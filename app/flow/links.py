"""How the nodes of a definition lead to one another: by references, by `needs`, by `on_error`."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.flow.complaints import About, Complaints
from app.flow.definition import Go
from app.flow.graph import Circles, Edge, Graph, build_graph
from app.flow.names import Names
from app.flow.parts import NodeParts, named
from app.flow.wording import suggestion

MOST_TOLD: Final = 12  # steps of one circle; two thousand of them are no sentence


class Links:
    """Which nodes each one waits for; notes at every node what it reads and how it is led to."""

    def __init__(self, nodes: Mapping[str, NodeParts], names: Names, complaints: Complaints) -> None:
        """`names`: every step by its id, broken ones too, which are believed. Raises Enough."""
        self._nodes = nodes
        self._names = names
        self._complaints = complaints
        self.dependencies: dict[str, set[str]] = {}
        for name, parts in nodes.items():
            complain = About(complaints, name)
            read = frozenset().union(*(expression.reads for expression in parts.expressions()))
            parts.reads = frozenset(node for node in read if node in nodes)
            parts.asks = frozenset(named(parts.expressions(), "inputs"))
            parts.callbacks = frozenset(named(parts.expressions(), "callbacks"))
            if name in read:
                complain(
                    None, None, f"Step “{name}” reads its own outputs; they are known only when it is done."
                )
            self.dependencies[name] = {*parts.reads, *self._needs_of(name, parts)} - {name}
        for name, parts in nodes.items():
            if isinstance(parts.node.on_error, Go):
                target = self._target_of(name, parts.node.on_error.go)
                if target is not None:
                    self.dependencies[target].add(name)

    def graph(self) -> Graph | None:
        """The graph, None where steps wait for one another; complains about each circle."""
        try:
            return build_graph(self.dependencies)
        except Circles as found:
            for circle in found.circles:
                message = (
                    f"These steps wait for one another in a circle: {_trail(circle)}. Take one reference out."
                )
                About(self._complaints, circle[0])(None, None, message)
            return None

    def _needs_of(self, name: str, parts: NodeParts) -> set[str]:
        """The nodes that `needs` names; `route.large` names one way out of a node."""
        complain = About(self._complaints, name)
        needed: set[str] = set()
        ways: dict[str, set[str]] = {}
        for index, need in enumerate(parts.node.needs):
            field = f"needs[{index}]"
            node, dot, way = need.partition(".")
            if node == name:
                complain(field, None, f"Step “{name}” cannot wait for itself.")
            elif node not in self._names.steps:
                complain(field, None, f"There is no step “{node}”.{suggestion(node, self._names.steps)}")
            elif node in self._nodes:
                needed.add(node)
                if dot and self._has_way(node, way, field, complain):
                    ways.setdefault(node, set()).add(way)
        parts.edges |= {node: Edge(ways=frozenset(names)) for node, names in ways.items()}
        return needed

    def _has_way(self, node: str, way: str, field: str, complain: About) -> bool:
        """Whether `way` may lead out of a node, as far as the document tells."""
        parts = self._nodes[node]
        if parts.spec is None:
            return True
        branches = parts.spec.branches
        if branches is None or parts.node.each is not None:
            why = "runs once an item" if branches else f"is of type {parts.spec.kind}"
            complain(field, None, f"“{node}” {why}: only one way leads on from it. Write “{node}” alone.")
            return False
        known = branches.among(parts.node.with_)
        if known is None or way in known:
            return True
        hint = branches.condition(way) or suggestion(way, known)
        complain(field, None, f"No way “{way}” leads on from “{node}”.{hint}")
        return False

    def _target_of(self, name: str, target: str) -> str | None:
        """The node that `on_error` goes to, if there is one."""
        complain = About(self._complaints, name)
        if target == name:
            complain("on_error", None, "A step cannot go to itself on an error; “retry” tries it again.")
        elif target not in self._names.steps:
            hint = suggestion(target, self._names.steps)
            complain("on_error", None, f"There is no step “{target}” to go to.{hint}")
        elif target in self._nodes:
            self._nodes[target].edges[name] = Edge(on_failure=True)
            return target
        return None


def _trail(circle: Sequence[str]) -> str:
    """The steps of a circle in order, the first again at the end."""
    if len(circle) <= MOST_TOLD:
        return " → ".join(circle)
    head, last = " → ".join(circle[: MOST_TOLD - 2]), " → ".join(circle[-2:])
    return f"{head} → … → {last} ({len(circle) - 1:,} steps)"
