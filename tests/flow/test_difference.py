"""What changed between two documents: real changes field by field, and what only looks different apart."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow.definition import Definition, Node
from app.flow.difference import Change, Difference, How, Part, difference
from app.flow.document import parse, to_document
from app.flow.lean import same
from app.kit.codec import decode_any, encode
from tests.flow.samples import picture_story


def changed(**edits: Any) -> Difference:
    """From the picture story to one whose nodes were edited so: `film={"with": {…}}`."""
    before, after = picture_story(), picture_story()
    for node in after["nodes"]:
        node.update(edits.get(node["id"], {}))
    return difference(before, after)


def test_a_document_does_not_differ_from_itself() -> None:
    found = difference(picture_story(), picture_story())
    assert found == Difference(document=(), inputs=(), nodes=(), outputs=(), moved=(), reordered=())
    assert not found.is_real


def test_every_field_of_a_step_that_changed_is_told_with_both_values() -> None:
    values = {"images": "{{ steps.frames.outputs.image }}", "title": "Our trip", "vector": [1, 2]}
    found = changed(film={"with": values}, frames={"each": "{{ inputs.photos }}", "max_parallel": None})
    assert found.nodes == (
        Part(id="frames", how=How.changed, changes=(Change(field="max_parallel", before=4),)),
        Part(
            id="film",
            how=How.changed,
            changes=(
                Change(field="with.title", before="{{ inputs.title }}", after="Our trip"),
                Change(field="with.vector", after=[1, 2]),
            ),
        ),
    )
    assert found.is_real


def test_rules_are_looked_into() -> None:
    found = changed(film={"retry": {"max": 3, "backoff_s": 5, "on": ["transient"]}})
    assert found.nodes[0].changes == (Change(field="retry.max", before=2, after=3),)


def test_a_new_step_and_one_that_is_gone_are_told_whole() -> None:
    after = picture_story()
    after["nodes"][0] = {"id": "tiles", "type": "image.contact_sheet", "with": {"columns": 3}}
    found = difference(picture_story(), after).nodes
    assert [(part.id, part.how) for part in found] == [("tiles", How.added), ("frames", How.removed)]
    assert found[0].changes == (
        Change(field="type", after="image.contact_sheet"),
        Change(field="with.columns", after=3),
    )
    assert Change(field="with.width", before=1280) in found[1].changes
    assert Change(field="max_parallel", before=4) in found[1].changes


def test_inputs_outputs_and_the_document_itself_are_compared() -> None:
    after = picture_story()
    after["name"] = "Another story"
    after["inputs"]["photos"]["min"] = 2
    after["inputs"]["music"] = {"type": "audio", "default": None}
    after["outputs"] = {"movie": after["outputs"]["film"]}
    found = difference(picture_story(), after)
    assert found.document == (Change(field="name", before="Picture story", after="Another story"),)
    assert found.inputs == (
        Part(id="photos", how=How.changed, changes=(Change(field="min", before=1, after=2),)),
        Part(
            id="music",
            how=How.added,
            changes=(Change(field="type", after="audio"), Change(field="default", after=None)),
        ),
    )
    value = "{{ steps.film.outputs.video }}"
    assert found.outputs == (Change(field="movie", after=value), Change(field="film", before=value))


def test_moving_steps_about_is_no_real_change() -> None:
    after = picture_story()
    after["ui"]["film"] = {"x": 640, "y": 80}
    found = difference(picture_story(), after)
    assert found.moved == ("film",)
    assert not found.is_real


def test_another_order_is_no_real_change_but_told() -> None:
    after = picture_story()
    after["nodes"].reverse()
    after["inputs"] = dict(reversed(after["inputs"].items()))
    found = difference(picture_story(), after)
    assert found.reordered == ("inputs", "nodes")
    assert not found.is_real


@pytest.mark.parametrize(
    "written",
    [
        {"on_error": "fail", "priority": 0, "mode": "enabled", "needs": [], "note": "", "cache": None},
        {"retry": {"max": 2, "backoff_s": 5.0, "on": ["transient"]}},
        {"timeout_s": 600.0},
    ],
)
def test_a_default_that_is_written_out_is_no_change(written: dict[str, Any]) -> None:
    assert not changed(film=written).is_real


def test_null_as_a_default_of_an_input_is_a_change() -> None:
    after = picture_story()
    after["inputs"]["photos"]["default"] = None
    assert difference(picture_story(), after).inputs[0].changes == (Change(field="default", after=None),)


def test_every_default_of_the_language_is_known_here() -> None:
    """A document with every default written out, whatever fields the language will have, is the same."""
    lean = Definition(schema=1, nodes=(Node(id="a", type="core.set"),))
    full = {
        "schema": 1,
        **_defaults(Definition),
        "nodes": [{"id": "a", "type": "core.set", **_defaults(Node)}],
    }
    assert not difference(to_document(lean), full).is_real


def test_true_is_no_one_and_an_absent_side_is_left_out_of_the_answer() -> None:
    assert not same(True, 1)
    assert same(1, 1.0)
    assert not same([1, True], [1, 1])
    found = changed(film={"when": True})
    told = decode_any(encode(found))["nodes"][0]["changes"]
    assert told == [{"field": "when", "after": True}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcd", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
documents = st.dictionaries(
    st.sampled_from(["inputs", "nodes", "outputs", "ui", "name", "more"]), json_values
)


@given(documents, documents)
def test_any_two_json_objects_compare_and_both_ways_tell_the_same(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    there, back = difference(first, second), difference(second, first)
    assert {change.field for change in there.document} == {change.field for change in back.document}
    assert {part.id for part in there.nodes} == {part.id for part in back.nodes}
    assert {part.id for part in there.inputs} == {part.id for part in back.inputs}
    assert set(there.moved) == set(back.moved)
    assert not difference(first, copy.deepcopy(first)).is_real


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True), st.data())
def test_the_changes_of_the_values_lead_from_one_to_the_other(names: list[str], data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2)
    values = st.dictionaries(st.sampled_from(names), scalars) if names else st.just({})
    before, after = data.draw(values), data.draw(values)
    found = difference(_with(before), _with(after))
    led = dict(before)
    for change in (change for part in found.nodes for change in part.changes):
        name = change.field.removeprefix("with.")
        if change.after is msgspec.UNSET:
            del led[name]
        else:
            led[name] = change.after
    assert led == after


def _with(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "nodes": [{"id": "one", "type": "core.set", "with": dict(values)}]}


def _defaults(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """What a struct fills in by itself, as JSON."""
    plain = {}
    for field in msgspec.structs.fields(shape):
        if field.default_factory is not msgspec.NODEFAULT:
            plain[field.encode_name] = field.default_factory()
        elif field.default is not msgspec.NODEFAULT:
            plain[field.encode_name] = field.default
    found: dict[str, Any] = decode_any(encode(plain))
    return found


def test_what_parse_reads_back_does_not_differ() -> None:
    assert not difference(picture_story(), to_document(parse(picture_story()))).is_real


def test_defaults_inside_a_rule_of_several_shapes_are_no_change() -> None:
    short = {"each": {"range": {"to": 3}}}
    long = {"each": {"range": {"from": 1, "to": 3, "step": 1}}}
    nodes = [[{"id": "a", "type": "core.set"} | one] for one in (short, long)]
    assert not difference(*({"schema": 1, "nodes": one} for one in nodes)).is_real
