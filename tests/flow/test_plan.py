"""Decisions: opening, retrying, giving up, gathering; pure functions, so many cases in no time."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow import plan
from app.flow.definition import MAX_ITEMS, Retry
from app.flow.document import parse
from app.flow.each import Spread
from app.flow.messages import ErrorClass, StepError
from app.flow.program import Program, compile_program
from app.steps.discovery import catalog


def program(*nodes: dict[str, Any], **fields: Any) -> Program:
    """A compiled document of these nodes."""
    return compile_program(parse({"schema": 1, "name": "Plan", "nodes": list(nodes), **fields}), catalog())


def value(node_id: str, text: Any, **fields: Any) -> dict[str, Any]:
    """A core.set node."""
    return {"id": node_id, "type": "core.set", "with": {"value": text}, **fields}


def opened(node: dict[str, Any], inputs: dict[str, Any], **fields: Any) -> plan.Opening:
    """What becomes of one node on these inputs."""
    compiled = program(node, inputs={name: {"type": "json"} for name in inputs}, **fields)
    return plan.open_node(compiled.nodes[node["id"]], {"inputs": inputs, "steps": {}}, led_here=0)


def test_a_step_opens_by_its_rules() -> None:
    assert opened(value("a", "{{ inputs.x }}"), {"x": 5}) == plan.Run({"value": 5})
    assert isinstance(opened(value("a", 1, mode="skip"), {}), plan.Skip)
    assert isinstance(opened(value("a", 1, when="{{ inputs.x == 1.0 }}"), {"x": 2.0}), plan.Skip)
    assert opened(value("a", "{{ item }}", each="{{ inputs.x }}"), {"x": [1, 2]}) == Spread(([1, 2],), 2)


def test_a_value_that_does_not_fit_breaks_the_step_as_bad_input() -> None:
    found = opened(value("a", "{{ item }}", each="{{ inputs.x }}"), {"x": "no list"})
    assert isinstance(found, plan.Broken)
    assert found.error.error_class is ErrorClass.bad_input


def test_a_list_beyond_the_bound_is_refused() -> None:
    found = opened(value("a", "{{ item }}", each="{{ inputs.x }}"), {"x": [0] * (MAX_ITEMS + 1)})
    assert isinstance(found, plan.Broken)
    assert found.error == StepError(
        error_class=ErrorClass.refused,
        message="each: 10,001 items are too many; a step runs for at most 10,000.",
        remedy="Split the list over several instances.",
    )


@given(
    st.integers(0, 20),
    st.floats(0, 3600),
    st.integers(1, 30),
    st.sampled_from(ErrorClass),
    st.none() | st.floats(0, 10_000),
)
def test_retries_are_counted_bounded_and_never_too_soon(
    most: int, backoff_s: float, failures: int, error_class: ErrorClass, wished_s: float | None
) -> None:
    retry = Retry(max=most, backoff_s=backoff_s, jitter=0, on=(ErrorClass.transient, ErrorClass.timeout))
    error = StepError(error_class=error_class, message="x", retry_after_s=wished_s)
    delay_s = plan.retry_delay((retry,), error, failures)
    if delay_s is None:
        assert failures > most or error_class not in retry.on
    else:
        assert failures <= most
        assert error_class in retry.on
        assert min(backoff_s, plan.BACKOFF_CAP_S) <= delay_s <= plan.BACKOFF_CAP_S


def test_backoff_doubles_and_a_remote_wish_is_kept() -> None:
    retry = Retry(max=9, backoff_s=2.0, on=(ErrorClass.transient,))
    plain = StepError(error_class=ErrorClass.transient, message="x")
    assert [plan.retry_delay((retry,), plain, n) for n in (1, 2, 3)] == [2.0, 4.0, 8.0]
    patient = StepError(error_class=ErrorClass.transient, message="x", retry_after_s=30.0)
    assert plan.retry_delay((retry,), patient, 1) == 30.0
    assert plan.retry_delay((), plain, 1) is None


def test_poison_is_found_after_five_and_not_before() -> None:
    assert [plan.poison(lost) is None for lost in range(1, 6)] == [True] * 4 + [False]


def test_those_who_die_together_are_spread_over_more_and_more_time() -> None:
    assert [plan.apart_s(number, 1.0) for number in (1, 5, 6, 7, 8, 50)] == [0, 0, 2, 4, 8, 60]
    assert plan.apart_s(50, 0.0) == 0


def test_a_walk_reaches_through_inline_steps_and_stops_at_others() -> None:
    work = {"type": "debug.work"}
    found = program(
        value("a", 1),
        value("b", 1, needs=["a"]),
        {"id": "c", **work, "needs": ["b"]},
        value("d", 1, needs=["c"]),
    )
    assert plan.reach(found, ["a"]) == {"b", "c"}
    assert plan.reach(found, ["c"]) == {"d"}
    assert plan.reach(found, ["d"]) == frozenset()


@given(st.lists(st.none() | st.fixed_dictionaries({"value": st.integers()}), max_size=20))
def test_gathering_keeps_order_and_marks_what_failed(items: list[dict[str, int] | None]) -> None:
    node = program(value("a", 1)).nodes["a"]
    gathered = [None if item is None else item["value"] for item in items]
    assert plan.gather(node, len(items), items) == {"value": gathered}
    assert plan.blank(node) == {"value": None}


@given(st.uuids(), st.text(min_size=1), st.lists(st.integers(0, 9999), max_size=3))
def test_a_seed_is_steady_and_exact_in_json(instance: UUID, node_id: str, path: list[int]) -> None:
    first = plan.seed(instance, node_id, path)
    assert first == plan.seed(instance, node_id, path)
    assert 0 <= first < 2**53


def test_seeds_of_neighbours_differ() -> None:
    instance = UUID(int=1)
    seeds = {plan.seed(instance, "a", path) for path in ([], [0], [1], [0, 1], [1, 0])}
    assert len(seeds) == 5


@pytest.mark.parametrize(("given_parallel", "window"), [(None, plan.WINDOW_DEFAULT), (1, 1), (500, 500)])
def test_the_window_is_what_the_document_says(given_parallel: int | None, window: int) -> None:
    node = value("a", "{{ item }}", each="{{ [1] }}")
    if given_parallel is not None:
        node["max_parallel"] = given_parallel
    assert plan.window(program(node).nodes["a"]) == window


def test_each_class_of_failures_has_its_policy_its_bound_and_its_jitter() -> None:
    often = Retry(max=5, backoff_s=10, max_backoff_s=25, jitter=0.5, on=(ErrorClass.transient,))
    once = Retry(max=1, backoff_s=1, on=(ErrorClass.timeout, ErrorClass.transient))
    policies = (often, once)
    flaky = StepError(error_class=ErrorClass.transient, message="x")
    slow = StepError(error_class=ErrorClass.timeout, message="x")
    assert [plan.retry_delay(policies, flaky, n) for n in (1, 2, 3, 5, 6)] == [10, 20, 25, 25, None]
    assert [plan.retry_delay(policies, slow, n) for n in (1, 2)] == [1, None]
    assert [plan.retry_delay(policies, flaky, 1, chance) for chance in (0.0, 0.5, 1.0)] == [10, 12.5, 15]
    assert plan.retry_delay(policies, StepError(error_class=ErrorClass.bug, message="x"), 1) is None
