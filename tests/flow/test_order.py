"""Branches and joins under every order of finishing: each step opens once, every run ends, and ends alike.

The engine keeps two counters a step and asks the plan; here both are kept in memory, so that Hypothesis can
finish steps in any order of any graph.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow import plan
from app.flow.definition import Join
from app.flow.document import parse
from app.flow.each import Spread
from app.flow.program import Program, compile_program
from app.flow.states import STEP_MOVES, StepStatus, is_settled, move
from tests.flow.samples import CATALOG, document, node

S = StepStatus


class Run:
    """One instance in memory: the counters of its steps, moved as the plan says."""

    def __init__(self, program: Program, failing: frozenset[str]) -> None:
        self.program = program
        self.failing = failing  # the steps that will fail
        self.status = dict.fromkeys(program.nodes, S.pending)
        self.waits_for = {name: len(each.dependencies) for name, each in program.nodes.items()}
        self.led_here = dict.fromkeys(program.nodes, 0)
        self.opened: list[str] = []
        for name in program.roots:
            self.open(name)

    @property
    def running(self) -> list[str]:
        return [name for name, status in self.status.items() if status is S.queued]

    def open(self, name: str) -> None:
        assert self.waits_for[name] == 0 or self.program.nodes[name].join is Join.any
        self.opened.append(name)
        match plan.open_node(self.program.nodes[name], {"inputs": {}}, led_here=self.led_here[name]):
            case plan.Skip():
                self.settle(name, S.skipped)
            case plan.Run():
                self.status[name] = move(STEP_MOVES, self.status[name], S.queued)
            case Spread() | plan.Broken() | plan.Hold() as other:
                raise AssertionError(other)

    def finish(self, name: str) -> None:
        self.status[name] = move(STEP_MOVES, self.status[name], S.running)
        self.settle(name, S.failed if name in self.failing else S.completed)

    def settle(self, name: str, status: StepStatus) -> None:
        self.status[name] = move(STEP_MOVES, self.status[name], status)
        before = self.program.nodes[name]
        for after_name in before.successors:
            after = self.program.nodes[after_name]
            self.waits_for[after_name] -= 1
            self.led_here[after_name] += plan.leads_on(before, after, status, {})
            if self.status[after_name] is S.pending and plan.may_open(
                after, waits_for=self.waits_for[after_name], led_here=self.led_here[after_name]
            ):
                self.open(after_name)


def judged(raw: dict[str, Any], failing: frozenset[str]) -> dict[str, StepStatus]:
    """How every step ends, read off the document; right where no join takes the first that comes."""
    ends: dict[str, StepStatus] = {}
    rows = {row["id"]: row for row in raw["nodes"]}
    for name, row in rows.items():  # no step leads back to one written before it
        leading = []
        for before, end in ends.items():
            on_error = rows[before]["on_error"]
            if on_error == {"go": name}:
                leading.append(end is S.failed)
            elif before in row.get("needs", ()):
                leading.append(end is S.completed or (end is S.failed and on_error == "continue"))
        is_reached = not leading or any(leading) or row["join"] == "always"
        if row["mode"] == "skip" or not row["when"] or not is_reached:
            ends[name] = S.skipped
        else:
            ends[name] = S.failed if name in failing else S.completed
    return ends


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A document of steps that lead to one another in every way there is, without circles."""
    size = draw(st.integers(1, 9))
    nodes: list[dict[str, Any]] = []
    for place in range(size):
        fields: dict[str, Any] = {}
        earlier = [f"n{other}" for other in range(place)]
        if earlier:
            fields["needs"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3))
        fields["join"] = draw(st.sampled_from(["all", "all", "always", "any"]))
        fields["mode"] = draw(st.sampled_from(["enabled"] * 5 + ["skip"]))
        fields["when"] = draw(st.sampled_from([True, True, True, False]))
        later = [f"n{other}" for other in range(place + 1, size)]
        fields["on_error"] = draw(
            st.sampled_from(["continue"]) if not later else st.sampled_from(["continue", {"go": later[0]}])
        )
        nodes.append(node(f"n{place}", **fields))
    return document(*nodes)


@given(graphs(), st.frozensets(st.integers(0, 8), max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_finishes_first_each_step_opens_once_and_the_run_ends_alike(
    raw: dict[str, Any], failing: frozenset[int], data: st.DataObject
) -> None:
    program = compile_program(parse(raw), CATALOG)
    names = frozenset(f"n{place}" for place in failing)
    run = Run(program, names)
    check(run)
    while run.running:
        run.finish(data.draw(st.sampled_from(run.running)))
        check(run)
    assert all(is_settled(STEP_MOVES, status) for status in run.status.values())
    for name, each in program.nodes.items():
        if run.status[name] in {S.completed, S.failed} and each.dependencies:
            assert run.led_here[name] or each.join is Join.always
    if not any(each.join is Join.any for each in program.nodes.values()):
        assert run.status == judged(raw, names)  # a join of any goes on with whoever came first


def check(run: Run) -> None:
    """What holds at any moment: no step opens twice, and the counters say what has settled."""
    assert len(run.opened) == len(set(run.opened))
    for name, each in run.program.nodes.items():
        settled = [other for other in each.dependencies if is_settled(STEP_MOVES, run.status[other])]
        assert run.waits_for[name] == len(each.dependencies) - len(settled)
        assert 0 <= run.led_here[name] <= len(settled)
