"""What the checker says: for each way to be wrong one sentence, with node, field and column."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.check import check
from tests.flow.samples import CATALOG, document, node, picture_story, said

Fault = tuple[str | None, str | None, int | None, str]


def complaints_of(raw: Any) -> list[tuple[Any, ...]]:
    return said(check(raw, CATALOG))


def test_the_document_of_the_map_has_no_faults() -> None:
    assert complaints_of(picture_story()) == []


def draw(**values: Any) -> dict[str, Any]:
    """A document whose node `draw` has these values, beside inputs and a step of every kind."""
    return document(
        node("draw", "image.draw", values={"image": "{{ inputs.photo }}", **values}),
        node("many", "image.draw", each="{{ inputs.photos }}", values={"image": "{{ item }}"}),
        node("film", "video.film", values={"images": "{{ inputs.photos }}"}),
        node("any"),
        inputs={
            "photo": {"type": "image"},
            "photos": {"type": "image[]"},
            "clip": {"type": "video"},
            "paper": {"type": "file"},
            "title": {"type": "text"},
            "subtitle": {"type": "text", "default": None},
            "count": {"type": "number"},
            "flag": {"type": "boolean"},
            "data": {"type": "json"},
        },
    )


FITTING: list[dict[str, Any]] = [
    {"width": 1, "height": 2, "opacity": 1, "fit": "contain", "label": "", "sharp": True},
    {"width": None},
    {"width": 640.0},
    {"image": "{{ steps.many.outputs.image[0] }}"},
    {"image": "{{ inputs.photos.filter(each, each.size_bytes > 5)[0] }}"},
    {"image": "{{ inputs.paper }}"},
    {"image": "{{ inputs.data }}"},
    {"image": "{{ steps.any.outputs.value.picture }}"},
    {"width": "{{ inputs.count }}"},
    {"width": "{{ size(inputs.photos) * 2 }}"},
    {"width": "{{ steps.many.outputs.width[0] + 1 }}"},
    {"width": "{{ inputs.count > 3 ? 1 : 2 }}"},
    {"width": "{{ null }}"},
    {"label": "{{ inputs.title }} {{ inputs.count }}"},
    {"label": "{{ inputs.subtitle == null ? 'none' : inputs.subtitle }}"},
    {"label": "{{ steps.any.outputs.value == null ? 'none' : 'some' }}"},
    {"label": "{{ string(inputs.count) }}"},
    {"label": "{{ inputs.photo.name }}"},
    {"label": "{{ '{{' }}"},
    {"label": " {{ instance.id }} "},
    {"label": "{{ organization.name + string(instance.number) }}"},
    {"label": "{{ has(inputs.data.colour) ? 'a' : 'b' }}"},
    {"box": {"left": 1}},
    {"box": {"left": "{{ inputs.count }}", "top": 3}},
    {"box": "{{ inputs.data }}"},
    {"sizes": [1, 2]},
    {"sizes": ["{{ inputs.count }}", 2]},
    {"options": {"a": ["{{ inputs.photo }}", 1]}},
    {"fit": "{{ inputs.title }}"},
]


@pytest.mark.parametrize("values", FITTING)
def test_what_fits_is_not_complained_about(values: dict[str, Any]) -> None:
    assert complaints_of(draw(**values)) == []


VALUE_FAULTS: list[tuple[str, Any, str | None, int | None, str]] = [
    # names
    ("label", "{{ inputs.titel }}", None, 11, "There is no input “titel”. Did you mean “title”?"),
    ("label", "Hello {{ inputs.titel }}", None, 17, "There is no input “titel”. Did you mean “title”?"),
    ("label", "{{ inputs }}", None, 4, "After “inputs.” comes the name of an input, such as inputs.clip."),
    (
        "label",
        "{{ inputs['title'] }}",
        None,
        4,
        "After “inputs.” comes the name of an input, such as inputs.clip.",
    ),
    (
        "label",
        "{{ steps.manny.outputs.image }}",
        None,
        10,
        ("There is no step “manny”. Did you mean “many”?"),
    ),
    ("label", "{{ steps.any.value }}", None, 14, "What a step gives is read as steps.any.outputs.<name>."),
    ("label", "{{ steps.any }}", None, 10, "What a step gives is read as steps.any.outputs.<name>."),
    (
        "label",
        "{{ steps.film.outputs.vidio }}",
        None,
        23,
        "Step “film” has no output “vidio”. Did you mean “video”?",
    ),
    ("label", "{{ item }}", None, 4, "“item” is known only inside a step with “each”."),
    ("label", "{{ string(index) }}", None, 11, "“index” is known only inside a step with “each”."),
    ("label", "{{ secrets.key }}", None, 4, "Secrets are not available in this version."),
    (
        "label",
        "{{ instance.nr }}",
        None,
        13,
        "“instance” has no “nr”. There is “created_at”, “id” and “number”.",
    ),
    (
        "label",
        "{{ inputs.photo.title }}",
        None,
        17,
        ("An image has no “title”. There is “asset”, “mime”, “name”, “sha256” and “size_bytes”."),
    ),
    (
        "label",
        "{{ inputs.photos.name }}",
        None,
        18,
        "This is a list of images; it has no “name”. Pick one of its items first, such as …[0].",
    ),
    ("label", "{{ inputs.title[0] }}", None, 17, "This is text, not a list; it has no items to pick."),
    (
        "label",
        "{{ has(inputs.subtitle) ? 'a' : 'b' }}",
        None,
        4,
        "Ask whether it has a value with inputs.subtitle != null.",
    ),
    (
        "label",
        "{{ inputs.photos.map(item, 'a')[0] }}",
        None,
        22,
        "“item” has a meaning of its own; call the loop's variable otherwise.",
    ),
    # grammar
    (
        "label",
        "a {{ inputs.title",
        None,
        3,
        "This “{{” is never closed with “}}”. For the braces themselves write {{ '{{' }}.",
    ),
    ("label", "{{ }}", None, 3, "There is nothing between “{{” and “}}”."),
    (
        "label",
        "{{ inputs.title + }}",
        None,
        19,
        "The expression ends too early; something is missing at its end.",
    ),
    (
        "label",
        "{{ inputs.title + inputs.count }}",
        None,
        17,
        "“+” cannot combine text and a number. Turn the other side into text with string(…).",
    ),
    (
        "label",
        "{{ inputs.title == null ? 'a' : 'b' }}",
        None,
        17,
        "This is text and never null; the comparison is not needed.",
    ),
    # types of expressions
    ("image", "{{ inputs.title }}", None, 4, "“image” wants an image, but this gives text."),
    ("image", "{{ inputs.clip }}", None, 4, "“image” wants an image, but this gives a video."),
    (
        "image",
        "photo {{ inputs.photo }}",
        None,
        None,
        "“image” wants an image, but text around an expression makes text.",
    ),
    (
        "image",
        "{{ inputs.photos }}",
        None,
        4,
        (
            "“image” wants an image, but this gives a list of images. "
            "Pick one item with […], or run the step once an item with “each”."
        ),
    ),
    (
        "label",
        "{{ inputs.count }}",
        None,
        4,
        "“label” wants text, but this gives a number. Turn it into text with string(…).",
    ),
    ("width", "{{ inputs.title }}", None, 4, "“width” wants a number, but this gives text."),
    ("sharp", "{{ inputs.count }}", None, 4, "“sharp” wants true or false, but this gives a number."),
    (
        "sizes",
        "{{ inputs.count }}",
        None,
        4,
        "“sizes” wants a list of numbers, but this gives a number. Make a list of it: {{ [ … ] }}.",
    ),
    (
        "sizes",
        [1, "{{ inputs.title }}"],
        "with.sizes[1]",
        4,
        "“sizes[1]” wants a number, but this gives text.",
    ),
    ("image", "{{ null }}", None, 4, "“image” wants an image, but this gives nothing (null)."),
    # values in the document
    ("image", None, None, None, "“image” must be an image, not nothing (null)."),
    ("image", "photo.jpg", None, None, "“image” must be an image, not “photo.jpg”."),
    (
        "image",
        {"asset": "x"},
        None,
        None,
        "“image”: a file is not written into a workflow; make it an input.",
    ),
    ("width", "wide", None, None, "“width” must be a whole number, not “wide”."),
    ("width", 0, None, None, "“width” must be at least 1, not 0."),
    ("width", 9000, None, None, "“width” must be at most 8192, not 9000."),
    ("width", 1.5, None, None, "“width” must be a whole number, not 1.5."),
    ("width", True, None, None, "“width” must be a whole number, not true."),
    ("height", 3, None, None, "“height” must be a multiple of 2, not 3."),
    ("opacity", 0, None, None, "“opacity” must be more than 0, not 0."),
    ("fit", "covr", None, None, "“fit” must be one of “contain”, “cover”, not “covr”."),
    ("label", "x" * 21, None, None, "“label” has 21 characters; at most 20 fit."),
    ("label", 3, None, None, "“label” must be text, not 3."),
    ("code", "A1", None, None, "“code” must look like ^[a-z]+$; “A1” does not."),
    ("sharp", "yes", None, None, "“sharp” must be true or false, not “yes”."),
    ("box", {"top": 1}, "with.box.left", None, "“box” lacks “left”."),
    ("box", {"left": "a"}, "with.box.left", None, "“left” must be a whole number, not “a”."),
    ("sizes", [1, 2, 3, 4], None, None, "“sizes” takes at most 3 items; it has 4."),
    ("sizes", [1, "a"], "with.sizes[1]", None, "“sizes” item 2 must be a whole number, not “a”."),
    ("sizes", 3, None, None, "“sizes” must be a list, not 3."),
    ("options", [], None, None, "“options” must be an object, not a list of 0."),
    ("colour", 1, None, None, "image.draw has no input “colour”."),
    ("lable", 1, None, None, "image.draw has no input “lable”. Did you mean “label”?"),
    (
        "token",
        "abc",
        None,
        None,
        (
            "“token” is a secret and is never written into a workflow; "
            "secrets are not available in this version."
        ),
    ),
]


@pytest.mark.parametrize(("name", "value", "field", "column", "message"), VALUE_FAULTS)
def test_each_wrong_value_is_said(
    name: str, value: Any, field: str | None, column: int | None, message: str
) -> None:
    assert complaints_of(draw(**{name: value})) == [("draw", field or f"with.{name}", column, message)]


DOCUMENT_FAULTS: list[tuple[dict[str, Any], list[Fault]]] = [
    (
        document(node("a", "core.sett")),
        [("a", "type", None, "There is no step type “core.sett”. Did you mean “core.set”?")],
    ),
    (
        document(node("a", "image.draw")),
        [("a", "with.image", None, "“image” (Picture) is required and not given.")],
    ),
    (
        document(node("a", needs=["b"]), node("ab")),
        [("a", "needs[0]", None, "There is no step “b”. Did you mean “ab”?")],
    ),
    (document(node("a", needs=["a"])), [("a", "needs[0]", None, "Step “a” cannot wait for itself.")]),
    (
        document(node("a", values={"value": "{{ steps.a.outputs.value }}"})),
        [("a", None, None, "Step “a” reads its own outputs; they are known only when it is done.")],
    ),
    (
        document(
            node("a", values={"value": "{{ steps.c.outputs.value }}"}),
            node("b", needs=["a"]),
            node("c", when="{{ steps.b.outputs.value }}"),
        ),
        [
            (
                "a",
                None,
                None,
                "These steps wait for one another in a circle: a → b → c → a. Take one reference out.",
            )
        ],
    ),
    (
        document(*(node(f"n{at}", needs=[f"n{(at + 1) % 2_000}"]) for at in range(2_000))),
        [
            (
                "n0",
                None,
                None,
                (
                    "These steps wait for one another in a circle: n0 → n1999 → n1998 → n1997 → n1996 → "
                    "n1995 → n1994 → n1993 → n1992 → n1991 → … → n1 → n0 (2,000 steps). "
                    "Take one reference out."
                ),
            )
        ],
    ),
    (
        document(node("a", when="yes")),
        [("a", "when", None, "“when” is true, false or one expression: {{ inputs.count > 3 }}.")],
    ),
    (
        document(node("a", when="{{ 1 + 1 }}")),
        [("a", "when", 4, "“when” wants true or false, not a number.")],
    ),
    (
        document(node("a", each="{{ 'abc' }}")),
        [("a", "each", 4, "“each” wants a list, not text.")],
    ),
    (
        document(node("a", each="abc")),
        [("a", "each", None, "“each” wants a list or an expression that gives one, not “abc”.")],
    ),
    (
        document(node("a", each="x{{ [1] }}")),
        [("a", "each", None, "“each” wants a list, and text around an expression makes text of it.")],
    ),
    (
        document(node("a", each=[1], when="{{ item > 0 }}")),
        [
            (
                "a",
                "when",
                4,
                "“item” is not known here: this is decided once for the step, before its list is opened.",
            )
        ],
    ),
    (
        document(node("a", each=["x"], values={"value": "{{ item + index }}"})),
        [
            (
                "a",
                "with.value",
                9,
                "“+” cannot combine text and a number. Turn the other side into text with string(…).",
            )
        ],
    ),
    (
        document(node("a"), outputs={"x": "{{ steps.a.outputs.valu }}"}),
        [(None, "outputs.x", 20, "Step “a” has no output “valu”. Did you mean “value”?")],
    ),
    (
        document(node("a"), inputs={"n": {"type": "number", "max": 3, "default": 4}}),
        [(None, "inputs.n.default", None, "“default” must be at most 3, not 4.")],
    ),
    (
        document(node("a"), inputs={"n": {"type": "text", "choices": ["a", 1], "default": "a"}}),
        [(None, "inputs.n.choices[1]", None, "“choice 2” must be text, not 1.")],
    ),
]


@pytest.mark.parametrize(("raw", "faults"), DOCUMENT_FAULTS)
def test_each_fault_of_a_workflow_is_said(raw: dict[str, Any], faults: list[Fault]) -> None:
    assert complaints_of(raw) == faults


def test_one_mistake_is_one_complaint() -> None:
    raw = document(
        node("a", "core.sett", values={"value": "x"}),
        node("b", values={"value": "{{ steps.a.outputs.anything + 1 }}"}),
        node("broken", values=[]),
        node("c", values={"value": "{{ steps.broken.outputs.anything }} {{ inputs.bad }}"}),
        inputs={"bad": {"type": "tekst"}},
    )
    assert [(each[0], each[1]) for each in complaints_of(raw)] == [
        (None, "inputs.bad.type"),
        ("a", "type"),
        ("broken", "with"),
    ]


def test_complaints_come_in_the_order_of_the_document() -> None:
    raw = document(
        node("a", values={"value": "{{ nope }}"}, mode="x"),
        node("b", values={"valu": 1}),
        outputs={"x": "{{ nope }}"},
        nmae="x",
    )
    assert [(each[0], each[1]) for each in complaints_of(raw)] == [
        (None, "nmae"),
        (None, "outputs.x"),
        ("a", "mode"),
        ("a", "with.value"),
        ("b", "with.value"),
        ("b", "with.valu"),
    ]


def chain(size: int, expression: str) -> dict[str, Any]:
    """Nodes each reading the one before."""
    nodes = [node("n0")]
    nodes += [
        node(f"n{index}", values={"value": expression.format(before=index - 1)}) for index in range(1, size)
    ]
    return document(*nodes)


@pytest.mark.parametrize(
    "expression",
    ["{{{{ steps.n{before}.outputs.value }}}}", "{{{{ [steps.n{before}.outputs.value, {before}] }}}}"],
)
def test_two_thousand_nodes_are_checked_in_bounded_work(expression: str) -> None:
    check(chain(2, expression), CATALOG)  # what the process makes once is not counted
    # Twenty times the nodes are twenty times the work, not four hundred times.
    assert calls_of(chain(2_000, expression)) < 25 * calls_of(chain(100, expression))


def calls_of(raw: dict[str, Any]) -> int:
    """How many function calls a check takes: the same on a busy machine as on an idle one."""
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        assert check(raw, CATALOG) == []
    finally:
        sys.setprofile(None)
    return calls


HOSTILE: list[tuple[str, Any]] = [
    ("expressions", ["{{1+1}}"] * 100),
    ("one text", "{{1+1}}" * 199),
    ("long", "{{ " + "&&".join(["true"] * 600) + " }}"),
    ("unknown", ["{{ steps.nowhere.outputs.value }}"] * 50),
    ("unclosed", ["{{"] * 100),
    ("braces", "{" * 4_000),
    ("quotes", "{{ '" * 1_000),
    ("brackets", "{{" + "(" * 3_900),
]


@pytest.mark.timeout(30)  # a second or two; without the bounds minutes and gigabytes
@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_a_hostile_document_of_five_megabytes_is_refused_in_bounded_work(name: str, value: Any) -> None:
    copies = min(2_000, 5_000_000 // len(json.dumps(value)))
    raw = document(*(node(f"n{index}", values={"value": value}) for index in range(copies)))
    complaints = check(raw, CATALOG)
    assert complaints or name == "braces"
    assert len(complaints) <= 201


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**18, 10**400, -(10**4_000)])  # JSON bounds a number by 4,300 digits
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.just("{{ item }}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, st.sampled_from(["with", "when", "each", "needs", "retry", "outputs", "inputs", "ui"]))
@settings(max_examples=300, deadline=None)
def test_no_json_whatever_makes_the_checker_stumble(value: Any, field: str) -> None:
    raw = document(node("a", "image.draw", values={"image": value, "options": value}), node("b"))
    if field in {"outputs", "inputs", "ui"}:
        raw[field] = {"x": value}
    else:
        raw["nodes"][0][field] = value
    for complaint in check(raw, CATALOG):
        assert complaint.message


@given(st.text(alphabet="{}'\" .[]()abinputsem+=!?:0\\\n", max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_whatever_makes_the_expressions_stumble(text: str) -> None:
    raw = document(node("a", values={"value": text}), node("b", values={"value": f"{{{{ {text} }}}}"}))
    for complaint in check(raw, CATALOG):
        assert complaint.message
        assert complaint.column is None or complaint.column >= 1
