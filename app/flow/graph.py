"""The graph of a workflow: what waits for what, in which order, and the circle if there is one.

A dependency comes from a reference in an expression or from `needs`; both are edges alike.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow without circles. `order` names each node after all it depends on."""

    dependencies: Mapping[str, frozenset[str]]
    successors: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    roots: tuple[str, ...]


class Circle(Exception):
    """Some nodes wait for one another; `nodes` names them in order, the first again at the end."""

    def __init__(self, nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        super().__init__(" → ".join(nodes))


def build_graph(dependencies: Mapping[str, AbstractSet[str]]) -> Graph:
    """The graph of these nodes; the order of the mapping decides between equals. Raises Circle.

    Every dependency must itself be a node. Work grows with nodes and edges, not with their square.
    """
    successors: dict[str, list[str]] = {node: [] for node in dependencies}
    for node, needed in dependencies.items():
        for name in needed:
            successors[name].append(node)
    position = {node: index for index, node in enumerate(dependencies)}
    waiting = {node: len(needed) for node, needed in dependencies.items()}
    roots = tuple(node for node, open_count in waiting.items() if open_count == 0)
    order = list(roots)
    for node in order:  # grows while it is walked: each settled node lets its successors in
        for successor in sorted(successors[node], key=position.__getitem__):
            waiting[successor] -= 1
            if waiting[successor] == 0:
                order.append(successor)
    if len(order) < len(dependencies):
        raise Circle(_find_circle(dependencies, set(dependencies) - set(order)))
    return Graph(
        dependencies={node: frozenset(needed) for node, needed in dependencies.items()},
        successors={
            node: tuple(sorted(after, key=position.__getitem__)) for node, after in successors.items()
        },
        order=tuple(order),
        roots=roots,
    )


def _find_circle(dependencies: Mapping[str, AbstractSet[str]], stuck: set[str]) -> tuple[str, ...]:
    """One circle among nodes that never became free, in the order work would flow."""
    # Each stuck node depends on another stuck one, so following them must meet a node twice.
    trail: dict[str, int] = {}
    node = next(name for name in dependencies if name in stuck)
    while node not in trail:
        trail[node] = len(trail)
        node = min(name for name in dependencies[node] if name in stuck)
    circle = [name for name, place in trail.items() if place >= trail[node]]
    circle.reverse()
    start = circle.index(min(circle, key=list(dependencies).index))
    turned = circle[start:] + circle[:start]
    return (*turned, turned[0])
