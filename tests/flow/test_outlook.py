"""What a run would do: certain where the inputs tell, and never a guess."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.document import parse
from app.flow.facts import OrganizationFacts
from app.flow.messages import ErrorClass, StepError
from app.flow.outlook import Fate, Prospect, outlook
from app.flow.program import Program, ProgramNode, compile_program
from app.steps.discovery import catalog

HERE = OrganizationFacts(id="o", name="Org")
CASES = {"cases": [{"name": "large", "when": "{{ inputs.n > 3 }}"}]}


def node(node_id: str, kind: str = "core.set", **fields: Any) -> dict[str, Any]:
    """One node; `values` is its `with`."""
    given_values = fields.pop("values", {"value": 1})
    return {"id": node_id, "type": kind, "with": given_values, **fields}


def work(node_id: str, **fields: Any) -> dict[str, Any]:
    """A step that a worker runs."""
    return node(node_id, "debug.work", **fields)


def program(*nodes: dict[str, Any]) -> Program:
    """A compiled document of these nodes over a number, a list and a text."""
    inputs = {"n": {"type": "number"}, "list": {"type": "json"}, "text": {"type": "text"}}
    raw = {"schema": 1, "name": "Ahead", "inputs": inputs, "nodes": list(nodes)}
    return compile_program(parse(raw), catalog())


def evaluate(node: ProgramNode, inputs: dict[str, Any]) -> Mapping[str, Any] | StepError | None:
    """Inline steps as these tests need them."""
    match node.kind:
        case "core.switch":
            taken = [case["name"] for case in inputs["cases"] if case["when"]]
            return {"case": [*taken, "else"][0], "value": None}
        case "core.set" if inputs["value"] == "bad":
            return StepError(error_class=ErrorClass.bad_input, message="No good.")
        case "core.set":
            return {"value": inputs["value"]}
        case _:
            return None


def ahead(*nodes: dict[str, Any], n: float = 5, items: Any = (1, 2), text: str = "x") -> dict[str, Prospect]:
    """What becomes of each node on these inputs."""
    inputs = {"n": n, "list": list(items) if isinstance(items, tuple) else items, "text": text}
    return {one.node: one for one in outlook(program(*nodes), inputs, HERE, evaluate)}


def fates(found: dict[str, Prospect]) -> dict[str, str]:
    return {node_id: str(one.fate) for node_id, one in found.items()}


def test_steps_come_in_waves_behind_what_they_depend_on() -> None:
    found = ahead(work("a"), work("b", needs=["a"]), work("c", needs=["a"]), work("d", needs=["b", "c"]))
    assert {node_id: one.wave for node_id, one in found.items()} == {"a": 1, "b": 2, "c": 2, "d": 3}
    assert set(fates(found).values()) == {"runs"}


def test_a_condition_over_the_inputs_is_decided_and_skips_what_follows() -> None:
    nodes = [
        work("a", when="{{ inputs.n > 3 }}"),
        work("b", needs=["a"]),
        work("c", needs=["a"], join="always"),
    ]
    assert fates(ahead(*nodes, n=5)) == {"a": "runs", "b": "runs", "c": "runs"}
    found = ahead(*nodes, n=1)
    assert fates(found) == {"a": "skipped", "b": "skipped", "c": "runs"}
    assert (found["a"].reason, found["b"].reason) == (
        "Its condition (when) is false.",
        "No branch leads here.",
    )


def test_what_a_worker_gives_is_not_guessed() -> None:
    found = ahead(
        work("a"),
        work("b", when="{{ steps.a.outputs.number > 1 }}"),
        work("c", needs=["b"]),
        work("d", each="{{ [steps.a.outputs.value] }}", values={"value": "{{ item }}"}),
    )
    assert fates(found) == {"a": "runs", "b": "perhaps", "c": "perhaps", "d": "runs"}
    assert found["b"].reason == "Its condition reads “a”."
    assert found["c"].reason == "It depends on what becomes of “b”."
    assert (found["d"].items, found["d"].reason) == (None, "Its list comes from “a”.")


def test_a_list_that_is_given_is_counted() -> None:
    found = ahead(
        work("a", each="{{ inputs.list }}", values={"value": "{{ item }}"}),
        work(
            "b", each={"nested": ["{{ inputs.list }}", "{{ [item, index] }}"]}, values={"value": "{{ item }}"}
        ),
        work("c", each={"range": {"to": "{{ inputs.n }}"}}, values={"value": "{{ item }}"}),
    )
    assert [found[name].items for name in ("a", "b", "c")] == [2, 4, 5]
    broken = ahead(work("a", each="{{ inputs.list }}", values={"value": "{{ item }}"}), items="no list")
    assert broken["a"].fate is Fate.fails
    assert "wants a list" in broken["a"].reason


def test_inline_steps_that_only_read_inputs_are_asked() -> None:
    nodes = [
        node("route", "core.switch", values=CASES),
        node("twice", values={"value": "{{ inputs.n + inputs.n }}"}),
        work("large", needs=["route.large"]),
        work("small", needs=["route.else"]),
        work("even", when="{{ steps.twice.outputs.value > 9 }}"),
        work("merge", needs=["large", "small"]),
    ]
    assert fates(ahead(*nodes, n=5)) == {
        "route": "runs",
        "twice": "runs",
        "large": "runs",
        "small": "skipped",
        "even": "runs",
        "merge": "runs",
    }
    found = fates(ahead(*nodes, n=1))
    assert (found["large"], found["small"], found["even"], found["merge"]) == (
        "skipped",
        "runs",
        "skipped",
        "runs",
    )


def test_a_way_that_a_run_decides_is_open() -> None:
    found = ahead(
        work("a"),
        node("route", "core.switch", values={"cases": [{"name": "x", "when": "{{ steps.a.status == '' }}"}]}),
        work("left", needs=["route.x"]),
        work("any", needs=["route"]),
        work("rescue"),
        work("shaky", on_error={"go": "rescue"}),
    )
    assert fates(found) == {
        "a": "runs",
        "route": "runs",
        "left": "perhaps",
        "any": "runs",
        "rescue": "perhaps",
        "shaky": "runs",
    }


def test_a_step_that_cannot_begin_is_known_to_fail() -> None:
    nodes = [
        work("a", values={"value": 1, "seconds": "{{ inputs.text }}"}, on_error="continue"),
        node("b", values={"value": "{{ steps.a.error.message }}"}),
        node("c", values={"value": "{{ inputs.text }}"}),
    ]
    found = ahead(*nodes, text="bad")
    assert fates(found) == {"a": "fails", "b": "runs", "c": "fails"}
    assert (found["a"].error is not None, found["c"].reason) == (True, "No good.")


def test_switched_off_stopped_and_ending_steps_say_so() -> None:
    found = ahead(
        work("off", mode="skip"),
        work("stop", mode="stop"),
        node("end", "core.stop", values={}, needs=["stop"]),
    )
    assert (found["off"].fate, found["off"].reason) == (Fate.skipped, "This step is switched off.")
    assert found["stop"].waits_for_start
    assert found["end"].reason == "The instance ends here."


def test_what_only_the_run_has_is_not_known() -> None:
    found = ahead(
        work("a", when="{{ instance.number == 1 }}"), work("b", when="{{ organization.name == 'Org' }}")
    )
    assert fates(found) == {"a": "perhaps", "b": "runs"}
    assert found["a"].reason == "Its condition reads “instance”."


@settings(deadline=None)
@given(st.data())
def test_waves_rise_and_skips_have_a_reason(data: st.DataObject) -> None:
    nodes = []
    for number in range(data.draw(st.integers(1, 8))):
        earlier = [f"n{before}" for before in range(number)]
        needs = data.draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        when = data.draw(st.sampled_from([None, "{{ inputs.n > 3 }}", "{{ inputs.n < 3 }}"]))
        join = data.draw(st.sampled_from(["all", "any", "always"]))
        nodes.append(work(f"n{number}", needs=needs, when=when, join=join))
    found = ahead(*nodes, n=data.draw(st.integers(0, 6)))
    compiled = program(*nodes)
    for node_id, one in found.items():
        assert all(found[before].wave < one.wave for before in compiled.nodes[node_id].dependencies)
        assert one.fate is Fate.runs or one.reason
        led = [found[before].fate for before in compiled.nodes[node_id].dependencies]
        if one.fate is Fate.skipped and one.reason == "No branch leads here.":
            assert set(led) == {Fate.skipped}
