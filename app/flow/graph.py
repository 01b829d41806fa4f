"""The graph of a workflow: what waits for what, in which order, and the circle if there is one.

A dependency comes from a reference in an expression, from `needs` or from `on_error`. All of them order the
nodes alike; which of them lead on, once the node before has settled, an `Edge` says.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec


class Edge(msgspec.Struct, frozen=True):
    """How one node leads to another. Without `ways` and `on_failure`: whenever it was not skipped."""

    ways: frozenset[str] = frozenset()  # leads on only where the node before took one of these
    on_failure: bool = False  # leads on only where the node before failed


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow without circles. `order` names each node after all it depends on."""

    dependencies: Mapping[str, frozenset[str]]
    successors: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    roots: tuple[str, ...]


class Circles(Exception):
    """Some nodes wait for one another; each circle names its nodes in order, the first again at the end."""

    def __init__(self, circles: list[tuple[str, ...]]) -> None:
        self.circles = circles
        super().__init__("; ".join(" → ".join(circle) for circle in circles))


def build_graph(dependencies: Mapping[str, AbstractSet[str]]) -> Graph:
    """The graph of these nodes; the order of the mapping decides between equals. Raises Circles.

    Every dependency must itself be a node. Work grows with nodes and edges, not with their square.
    """
    position = {node: index for index, node in enumerate(dependencies)}
    successors: dict[str, list[str]] = {node: [] for node in dependencies}
    for node, needed in dependencies.items():
        for name in needed:
            successors[name].append(node)  # in the order of the mapping, as its nodes come by
    waiting = {node: len(needed) for node, needed in dependencies.items()}
    roots = tuple(node for node, open_count in waiting.items() if open_count == 0)
    order = list(roots)
    for node in order:  # grows while it is walked: each settled node lets its successors in
        for successor in successors[node]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                order.append(successor)
    if len(order) < len(dependencies):
        stuck = {node: needed for node, needed in dependencies.items() if waiting[node] > 0}
        raise Circles(_find_circles(stuck, position))
    return Graph(
        dependencies={node: frozenset(needed) for node, needed in dependencies.items()},
        successors={node: tuple(after) for node, after in successors.items()},
        order=tuple(order),
        roots=roots,
    )


def _find_circles(
    stuck: Mapping[str, AbstractSet[str]], position: Mapping[str, int]
) -> list[tuple[str, ...]]:
    """Circles that share no node, among nodes that never became free; at least one."""
    circles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in stuck:
        trail: dict[str, None] = {}
        node: str | None = start
        while node is not None and node not in done and node not in trail:
            trail[node] = None
            # What waits for a circle is itself no circle: those ends of the walk are left behind as done.
            node = min(
                (name for name in stuck[node] if name in stuck), key=position.__getitem__, default=None
            )
        if node in trail:
            walked = list(trail)
            circles.append(_turned(walked[walked.index(str(node)) :], position))
        done.update(trail)
    return circles


def _turned(walk: list[str], position: Mapping[str, int]) -> tuple[str, ...]:
    """A circle in the direction the work would flow, beginning with the node written first."""
    walk.reverse()
    start = walk.index(min(walk, key=position.__getitem__))
    turned = walk[start:] + walk[:start]
    return (*turned, turned[0])
