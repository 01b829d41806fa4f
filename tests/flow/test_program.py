"""A compiled workflow as the engine asks it: order, rules, values, outputs, failures."""

from typing import Any

import pytest

from app.flow.catalog import Catalog
from app.flow.definition import Mode, OnError
from app.flow.document import parse
from app.flow.messages import Lane
from app.flow.program import ExpressionFailed, Program, compile_program
from app.kit.errors import Invalid
from tests.flow.samples import CATALOG, AnyInputs, DrawOutputs, asset, document, node, picture_story, spec


def program_of(raw: dict[str, Any]) -> Program:
    return compile_program(parse(raw), CATALOG)


def test_the_story_of_the_map_runs_from_photos_to_film() -> None:
    program = program_of(picture_story())
    photos = [asset(1), asset(2)]
    scope: dict[str, Any] = {"inputs": {"photos": photos, "title": "Sea"}, "steps": {}}
    assert (program.order, program.roots) == (("frames", "film"), ("frames",))

    frames = program.nodes["frames"]
    assert frames.has_each and frames.evaluate_when(scope)
    assert frames.evaluate_each(scope).items == photos
    assert frames.render({**scope, "item": photos[1], "index": 1}) == {
        "image": photos[1],
        "width": 1280,
        "height": 720,
        "fit": "cover",
    }
    scope["steps"]["frames"] = {"outputs": {"image": photos, "width": [1, 2], "has_alpha": [True, False]}}

    film = program.nodes["film"]
    assert not film.has_each
    assert film.render(scope) == {"images": photos, "title": "Sea"}
    scope["steps"]["film"] = {"outputs": {"video": asset(3, "video/mp4"), "seconds": 5.0}}
    assert program.evaluate_outputs(scope) == {"film": asset(3, "video/mp4")}


def test_a_node_carries_its_rules_and_its_place_in_the_graph() -> None:
    program = program_of(
        document(
            node("a"),
            node("b", needs=["a"], priority=5, mode="skip", on_error="continue"),
            node(
                "c",
                "image.draw",
                values={"image": "{{ steps.a.outputs.value }}"},
                needs=["b"],
                timeout_s=5,
                retry={"max": 2},
                when="{{ steps.b.outputs.value == 1 }}",
            ),
            node(
                "d",
                "image.draw",
                values={"image": "{{ item }}"},
                each="{{ steps.a.outputs.value }}",
                max_parallel=3,
            ),
        )
    )
    b, c, d = program.nodes["b"], program.nodes["c"], program.nodes["d"]
    assert (b.dependencies, b.reads, b.successors) == (frozenset({"a"}), frozenset(), ("c",))
    assert (b.priority, b.mode, b.on_error, b.lane) == (5, Mode.skip, OnError.continue_, Lane.inline)
    assert c.dependencies == c.reads == frozenset({"a", "b"})
    assert (c.timeout_s, c.kind, c.version, c.ports) == (5, "image.draw", 1, ("image", "width", "has_alpha"))
    assert [policy.max for policy in c.retry] == [2]
    assert (d.timeout_s, d.max_parallel, d.has_each) == (60.0, 3, True)
    assert program.nodes["a"].successors == ("b", "c", "d")


WHEN: list[tuple[Any, Any, bool]] = [
    (None, 1, True),
    (True, 1, True),
    (False, 1, False),
    ("{{ steps.a.outputs.value == 1 }}", 1, True),
    ("{{ steps.a.outputs.value == 1 }}", 2, False),
    ("{{ steps.a.outputs.value == null }}", None, True),
    ("{{ steps.a.outputs.value }}", False, False),
]


@pytest.mark.parametrize(("when", "value", "answer"), WHEN)
def test_when_decides(when: Any, value: Any, answer: bool) -> None:
    program = program_of(document(node("a"), node("b", when=when)))
    assert program.nodes["b"].evaluate_when({"steps": {"a": {"outputs": {"value": value}}}}) is answer


def test_when_wants_true_or_false_and_each_a_list() -> None:
    program = program_of(
        document(
            node("a"),
            node("b", when="{{ steps.a.outputs.value }}", each="{{ steps.a.outputs.value }}"),
        )
    )
    scope = {"steps": {"a": {"outputs": {"value": "yes"}}}}
    with pytest.raises(ExpressionFailed) as caught:
        program.nodes["b"].evaluate_when(scope)
    assert str(caught.value) == "when: “when” wants true or false, not “yes”."
    with pytest.raises(ExpressionFailed) as caught:
        program.nodes["b"].evaluate_each({"steps": {}})
    assert str(caught.value) == "each: “each” wants a list, not nothing (null)."


def test_a_list_in_the_document_is_spread_as_it_stands() -> None:
    program = program_of(
        document(
            node("a", each=["x", "{{ inputs.t }}"], values={"value": "{{ item }} {{ index }}"}),
            inputs={"t": {"type": "text"}},
        )
    )
    scope = {"inputs": {"t": "y"}}
    assert program.nodes["a"].evaluate_each(scope).items == ["x", "y"]
    assert program.nodes["a"].render({**scope, "item": "y", "index": 1}) == {"value": "y 1"}


def test_what_a_skipped_step_gave_reads_as_null() -> None:
    raw = document(
        node("a"),
        node("b", values={"value": "{{ steps.a.outputs.value }}"}),
        node("c", values={"value": "{{ steps.a.outputs.value == null ? 'nothing' : 'something' }}"}),
        node("d", "image.draw", values={"image": "{{ steps.a.outputs.value }}"}),
    )
    program = program_of(raw)
    every: list[dict[str, Any]] = [
        {},
        {"a": {}},
        {"a": {"outputs": None}},
        {"a": {"outputs": {"value": None}}},
    ]
    for steps in every:
        scope: dict[str, Any] = {"inputs": {}, "steps": steps}
        assert program.nodes["b"].render(scope) == {"value": None}
        assert program.nodes["c"].render(scope) == {"value": "nothing"}
        with pytest.raises(ExpressionFailed) as caught:
            program.nodes["d"].render(scope)
        assert caught.value.message == "“image” is required; its expression gave nothing (null)."
        assert (caught.value.node, caught.value.field) == ("d", "with.image")


def test_a_value_that_does_not_fit_fails_before_any_worker_sees_it() -> None:
    raw = document(
        node("a"),
        node(
            "b",
            "image.draw",
            values={
                "image": "{{ steps.a.outputs.value.file }}",
                "width": "{{ steps.a.outputs.value.width }}",
            },
        ),
    )
    program = program_of(raw)
    scope = {"steps": {"a": {"outputs": {"value": {"file": asset(1, "video/mp4"), "width": 0}}}}}
    with pytest.raises(ExpressionFailed) as caught:
        program.nodes["b"].render(scope)
    assert caught.value.message == (
        "“image” must be an image, not video/mp4 (1.mp4). “width” must be at least 1, not 0."
    )


def test_an_output_that_fails_names_no_node() -> None:
    program = program_of(document(node("a"), outputs={"x": "{{ steps.a.outputs.value.y }}"}))
    with pytest.raises(ExpressionFailed) as caught:
        program.evaluate_outputs({"steps": {"a": {"outputs": {"value": {}}}}})
    assert (caught.value.node, caught.value.field, caught.value.column) == (None, "outputs.x", 4)


def test_a_program_does_not_compile_on_a_catalog_that_moved_on() -> None:
    definition = parse(picture_story())
    without = Catalog([each for each in CATALOG.values() if each.kind != "video.film"])
    with pytest.raises(Invalid) as caught:
        compile_program(definition, without)
    assert [each.message for each in caught.value.complaints] == ["There is no step type “video.film”."]
    changed = Catalog([*without.values(), spec("video.film", AnyInputs, DrawOutputs)])
    with pytest.raises(Invalid) as caught:
        compile_program(definition, changed)
    assert [each.field for each in caught.value.complaints] == ["outputs.film"]


def test_an_empty_workflow_is_a_program() -> None:
    program = program_of({"schema": 1})
    assert (program.order, program.roots, program.evaluate_outputs({})) == ((), (), {})
