"""Which way a flow goes: edges that lead on or do not, joins, and what is said of ways that are none."""

from typing import Any

import pytest

from app.flow import plan
from app.flow.check import check
from app.flow.document import parse
from app.flow.program import Program, compile_program
from app.flow.states import StepStatus
from app.steps.discovery import catalog

CASES = {"cases": [{"name": "large", "when": "{{ inputs.n > 3 }}"}, {"name": "small", "when": True}]}


def node(node_id: str, kind: str = "core.set", **fields: Any) -> dict[str, Any]:
    given = fields.pop("values", {"value": 1})
    return {"id": node_id, "type": kind, "with": given, **fields}


def document(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "name": "Ways", "inputs": {"n": {"type": "number"}}, "nodes": list(nodes)}


def program(*nodes: dict[str, Any]) -> Program:
    raw = document(*nodes)
    assert check(raw, catalog()) == []
    return compile_program(parse(raw), catalog())


def leads(compiled: Program, before: str, after: str, status: StepStatus, **outputs: Any) -> bool:
    return plan.leads_on(compiled.nodes[before], compiled.nodes[after], status, outputs)


def test_a_way_leads_on_only_where_it_was_taken() -> None:
    compiled = program(
        node("route", "core.switch", values=CASES),
        node("big", needs=["route.large"]),
        node("either", needs=["route.large", "route.else"]),
        node("whatever", needs=["route"]),
    )
    done = StepStatus.completed
    assert [leads(compiled, "route", "big", done, case=case) for case in ("large", "small", "else")] == [
        True,
        False,
        False,
    ]
    assert [leads(compiled, "route", "either", done, case=case) for case in ("large", "small", "else")] == [
        True,
        False,
        True,
    ]
    assert leads(compiled, "route", "whatever", done, case="small")
    assert not leads(compiled, "route", "whatever", StepStatus.skipped, case=None)


def test_what_a_failure_leads_to_depends_on_its_policy() -> None:
    compiled = program(
        node("strict"),
        node("tolerant", on_error="continue"),
        node("careful", on_error={"go": "rescue"}),
        node("next", needs=["strict", "tolerant", "careful"]),
        node("rescue"),
    )
    failed, done = StepStatus.failed, StepStatus.completed
    assert not leads(compiled, "strict", "next", failed)
    assert leads(compiled, "tolerant", "next", failed)
    assert not leads(compiled, "careful", "next", failed)
    assert leads(compiled, "careful", "rescue", failed)
    assert leads(compiled, "careful", "next", done)
    assert not leads(compiled, "careful", "rescue", done)
    assert [plan.goes_on(compiled.nodes[name]) for name in ("strict", "tolerant", "careful")] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("join", "waits_for", "led_here", "opens", "runs"),
    [
        ("all", 1, 1, False, None),
        ("all", 0, 1, True, True),
        ("all", 0, 0, True, False),
        ("any", 2, 0, False, None),
        ("any", 2, 1, True, True),
        ("any", 0, 0, True, False),
        ("always", 1, 1, False, None),
        ("always", 0, 0, True, True),
    ],
)
def test_a_join_opens_by_its_rule(
    join: str, waits_for: int, led_here: int, opens: bool, runs: bool | None
) -> None:
    compiled = program(node("a"), node("b"), node("c"), node("after", needs=["a", "b", "c"], join=join))
    after = compiled.nodes["after"]
    assert plan.may_open(after, waits_for=waits_for, led_here=led_here) is opens
    if opens:
        opening = plan.open_node(after, {"inputs": {}, "steps": {}}, led_here=led_here)
        assert isinstance(opening, plan.Run) is runs


def test_a_root_needs_nobody_to_lead_to_it() -> None:
    compiled = program(node("a"))
    assert isinstance(plan.open_node(compiled.nodes["a"], {}, led_here=0), plan.Run)


def test_a_stop_is_made_once_and_only_where_the_condition_holds() -> None:
    compiled = program(node("a", mode="stop"), node("b", mode="stop", when=False))
    assert isinstance(plan.open_node(compiled.nodes["a"], {}, led_here=0), plan.Hold)
    assert isinstance(plan.open_node(compiled.nodes["a"], {}, led_here=0, is_started=True), plan.Run)
    assert isinstance(plan.open_node(compiled.nodes["b"], {}, led_here=0), plan.Skip)


FAULTS: list[tuple[list[dict[str, Any]], str, str, str]] = [
    (
        [node("route", "core.switch", values=CASES), node("x", needs=["route.huge"])],
        "x",
        "needs[0]",
        "No way “huge” leads on from “route”. There is “else”, “large” and “small”.",
    ),
    (
        [node("a"), node("x", needs=["a.large"])],
        "x",
        "needs[0]",
        "“a” is of type core.set: only one way leads on from it. Write “a” alone.",
    ),
    (
        [node("a", on_error={"go": "nobody"})],
        "a",
        "on_error",
        "There is no step “nobody” to go to. There is “a”.",
    ),
    (
        [node("a", on_error={"go": "a"})],
        "a",
        "on_error",
        "A step cannot go to itself on an error; “retry” tries it again.",
    ),
    (
        [node("a", on_error={"go": "b"}, needs=["b"]), node("b")],
        "a",
        "",
        "These steps wait for one another in a circle: a → b → a. Take one reference out.",
    ),
]


@pytest.mark.parametrize(("nodes", "at", "field", "message"), FAULTS)
def test_a_way_that_is_none_is_said(nodes: list[dict[str, Any]], at: str, field: str, message: str) -> None:
    (complaint,) = check(document(*nodes), catalog())
    assert (complaint.node, complaint.field or "", complaint.message) == (at, field, message)


def test_names_of_ways_that_an_expression_makes_are_believed() -> None:
    hidden = {"cases": [{"name": "{{ inputs.n > 3 ? 'a' : 'b' }}", "when": True}]}
    assert (
        check(document(node("route", "core.switch", values=hidden), node("x", needs=["route.a"])), catalog())
        == []
    )
