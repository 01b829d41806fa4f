"""The graph: an order that keeps every promise, circles by name, bounded work."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow.graph import Circles, build_graph


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, set[str]]:
    """Nodes in any order, each depending on some of those with a lower number."""
    size = draw(st.integers(0, 12))
    needed = {
        f"n{node}": {f"n{each}" for each in draw(st.sets(st.integers(0, node - 1), max_size=4))}
        if node
        else set()
        for node in range(size)
    }
    names = draw(st.permutations(list(needed)))
    return {name: needed[name] for name in names}


@given(acyclic())
def test_every_node_stands_after_all_it_depends_on(dependencies: dict[str, set[str]]) -> None:
    graph = build_graph(dependencies)
    place = {name: index for index, name in enumerate(graph.order)}
    assert sorted(graph.order) == sorted(dependencies)
    assert all(place[first] < place[node] for node, needed in dependencies.items() for first in needed)
    assert set(graph.roots) == {node for node, needed in dependencies.items() if not needed}
    assert {(a, b) for a, after in graph.successors.items() for b in after} == {
        (a, b) for b, needed in dependencies.items() for a in needed
    }


@given(acyclic(), st.data())
def test_a_circle_is_found_and_is_one(dependencies: dict[str, set[str]], data: st.DataObject) -> None:
    names = list(dependencies)
    if not names:
        return
    ring = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True))
    for before, after in zip(ring, ring[1:] + ring[:1], strict=True):
        dependencies[after] = dependencies[after] | {before}
    with pytest.raises(Circles) as caught:
        build_graph(dependencies)
    for circle in caught.value.circles:
        assert circle[0] == circle[-1]
        assert len(set(circle)) == len(circle) - 1
        assert all(before in dependencies[after] for before, after in itertools.pairwise(circle))


def test_two_circles_are_both_named_in_the_order_of_the_work() -> None:
    with pytest.raises(Circles) as caught:
        build_graph({"a": {"c"}, "b": {"a"}, "c": {"b"}, "d": {"a", "e"}, "e": {"d"}, "f": {"e"}})
    assert caught.value.circles in ([("a", "b", "c", "a"), ("d", "e", "d")], [("a", "b", "c", "a")])
    assert str(caught.value).startswith("a → b → c → a")


def test_equals_keep_the_order_they_were_written_in() -> None:
    graph = build_graph({"z": set(), "b": {"z"}, "a": {"z"}, "end": {"a", "b"}})
    assert graph.order == ("z", "b", "a", "end")
    assert graph.successors["z"] == ("b", "a")
    assert graph.roots == ("z",)


def test_a_long_chain_and_a_wide_join_take_linear_work() -> None:
    chain = {f"n{index}": {f"n{index - 1}"} if index else set() for index in range(50_000)}
    chain["end"] = set(chain)
    assert len(build_graph(chain).order) == 50_001
