"""Reading documents: what is well formed survives a round trip, what is not is said, all of it at once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.definition import (
    MAX_NODES,
    Bounds,
    Cache,
    Definition,
    Go,
    Input,
    Join,
    Lengths,
    Mode,
    Nested,
    Node,
    OnError,
    OnItemError,
    Range,
    Retry,
    Zip,
)
from app.flow.document import parse, to_document
from app.flow.messages import ErrorClass
from app.flow.ports import PORT_TYPES
from app.kit.errors import Invalid
from tests.flow.samples import document, node, picture_story, said

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}x", fullmatch=True)
RETRIES = st.builds(
    Retry,
    max=st.integers(1, 20),
    backoff_s=st.floats(0, 3600),
    on=st.lists(st.sampled_from([ErrorClass.transient, ErrorClass.timeout]), unique=True, max_size=2).map(
        tuple
    ),
)
INPUTS = st.builds(
    Input, type=st.sampled_from(PORT_TYPES), label=TEXT, default=VALUES, multiline=st.booleans()
)
NUMBERS = st.integers(1, 99) | st.floats(0.5, 9.5) | TEXT
LEVELS = (
    TEXT
    | st.lists(VALUES, max_size=2)
    | st.builds(
        Zip,
        zip=st.dictionaries(NAMES, TEXT | st.lists(VALUES, max_size=2), min_size=1, max_size=3),
        lengths=st.sampled_from(Lengths),
    )
    | st.builds(Range, range=st.builds(Bounds, from_=NUMBERS, to=NUMBERS, step=NUMBERS))
)
NODES = st.builds(
    Node,
    id=NAMES,
    type=st.sampled_from(["core.set", "image.draw"]),
    with_=st.dictionaries(NAMES, VALUES, max_size=3),
    needs=st.lists(NAMES, unique=True, max_size=2).map(tuple),
    when=st.none() | st.booleans() | TEXT,
    each=LEVELS | st.builds(Nested, nested=st.lists(LEVELS, min_size=2, max_size=4).map(tuple)),
    on_item_error=st.none() | st.sampled_from(OnItemError),
    max_parallel=st.none() | st.integers(1, 1000),
    timeout_s=st.none() | st.floats(0.001, 600_000),
    retry=st.just(()) | RETRIES | st.lists(RETRIES, min_size=1, max_size=3).map(tuple),
    on_error=st.sampled_from(OnError) | st.just(Go("other")),
    join=st.sampled_from(Join),
    priority=st.integers(-100, 100),
    cache=st.none() | st.sampled_from(Cache),
    mode=st.sampled_from(Mode),
    note=TEXT,
)
DEFINITIONS = st.builds(
    Definition,
    schema=st.just(1),
    name=TEXT,
    inputs=st.dictionaries(NAMES, INPUTS, max_size=3),
    nodes=st.lists(NODES, unique_by=lambda each: each.id, max_size=4).map(tuple),
    outputs=st.dictionaries(NAMES, VALUES, max_size=3),
    ui=st.dictionaries(TEXT, VALUES, max_size=2),
)


@given(DEFINITIONS)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_unchanged(definition: Definition) -> None:
    assert parse(to_document(definition)) == definition


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_any_json_is_read_or_refused_in_words(raw: Any) -> None:
    for candidate in (
        raw,
        {"schema": 1, "nodes": raw},
        {"schema": 1, "nodes": [raw]},
        {"schema": 1, "inputs": raw},
    ):
        try:
            parse(candidate)
        except Invalid as exc:
            assert exc.complaints  # noqa: PT017  the values decide whether it raises


def test_the_document_of_the_map_is_well_formed() -> None:
    definition = parse(picture_story())
    assert [each.id for each in definition.nodes] == ["frames", "film"]
    assert definition.nodes[1].retry == Retry(max=2, backoff_s=5, on=(ErrorClass.transient,))
    assert definition.inputs["photos"].is_required
    assert not definition.inputs["title"].is_required


def complaints_of(raw: Any) -> list[tuple[Any, ...]]:
    with pytest.raises(Invalid) as caught:
        parse(raw)
    return said(caught.value.complaints)


DOCUMENT_FAULTS: list[tuple[Any, str | None, str]] = [
    ([], None, "A workflow document is an object {…}, not a list of 0."),
    (
        {"schema": 1, "name": "a\0b"},
        None,
        "A text in this document holds the character U+0000, which cannot be stored.",
    ),
    ({}, "schema", '“schema” is missing; write "schema": 1.'),
    ({"schema": 2}, "schema", "“schema” must be 1, the one this Studio reads, not 2."),
    ({"schema": True}, "schema", "“schema” must be 1, the one this Studio reads, not true."),
    ({"schema": 1, "name": 3}, "name", "“name” must be text, not 3."),
    (
        {"schema": 1, "steps": []},
        "steps",
        "There is no field “steps” here. The steps of a workflow are written under “nodes”.",
    ),
    ({"schema": 1, "outptus": {}}, "outptus", "There is no field “outptus” here. Did you mean “outputs”?"),
    ({"schema": 1, "nodes": {}}, "nodes", "“nodes” must be a list of steps, not an object."),
    ({"schema": 1, "nodes": [3]}, "nodes[0]", "A node is an object {…}, not 3."),
    (
        {"schema": 1, "nodes": [{"type": "core.set"}]},
        "nodes[0].id",
        "“id” is missing: the name other steps call this one by.",
    ),
    ({"schema": 1, "inputs": []}, "inputs", "“inputs” must be an object {…}, not a list of 0."),
    (
        {"schema": 1, "inputs": {"my photo": {"type": "image"}}},
        "inputs.my photo",
        (
            "The name of an input starts with a letter and holds only letters, digits and _ (at most 63); "
            "“my_photo” would do."
        ),
    ),
    (
        {"schema": 1, "inputs": {"in": {"type": "image"}}},
        "inputs.in",
        "“in” is a word of the expression language; choose another name, such as “in_1”.",
    ),
    (
        {"schema": 1, "inputs": {"photo": "image"}},
        "inputs.photo",
        'An input is an object such as {"type": "text"}, not “image”.',
    ),
    (
        {"schema": 1, "inputs": {"photo": {"type": "immage"}}},
        "inputs.photo.type",
        "There is no type “immage”. Did you mean “image”?",
    ),
    (
        {"schema": 1, "inputs": {"photo": {}}},
        "inputs.photo.type",
        (
            "“type” is missing; it is one of text, number, boolean, json, image, video, audio, file, vector "
            "or a list such as image[]."
        ),
    ),
    (
        {"schema": 1, "inputs": {"photo": {"type": "image", "required": True}}},
        "inputs.photo.required",
        (
            "There is no field “required” here. An input without a default is required; "
            "a default, even null, makes it optional."
        ),
    ),
    (
        {"schema": 1, "inputs": {"n": {"type": "number", "min": 3, "max": 1}}},
        "inputs.n.min",
        "“min” is greater than “max”; nothing could fit.",
    ),
    (
        {"schema": 1, "inputs": {"n": {"type": "boolean", "min": 3}}},
        "inputs.n.min",
        "“min” bounds numbers, texts and lists; this input is boolean.",
    ),
    (
        {"schema": 1, "inputs": {"n": {"type": "text", "max": 2.5}}},
        "inputs.n.max",
        "“max” counts items or characters here: a whole number from 0.",
    ),
    (
        {"schema": 1, "inputs": {"n": {"type": "image", "choices": [1]}}},
        "inputs.n.choices",
        "“choices” go with text and number; this input is image.",
    ),
    (
        {"schema": 1, "outputs": {"a-b": 1}},
        "outputs.a-b",
        (
            "The name of an output starts with a letter and holds only letters, digits and _ (at most 63); "
            "“a_b” would do."
        ),
    ),
]


@pytest.mark.parametrize(("raw", "field", "message"), DOCUMENT_FAULTS)
def test_each_fault_of_a_document_is_said(raw: Any, field: str | None, message: str) -> None:
    assert complaints_of(raw) == [(None, field, None, message)]


NODE_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"timeout": 3}, "timeout", "There is no field “timeout” here. Did you mean “timeout_s”?"),
    ({"need": []}, "need", "There is no field “need” here. Did you mean “needs”?"),
    ({"with": [1]}, "with", "“with” must be an object {…}, not a list of 1."),
    ({"needs": "a"}, "needs", "“needs” must be a list of node ids, not “a”."),
    ({"needs": [1]}, "needs[0]", "“needs” lists node ids, not 1."),
    ({"when": 3}, "when", "“when” is true, false or an expression {{ … }}, not 3."),
    (
        {"each": 3},
        "each",
        ('“each” is a list, an expression {{ … }}, {"zip": {…}}, {"range": {…}} or {"nested": […]}, not 3.'),
    ),
    ({"each": {"zip": {}}}, "each.zip", "“zip” names 1 to 20 lists; it has 0."),
    ({"each": {"zip": [1]}}, "each.zip", "“zip” must be an object {…}, not a list of 1."),
    (
        {"each": {"zip": {"a": 3}}},
        "each.zip.a",
        "“a” is a list or an expression {{ … }}, not 3.",
    ),
    (
        {"each": {"zip": {"a-b": []}}},
        "each.zip.a-b",
        (
            "The name of a zipped list starts with a letter and holds only letters, digits and _ "
            "(at most 63); “a_b” would do."
        ),
    ),
    (
        {"each": {"zip": {"a": []}, "lengths": "equal"}},
        "each.lengths",
        "“lengths” must be one of “strict”, “shortest” and “longest”, not “equal”.",
    ),
    ({"each": {"range": {"from": 1}}}, "each.range.to", "“to” is missing: the last number of the range."),
    ({"each": {"range": {"to": True}}}, "each.range.to", "“to” must be a number, not true."),
    ({"each": {"range": {"to": 3, "step": 0}}}, "each.range.step", "A range with the step 0 never ends."),
    (
        {"each": {"range": {"to": 3, "end": 3}}},
        "each.range.end",
        "There is no field “end” here. Did you mean “to”? It is counted in.",
    ),
    (
        {"each": {"nested": ["{{ inputs.a }}"]}},
        "each.nested",
        (
            "“nested” takes 2 to 4 lists, from the outside in, such as "
            "[{{ inputs.albums }}, {{ item.photos }}]; it has 1."
        ),
    ),
    (
        {"each": {"nested": [[1], {"nested": [[1], [2]]}]}},
        "each.nested[1]",
        "“nested” stands only at the top of “each”; write all lists into it, outermost first.",
    ),
    (
        {"each": {"nested": [[1], {"range": {"to": 2, "by": 3}}]}},
        "each.nested[1].range.by",
        "There is no field “by” here.",
    ),
    (
        {"on_item_error": "collect"},
        "on_item_error",
        "“on_item_error” needs “each”: without it the step has no items.",
    ),
    (
        {"each": [], "on_item_error": "continue"},
        "on_item_error",
        "“on_item_error” must be one of “fail_fast” and “collect”, not “continue”.",
    ),
    ({"max_parallel": 2}, "max_parallel", "“max_parallel” needs “each”: without it the step runs once."),
    ({"each": [], "max_parallel": 0}, "max_parallel", "“max_parallel” must be from 1 to 1000, not 0."),
    ({"each": [], "max_parallel": 1.5}, "max_parallel", "“max_parallel” must be a whole number, not 1.5."),
    ({"timeout_s": 0}, "timeout_s", "“timeout_s” must be from 0.001 to 604800 seconds, not 0."),
    ({"timeout_s": "5"}, "timeout_s", "“timeout_s” must be a number, not “5”."),
    ({"retry": 3}, "retry", "“retry” is an object {…} or a list of them, not 3."),
    ({"retry": [3]}, "retry", "“retry” is an object {…} or a list of them, not a list of other things."),
    ({"retry": [{}] * 9}, "retry", "“retry” lists at most 8 policies, not 9."),
    ({"retry": [{}, {"max": -1}]}, "retry[1].max", "“max” must be from 0 to 20, not -1."),
    ({"retry": {"jitter": 2}}, "retry.jitter", "“jitter” must be from 0 to 1, not 2."),
    ({"retry": {"max": 21}}, "retry.max", "“max” must be from 0 to 20, not 21."),
    ({"retry": {"times": 2}}, "retry.times", "There is no field “times” here."),
    (
        {"retry": {"max": 1, "on": ["lost"]}},
        "retry.on[0]",
        "A lost attempt is always tried again; leave “lost” out.",
    ),
    (
        {"retry": {"max": 1, "on": ["often"]}},
        "retry.on[0]",
        (
            "“on” lists error classes (“bad_input”, “bug”, “missing_model”, “out_of_memory”, “refused”, "
            "“timeout” and “transient”), not “often”."
        ),
    ),
    (
        {"on_error": {"go": 3}},
        "on_error",
        '“on_error” is “fail”, “continue” or {"go": "<node>"}, not an object.',
    ),
    ({"on_error": "retry"}, "on_error", '“on_error” is “fail”, “continue” or {"go": "<node>"}, not “retry”.'),
    ({"join": "some"}, "join", "“join” must be one of “all”, “any” and “always”, not “some”."),
    ({"mode": "off"}, "mode", "“mode” must be one of “enabled”, “skip” and “stop”, not “off”."),
    (
        {"cache": "always"},
        "cache",
        "“cache” must be one of “on” and “off”, not “always”.",
    ),
    ({"priority": 1000}, "priority", "“priority” must be from -100 to 100, not 1000."),
    ({"type": 3}, "type", "“type” must be text, not 3."),
    ({"type": ""}, "type", "“type” is missing: which step this is, such as “image.transform”."),
]


@pytest.mark.parametrize(("fields", "field", "message"), NODE_FAULTS)
def test_each_fault_of_a_node_is_said(fields: dict[str, Any], field: str, message: str) -> None:
    assert complaints_of(document({**node("a"), **fields})) == [("a", field, None, message)]


def test_a_bad_id_names_the_node_and_proposes_a_good_one() -> None:
    assert complaints_of(document(node("My-Node"))) == [
        (
            "My-Node",
            "id",
            None,
            (
                "The id of a node starts with a letter and holds only lower-case letters, digits and _ "
                "(at most 63); “my_node” would do."
            ),
        )
    ]


def test_an_id_used_twice_names_the_first_place() -> None:
    assert complaints_of(document(node("a"), node("b"), node("a"))) == [
        ("a", "id", None, "“a” is also the id of node 1; ids are unique.")
    ]


def test_every_fault_is_said_at_once() -> None:
    raw = {
        "schema": 3,
        "inputs": {"x": {"type": "tekst", "min": "a"}},
        "nodes": [{**node("a"), "mode": "never", "typ": "b"}, 5],
    }
    assert [field for _, field, _, _ in complaints_of(raw)] == [
        "schema",
        "inputs.x.type",
        "inputs.x.min",
        "mode",
        "typ",
        "nodes[1]",
    ]


def test_values_nested_beyond_reason_are_refused() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    assert complaints_of(document(node("a", values={"value": value}))) == [
        ("a", "with", None, "The values are nested more than 32 levels deep; flatten them.")
    ]


def test_more_nodes_than_a_workflow_holds_are_refused() -> None:
    nodes = [node(f"n{index}") for index in range(MAX_NODES + 1)]
    assert complaints_of(document(*nodes)) == [
        (None, "nodes", None, "A workflow has at most 2,000 nodes; this one has 2,001.")
    ]


def test_a_document_full_of_faults_stops_at_two_hundred() -> None:
    complaints = complaints_of(document(*(node(f"n{index}", mode="x", cache="y") for index in range(2_000))))
    assert len(complaints) == 201
    assert complaints[-1][3] == "There may be more; these are the first 200."
