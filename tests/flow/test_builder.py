"""Workflows as code: the same document as by hand, and mistakes told on the line that makes them."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow.builder import (
    Retry,
    Term,
    Unfit,
    UnknownOutput,
    Workflow,
    building_on,
    call,
    choose,
    error_of,
    expression,
    method,
    status_of,
    within,
    workflow_in,
)
from app.flow.definition import Definition, Input, Node
from app.flow.difference import difference
from app.flow.document import parse, to_document
from app.flow.expressions import Environment
from app.flow.lean import lean
from app.flow.terms import NoSuchPart, NotYetKnown, written
from app.steps.discovery import catalog as discovered
from tests.flow.samples import CATALOG, picture_story


def story() -> Workflow:
    """The picture story of the samples, as code."""
    made = Workflow("Picture story", catalog=CATALOG)
    photos = made.input("photos", "image[]", label="Photos", min=1)
    title = made.input("title", default="Our trip")
    frames = made.step(
        "image.draw",
        id="frames",
        at=(0, 0),
        each=photos,
        max_parallel=4,
        image=made.item,
        width=1280,
        height=720,
        fit="cover",
    )
    film = made.step(
        "video.film",
        id="film",
        at=(320, 0),
        images=frames.image,
        title=title,
        timeout_s=600,
        retry=Retry(max=2, backoff_s=5),
    )
    made.output("film", film.video)
    return made


def test_code_makes_the_document_a_person_writes() -> None:
    by_hand = picture_story()
    by_hand["nodes"][1]["retry"] = {"max": 2}
    assert story().document() == by_hand
    assert story().complaints() == []


def test_the_document_is_read_back_unchanged() -> None:
    read = to_document(parse(story().document()))
    assert lean(read, Definition).keys() == story().document().keys()
    assert not difference(story().document(), read).is_real


def test_what_is_changed_in_a_document_does_not_change_the_workflow() -> None:
    made = story()
    made.document()["nodes"].clear()
    assert len(made.document()["nodes"]) == 2


def test_every_rule_and_every_word_of_an_input_is_a_keyword() -> None:
    """When the language grows, its new word is missing here until the builder has it."""

    def keywords(function: Callable[..., Any]) -> set[str]:
        kinds = inspect.Parameter
        return {
            name
            for name, one in inspect.signature(function).parameters.items()
            if one.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD, kinds.POSITIONAL_ONLY)
            and name != "self"
        }

    assert keywords(Workflow.step) - {"at"} == {field.name for field in msgspec.structs.fields(Node)}
    assert keywords(Workflow.input) - {"name"} == {field.name for field in msgspec.structs.fields(Input)}


def test_steps_without_an_id_are_named_after_their_type() -> None:
    made = Workflow("Two", catalog=CATALOG)
    photo = made.input("photo", "image")
    steps = [made.step("image.draw", image=photo) for _ in range(3)]
    assert [step.id for step in steps] == ["draw", "draw_2", "draw_3"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (lambda made: made.step("image.drwa"), "Did you mean “image.draw”?"),
        (lambda made: made.step("image.draw", widht=1), "image.draw has no input “widht”. Did you mean"),
        (lambda made: made.step("image.draw", id="frames"), "There is a step “frames” already"),
        (lambda made: made.step("image.draw", id="Big Frame"), "“big_frame” would do"),
        (lambda made: made.step("image.draw", width=1, with_={"width": 2}), "once is enough"),
        (lambda made: made.input("photos"), "There is an input “photos” already"),
        (lambda made: made.input("for"), "is a word of the expression language"),
        (lambda made: made.output("film", 1), "There is an output “film” already"),
    ],
)
def test_a_line_that_cannot_be_right_is_refused_at_once(
    line: Callable[[Workflow], object], sentence: str
) -> None:
    with pytest.raises(Unfit, match=sentence.replace("?", r"\?")):
        line(story())


def test_an_output_there_is_not_is_refused_with_the_nearest() -> None:
    made = story()
    photo = made.input("photo", "image")
    step = made.step("image.draw", image=photo)
    with pytest.raises(UnknownOutput, match=r"Step “draw” \(image.draw\) has no output “imag”. Did you mean"):
        step.imag  # noqa: B018  asking is what is tested
    assert not hasattr(step, "imag")


def test_a_step_is_no_value() -> None:
    made = story()
    step = made.step("image.draw", image=made.input("photo", "image"))
    with pytest.raises(Unfit, match="give one of its outputs"):
        made.step("video.film", images=[step])


def test_a_keyword_that_may_be_a_rule_or_an_input_is_refused_until_the_input_is_named_without_doubt() -> None:
    steps = dict(CATALOG)
    port = msgspec.structs.replace(steps["image.draw"].inputs[1], name="timeout_s")
    spec = msgspec.structs.replace(steps["image.draw"], inputs=(*steps["image.draw"].inputs, port))
    made = Workflow("Doubt", catalog={**steps, "image.draw": spec})
    photo = made.input("photo", "image")
    with pytest.raises(Unfit, match=r"“timeout_s” is a rule of every step and an input of image.draw"):
        made.step("image.draw", image=photo, timeout_s=3)
    made.step("image.draw", image=photo, with_={"timeout_s": 3}, timeout_s=60)
    node = made.document()["nodes"][0]
    assert node["with"]["timeout_s"] == 3
    assert node["timeout_s"] == 60


def test_rules_are_written_as_the_language_has_them() -> None:
    made = Workflow("Rules", catalog=CATALOG)
    photos = made.input("photos", "image[]")
    first = made.step("image.draw", id="first", image=photos[0])
    made.step("image.draw", id="other", image=photos[0])
    rescue = made.step("image.draw", id="rescue", image=photos[0])
    last = made.step(
        "image.draw",
        id="last",
        needs=[first, "other"],
        when=call("size", photos) > 2,
        on_error=rescue,
        join="any",
        each={"zip": {"photo": photos, "word": ["a", "b"]}, "lengths": "shortest"},
        on_item_error="collect",
        image=made.item.photo,
        label=f"{made.index} of {made.instance.number}",
        retry={"max": 1},
        mode="skip",
        note="why",
    )
    node = made.document()["nodes"][3]
    assert {name: node[name] for name in ("needs", "when", "on_error", "join", "each", "retry", "mode")} == {
        "needs": ["first", "other"],
        "when": "{{ size(inputs.photos) > 2 }}",
        "on_error": {"go": "rescue"},
        "join": "any",
        "each": {"zip": {"photo": "{{ inputs.photos }}", "word": ["a", "b"]}, "lengths": "shortest"},
        "retry": {"max": 1},
        "mode": "skip",
    }
    assert node["with"]["label"] == "{{ index }} of {{ instance.number }}"
    assert str(last.failed) == "{{ steps.last.outputs.failed }}"
    assert made.complaints() == []


def test_outputs_of_a_fan_out_are_lists_and_of_a_nested_one_lists_of_lists() -> None:
    made = Workflow("Lists", catalog=CATALOG)
    photos = made.input("photos", "image[]")
    flat = made.step("image.draw", id="flat", each=photos, image=made.item)
    deep = made.step(
        "image.draw", id="deep", each={"nested": [[1, 2], photos]}, image=made.item, label=made.outer.index
    )
    assert str(flat.image[0].name) == "{{ steps.flat.outputs.image[0].name }}"
    assert str(deep.image[0][1].name) == "{{ steps.deep.outputs.image[0][1].name }}"
    with pytest.raises(NoSuchPart, match=r"list of images; it has no “name”. Pick one"):
        flat.image.name  # noqa: B018  asking is what is tested
    with pytest.raises(NoSuchPart, match="list of images"):
        deep.image[0].name  # noqa: B018  asking is what is tested


def test_a_way_that_a_switch_does_not_have_is_refused() -> None:
    made = story()
    with pytest.raises(Unfit, match=r"No way called “large” leads on from step “draw”. It does not branch"):
        made.step("image.draw", image=made.input("photo", "image")).branch("large")


def test_what_became_of_a_step_can_be_asked() -> None:
    made = story()
    step = made.step("image.draw", image=made.input("photo", "image"))
    assert str(status_of(step) == "failed") == '{{ steps.draw.status == "failed" }}'
    assert str(error_of(step).message) == "{{ steps.draw.error.message }}"


def test_a_workflow_can_be_written_into_a_step_that_repeats_it() -> None:
    steps = discovered()
    body = Workflow("Double", catalog=steps)
    number = body.input("n", "number")
    double = body.step("core.set", id="double", value=number * 2)
    body.output("n", double.value)
    made = Workflow("Until it is large", catalog=steps)
    last = expression("last")
    doubled = made.step(
        "core.repeat",
        id="doubled",
        body=body,
        inputs={"n": choose(last == None, 1, last.n)},  # noqa: E711  a comparison in the workflow
        until=last.n > 100,
    )
    made.output("n", doubled.n)
    assert made.complaints() == []
    values = made.document()["nodes"][0]["with"]
    assert values["inputs"] == {"n": "{{ last == null ? 1 : last.n }}"}
    assert values["body"]["nodes"][0]["with"] == {"value": "{{ inputs.n * 2 }}"}


def test_without_a_catalog_step_types_are_believed_and_the_rest_is_checked() -> None:
    made = Workflow("Blind")
    step = made.step("any.thing", whatever=1)
    assert str(step.some_output[0].part) == "{{ steps.thing.outputs.some_output[0].part }}"
    assert made.complaints() == []
    made.input("photo", "imag")
    made.input("n", "number", default="many")
    made.step("any.thing", id="lost", needs=["thin"], on_error={"go": "nowhere"}, max_parallel=0)
    made.step("any.thing", id="one", needs=["two"])
    made.step("any.thing", id="two", needs=["one"])
    assert {(each.node, each.field) for each in made.complaints()} == {
        (None, "inputs.photo.type"),
        (None, "inputs.n.default"),
        ("lost", "needs[0]"),
        ("lost", "on_error"),
        ("lost", "max_parallel"),
        ("one", None),
    }


def test_inside_the_block_workflows_know_its_step_types() -> None:
    with building_on(CATALOG), pytest.raises(Unfit, match="There is no step type"):
        Workflow("Known").step("any.thing")
    Workflow("Unknown again").step("any.thing")


def test_the_workflow_of_a_file_is_found() -> None:
    one, other = Workflow("One"), Workflow("Other")
    assert workflow_in({"workflow": one, "helper": other}) is one
    assert workflow_in({"story": one, "again": one, "x": 3}) is one
    with pytest.raises(Unfit, match="several workflows, “one” and “other”"):
        workflow_in({"one": one, "other": other})
    with pytest.raises(Unfit, match="makes no workflow"):
        workflow_in({"x": 3})


def test_a_term_refuses_what_only_a_run_can_know() -> None:
    term = Term("inputs.photos", "image[]")
    with pytest.raises(NotYetKnown, match="and choose"):
        bool(term)
    with pytest.raises(NotYetKnown, match="each="):
        list(term)
    with pytest.raises(NotYetKnown, match="within"):
        _ = 3 in term
    with pytest.raises(TypeError, match="cannot stand in an expression"):
        _ = term == object()


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (Term("a") + 1 * Term("b"), "a + 1 * b"),
        ((Term("a") + 1) * Term("b"), "(a + 1) * b"),
        (Term("a") - (Term("b") - 1), "a - (b - 1)"),
        (Term("a") - 1 - Term("b"), "a - 1 - b"),
        (~(Term("a") & Term("b")) | Term("c"), "!(a && b) || c"),
        ((Term("a") < 1) == (Term("b") < 1), "(a < 1) == (b < 1)"),
        (choose(Term("a"), "yes", None) == "yes", '(a ? "yes" : null) == "yes"'),
        (method(Term("a") + "b", "startsWith", "x"), '(a + "b").startsWith("x")'),
        (within("x", ["x", 'y"']), '"x" in ["x", "y\\""]'),
        (Term("a")["two words"][0].tail, 'a["two words"][0].tail'),
        (Term("a")[Term("index") + 1], "a[index + 1]"),
        (-Term("a") * 2, "-a * 2"),
        (expression(" a ? b : c ") == 1, "(a ? b : c) == 1"),
        (call("max", {"a": 1, "b": [True, 1.5]}), 'max({"a": 1, "b": [true, 1.5]})'),
    ],
)
def test_python_reads_as_the_expression_language_does(term: Term, text: str) -> None:
    assert str(term) == f"{{{{ {text} }}}}"


_NUMBERS = {"inputs.a": 2.0, "inputs.b": -3.0, "inputs.c": 0.5}
_SIDES = st.sampled_from([*_NUMBERS, 2.0, 7.0])
_SIGNS = (operator.add, operator.sub, operator.mul)
_RELATIONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)
_sums = st.recursive(_SIDES, lambda inner: st.tuples(st.sampled_from(_SIGNS), inner, inner), max_leaves=8)
_claims = st.recursive(
    st.tuples(st.sampled_from(_RELATIONS), _sums, _sums),
    lambda inner: st.tuples(st.sampled_from((operator.and_, operator.or_, operator.eq)), inner, inner),
    max_leaves=5,
)


def _grown(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(tree, tuple):
        sign, left, right = tree
        return sign(_grown(left, leaf), _grown(right, leaf))
    return leaf(tree)


@given(_sums | _claims)
def test_an_expression_gives_what_python_would_have_given(tree: Any) -> None:
    names = dict.fromkeys(_NUMBERS, "number")
    term = _grown(tree, lambda side: Term(side, "number") if isinstance(side, str) else side)
    if not isinstance(term, Term):
        return
    compiled, _ = Environment(names).compile(written(term))
    expected = _grown(tree, lambda side: _NUMBERS[side] if isinstance(side, str) else side)
    assert compiled.evaluate(_NUMBERS) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_value_can_stand_in_an_expression(value: Any) -> None:
    compiled, _ = Environment({}).compile(written({"value": value}))
    assert compiled.evaluate({}) == {"value": value}
