"""Workflows within workflows, as the language sees them: signatures, bodies, values worked out later."""

from typing import Any

import pytest

from app.flow.check import check, signature_of
from app.flow.document import parse
from app.flow.program import ExpressionFailed, compile_program
from app.flow.signatures import Called, Signatures, calls_of
from app.steps.discovery import catalog

FILM = "01900000-0000-7000-8000-000000000001"
CHILD: dict[str, Any] = {
    "schema": 1,
    "name": "Child",
    "inputs": {"title": {"type": "text"}, "size": {"type": "number", "default": 3}},
    "nodes": [{"id": "a", "type": "core.set", "with": {"value": 1}}],
    "outputs": {
        "title": "{{ inputs.title }}",
        "size": "{{ inputs.size * 2 }}",
        "any": "{{ steps.a.outputs.value }}",
    },
}
KNOWN: Signatures = {Called(FILM): signature_of(CHILD, catalog())}


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"schema": 1, "name": "Calls", "nodes": list(nodes), **fields}


def node(node_id: str, kind: str, **values: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "with": values}


def said(
    raw: dict[str, Any], signatures: Signatures | None = KNOWN
) -> list[tuple[str | None, str | None, str]]:
    return [(one.node, one.field, one.message) for one in check(raw, catalog(), signatures)]


def test_a_workflow_tells_what_it_takes_and_gives() -> None:
    signature = KNOWN[Called(FILM)]
    assert signature.outputs == {"title": "text", "size": "number", "any": "json"}
    assert list(signature.inputs) == ["title", "size"]


def test_the_outputs_of_a_called_workflow_are_typed() -> None:
    call = node("sub", "core.workflow", workflow=FILM, inputs={"title": "x"})
    good = node("b", "core.delay", seconds="{{ steps.sub.outputs.size }}")
    assert said(document(call, good)) == []
    bad = node("b", "core.delay", seconds="{{ steps.sub.outputs.title }}")
    assert said(document(call, bad)) == [
        ("b", "with.seconds", "“seconds” wants a number, but this gives text.")
    ]
    ghost = node("b", "core.set", value="{{ steps.sub.outputs.film }}")
    (complaint,) = said(document(call, ghost))
    assert complaint[2].startswith("Step “sub” has no output “film”.")


@pytest.mark.parametrize(
    ("inputs", "field", "message"),
    [
        ({}, "with.inputs.title", "The workflow wants “title”: text."),
        (
            {"title": "x", "colour": 1},
            "with.inputs.colour",
            "The workflow has no input “colour”. There is “size” and “title”.",
        ),
        (
            {"title": "{{ inputs.n }}"},
            "with.inputs.title",
            "“inputs.title” wants text, but this gives a number. Turn it into text with string(…).",
        ),
    ],
)
def test_the_inputs_of_a_called_workflow_are_checked(
    inputs: dict[str, Any], field: str, message: str
) -> None:
    call = node("sub", "core.workflow", workflow=FILM, inputs=inputs)
    assert said(document(call, inputs={"n": {"type": "number"}})) == [("sub", field, message)]


def test_a_workflow_that_is_not_there_is_said_and_one_nobody_looked_for_is_believed() -> None:
    other = FILM.replace("1", "2")
    raw = document(
        node("sub", "core.workflow", workflow=other), node("b", "core.set", value="{{ steps.sub.outputs.x }}")
    )
    assert said(raw) == [("sub", "with.workflow", f"There is no workflow with the id {other} here.")]
    assert said(raw, None) == []


def test_every_workflow_that_a_document_runs_is_found() -> None:
    body = {"nodes": [node("inner", "core.workflow", workflow="b", version=3)]}
    raw = document(
        node("one", "core.workflow", workflow="a"),
        node("two", "core.repeat", body=body),
        node("three", "core.repeat", workflow="c"),
        node("four", "core.set", workflow="d"),
        {"id": 5, "type": ["x"], "with": 3},  # whatever else is wrong with it
    )
    assert list(calls_of(raw, catalog())) == [Called("a"), Called("b", 3), Called("c")]
    assert list(calls_of([], catalog())) == []


BODY: dict[str, Any] = {
    "inputs": {"n": {"type": "number"}},
    "nodes": [node("double", "core.set", value="{{ inputs.n * 2 }}")],
    "outputs": {"n": "{{ inputs.n * 2 }}"},
}


def test_a_body_is_checked_as_a_workflow_of_its_own() -> None:
    again = node("again", "core.repeat", body=BODY, inputs={"n": "{{ round }}"}, until="{{ last.n > 9 }}")
    after = node("after", "core.delay", seconds="{{ steps.again.outputs.n + steps.again.outputs.rounds }}")
    assert said(document(again, after)) == []
    broken = {**BODY, "nodes": [node("double", "core.nothing")], "outputs": {"n": "{{ inputs.m }}"}, "x": 1}
    complaints = said(document(node("again", "core.repeat", body=broken, inputs={"n": 1})))
    assert ("again.double", "type", "There is no step type “core.nothing”.") in [
        (at, field, message.partition(" Did")[0]) for at, field, message in complaints
    ]
    assert ("again", "with.body.outputs.n", "There is no input “m”. There is “n”.") in complaints
    assert ("again", "with.body.x", "There is no field “x” here.") in complaints


def test_a_body_knows_nothing_of_the_workflow_around_it() -> None:
    body = {"nodes": [node("a", "core.set", value="{{ steps.outside.outputs.value }}")]}
    raw = document(node("outside", "core.set", value=1), node("again", "core.repeat", body=body))
    (complaint,) = said(raw)
    assert complaint[:2] == ("again.a", "with.value")


def test_bodies_lie_in_bodies_only_so_deep() -> None:
    body: dict[str, Any] = {"nodes": [node("a", "core.set", value=1)]}
    for _ in range(6):
        body = {"nodes": [node("again", "core.repeat", body=body)]}
    (complaint,) = said(document(node("again", "core.repeat", body=body)))
    assert complaint[2] == "Steps are written into steps at most 4 levels deep; make a workflow of these."


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Write either steps of its own (body) or the id of a workflow."),
        (
            {"body": BODY, "inputs": {"n": 1}, "workflow": FILM},
            "Write either steps of its own (body) or the id of a workflow.",
        ),
        (
            {"workflow": "{{ inputs.which }}"},
            "Which workflow runs is fixed when this one is saved: write its id.",
        ),
    ],
)
def test_a_repetition_has_one_thing_to_repeat(values: dict[str, Any], message: str) -> None:
    raw = document(node("again", "core.repeat", **values), inputs={"which": {"type": "text"}})
    assert message in [one[2] for one in said(raw)]


def test_names_of_what_is_worked_out_later_are_known_only_there() -> None:
    assert said(document(node("a", "core.set", value="{{ round }}"))) == [
        ("a", "with.value", "“round” is known only where a step repeats or gathers.")
    ]
    reduce = node("a", "core.reduce", items="{{ inputs.list }}", start=0, value="{{ accumulator + last }}")
    (complaint,) = said(document(reduce, inputs={"list": {"type": "json"}}))
    assert complaint[2] == "“last” is known only where a step repeats or gathers."


def test_what_gathers_must_say_how() -> None:
    (complaint,) = said(document(node("a", "core.reduce", items=[1])))
    assert complaint == ("a", "with.value", "“value” (Becomes) is required and not given.")


def test_a_value_is_worked_out_later_with_the_names_it_is_given() -> None:
    raw = document(
        node(
            "again",
            "core.repeat",
            body=BODY,
            inputs={"n": "{{ inputs.start + round }}"},
            until="{{ last.n > 9 }}",
        ),
        inputs={"start": {"type": "number"}},
    )
    assert said(raw) == []
    again = compile_program(parse(raw), catalog()).nodes["again"]
    scope = {"inputs": {"start": 5.0}, "steps": {}}
    assert again.render(scope) == {}
    assert again.render_later("inputs", {**scope, "round": 2, "last": None}) == {"n": 7}
    assert again.render_later("until", {**scope, "round": 2, "last": {"n": 10}}) is True
    with pytest.raises(ExpressionFailed, match="There is no “n” in this value"):
        again.render_later("until", {**scope, "round": 2, "last": {}})


def test_a_program_knows_the_programs_of_its_bodies() -> None:
    inner = {"nodes": [node("deep", "core.set", value=1)]}
    raw = document(node("again", "core.repeat", body={"nodes": [node("inner", "core.repeat", body=inner)]}))
    program = compile_program(parse(raw), catalog())
    assert list(program.within("again/inner").nodes) == ["deep"]
    assert program.within("") is program
