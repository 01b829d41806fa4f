"""What the editor is told: names with types, functions, what a field wants, wherever the cursor stands."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.check import check
from app.flow.completion import Completion, Position, complete
from app.flow.library import library
from app.steps.discovery import catalog
from tests.flow.samples import CATALOG, document, node

INPUTS = {
    "photos": {"type": "image[]", "label": "Photos"},
    "title": {"type": "text", "default": None},
    "albums": {"type": "json"},
}


def story(value: Any = "{{ }}", **fields: Any) -> dict[str, Any]:
    """A document whose node `b` is being written, between `a` before and `c` behind it."""
    return document(
        node("a", "image.draw", values={"image": "{{ inputs.photos[0] }}"}),
        node("b", values={"value": value}, **fields),
        node("c", values={"value": "{{ steps.b.outputs.value }}"}),
        node("d", values={"value": "{{ steps.c.outputs.value }}"}),
        inputs=INPUTS,
        outputs={"x": "{{ }}"},
    )


def at(text: str, **fields: Any) -> Completion:
    """What is offered where `|` stands in the value of `b`."""
    column = text.index("|") + 1
    raw = story(text.replace("|", ""), **fields)
    return complete(raw, CATALOG, Position(node="b", field="with.value", column=column))


def names(completion: Completion) -> dict[str, str]:
    return {each.name: each.type for each in completion.names}


def functions(completion: Completion) -> set[str]:
    return {each.name for each in completion.functions}


def test_a_field_is_told_every_name_it_may_read_and_what_it_wants() -> None:
    found = complete(story(), CATALOG, Position(node="b", field="with.value"))
    assert found.wants is not None
    assert found.wants.type == "json"
    assert names(found) == {
        "inputs.photos": "image[]",
        "inputs.title": "text",
        "inputs.albums": "json",
        "steps.a.outputs.image": "image",
        "steps.a.outputs.width": "number",
        "steps.a.outputs.has_alpha": "boolean",
        "steps.a.status": "text",
        "steps.a.error": "json",
        "instance.id": "text",
        "instance.number": "integer",
        "instance.created_at": "text",
        "organization.id": "text",
        "organization.name": "text",
    }
    assert functions(found) == set(library())
    assert [(each.name, each.title, each.may_be_null) for each in found.names[:2]] == [
        ("inputs.photos", "Photos", False),
        ("inputs.title", "", True),
    ]


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("when", "boolean"),
        ("each", "json[]"),
        ("each.zip.photo", "json[]"),
        ("each.nested[1]", "json[]"),
        ("each.range.to", "number"),
        ("each.nested[0].range.from", "number"),
        ("with.image", "image"),
        ("with.box.left", "json"),
        ("with.sizes[2]", "number"),
        ("with.unheard_of", "json"),
    ],
)
def test_a_field_says_what_it_wants(field: str, wanted: str) -> None:
    raw = document(node("b", "image.draw", values={}))
    found = complete(raw, CATALOG, Position(node="b", field=field))
    assert found.wants is not None
    assert found.wants.type == wanted


def test_an_item_of_a_list_wants_what_the_list_holds_and_says_what_it_is() -> None:
    raw = document(node("film", "video.film", values={"images": ["{{ }}"]}))
    found = complete(raw, CATALOG, Position(node="film", field="with.images[0]", column=4))
    assert found.wants is not None
    assert (found.wants.type, found.wants.title, found.wants.required) == ("image", "Pictures", True)
    assert found.in_expression


@pytest.mark.parametrize(
    "position",
    [
        Position(node="b", field="id"),
        Position(node="b", field="needs[0]"),
        Position(node="b", field="with.token", column=1),
        Position(field="name"),
        Position(field="inputs.title.default"),
    ],
)
def test_where_no_expression_may_stand_nothing_is_offered(position: Position) -> None:
    raw = document(node("b", "image.draw", values={"token": "x"}), inputs=INPUTS)
    assert complete(raw, CATALOG, position) == Completion()


def test_the_outputs_of_a_workflow_may_read_every_step() -> None:
    found = complete(story(), CATALOG, Position(field="outputs.x", column=4))
    assert "steps.d.outputs.value" in names(found)
    assert found.in_expression


def test_items_are_known_inside_and_not_in_the_rules() -> None:
    each = {"nested": ["{{ inputs.albums }}", {"zip": {"photo": "{{ inputs.photos }}"}}]}
    raw = story(each=each)
    inside = names(complete(raw, CATALOG, Position(node="b", field="with.value")))
    assert {
        name: kind for name, kind in inside.items() if name.split(".")[0] in {"item", "index", "outer"}
    } == {
        "item": "map",
        "item.photo": "image",
        "index": "integer",
        "outer.item": "json",
        "outer.index": "integer",
    }
    second = names(complete(raw, CATALOG, Position(node="b", field="each.nested[1].zip.photo")))
    assert {name for name in second if name.startswith(("item", "index", "outer"))} == {"item", "index"}
    for field in ("when", "each.nested[0]"):
        first = names(complete(raw, CATALOG, Position(node="b", field=field)))
        assert not {name for name in first if name.startswith(("item", "index", "outer"))}


def test_steps_in_a_circle_offer_what_does_not_close_it() -> None:
    raw = document(
        node("a", values={"value": "{{ steps.b.outputs.value }}"}),
        node("b", values={"value": "{{ steps.a.outputs.value }}"}),
        node("c"),
    )
    assert check(raw, CATALOG)
    found = names(complete(raw, CATALOG, Position(node="b", field="with.value")))
    assert {name.split(".")[1] for name in found if name.startswith("steps.")} == {"c"}


# With a cursor -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "|",
        "{|{ inputs }}",
        "text | {{ inputs.title }}",
        "{{ 'in a text | ' }}",
        "{{ inputs.title }} |",
        "{{ 'a|",
    ],
)
def test_outside_of_expressions_and_in_quotes_nothing_is_offered(text: str) -> None:
    found = at(text)
    assert found.wants is not None
    assert (found.in_expression, found.names, found.functions) == (False, [], [])


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("{{ | }}", (4, 4)),
        ("{{ inp| }}", (4, 7)),
        ("{{ in|puts }}", (4, 10)),
        ("Film of {{ ti|", (12, 14)),
        ("{{ inputs.title + in| }}", (19, 21)),
        ("{{ size(|", (9, 9)),
        ("a {{ inputs.title }} b {{ 1 + | }}", (31, 31)),
    ],
)
def test_at_the_beginning_of_a_word_everything_is_offered(text: str, replaced: tuple[int, int]) -> None:
    found = at(text)
    assert (found.start, found.end) == replaced
    assert found.function_start == found.start
    assert "inputs.photos" in names(found)
    assert functions(found) == set(library())


@pytest.mark.parametrize(
    ("text", "offered", "replaced"),
    [
        ("{{ inputs.| }}", {"inputs.photos", "inputs.title", "inputs.albums"}, (4, 11)),
        ("{{ inputs.ti| }}", {"inputs.photos", "inputs.title", "inputs.albums"}, (4, 13)),
        ("{{ steps.a.out| }}", {"steps.a.status", "steps.a.outputs.image"}, (4, 15)),
        ("{{ 1 + instance.|", {"instance.id", "instance.number", "instance.created_at"}, (8, 17)),
        ("{{ inputs.photos[0].| }}", {"inputs.photos[0].name", "inputs.photos[0].mime"}, (4, 21)),
        ("{{ steps.a.outputs.image.na| }}", {"steps.a.outputs.image.name"}, (4, 28)),
    ],
)
def test_behind_a_dot_what_lies_there_is_offered(
    text: str, offered: set[str], replaced: tuple[int, int]
) -> None:
    found = at(text)
    assert offered <= set(names(found))
    assert (found.start, found.end) == replaced


def test_behind_a_value_the_functions_that_take_it_are_offered() -> None:
    on_text, on_list = functions(at("{{ inputs.title.|")), functions(at("{{ inputs.photos.|"))
    assert {"upper", "contains", "format_time", "default", "is_empty"} <= on_text
    assert {"first", "map", "sort_by", "names", "join", "total_bytes"} <= on_list
    assert not on_text & {"first", "map", "names", "round"}
    assert not on_list & {"upper", "contains", "sum", "format_time"}
    on_file = functions(at("{{ inputs.photos[0].|"))
    assert {"is_image", "get", "keys"} <= on_file
    assert not on_file & {"upper", "first"}
    assert functions(at("{{ inputs.|")) == set()
    assert {"upper", "first", "map"} <= functions(at("{{ inputs.photos.first().|"))


def test_a_function_replaces_its_own_name_and_a_name_the_whole_chain() -> None:
    found = at("{{ inputs.title.up| }}")
    assert (found.start, found.function_start, found.end) == (4, 17, 19)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("{{ inputs.photos.map(p, | ) }}", {"p": "image"}),
        ("{{ inputs.photos.map(p, p.name + |", {"p": "image"}),
        ("{{ inputs.albums.map(a, a.photos.filter(p, |", {"a": "json", "p": "json"}),
        ("{{ steps.a.outputs.image.map(x, |", {"x": "json"}),
    ],
)
def test_the_variable_of_a_loop_is_known_in_its_body(text: str, kinds: dict[str, str]) -> None:
    found = names(at(text))
    assert {name: found[name] for name in kinds} == kinds


def test_what_a_loop_variable_stands_for_has_its_parts() -> None:
    found = at("{{ inputs.photos.map(p, p.| ) }}")
    assert set(names(found)) == {"p.asset", "p.name", "p.mime", "p.size_bytes", "p.sha256"}
    assert "is_image" in functions(found)
    behind = names(at("{{ inputs.photos.map(p, p.name).join(|, ) }}"))
    assert "p" not in behind


def test_a_document_full_of_other_mistakes_is_completed_all_the_same() -> None:
    raw = story("{{ steps.a.outputs.| }}".replace("|", ""))
    raw["nodes"] += [{"id": "Bad Id"}, 3, node("e", "no.such", each=3, values={"x": "{{ nope"})]
    raw["surplus"] = 1
    found = complete(raw, CATALOG, Position(node="b", field="with.value", column=20))
    assert "steps.a.outputs.image" in names(found)


def test_names_that_a_step_gives_while_it_runs_and_those_of_its_body() -> None:
    inner = {"id": "inner", "type": "core.set", "with": {"value": "{{ }}"}}
    raw = document(
        {
            "id": "again",
            "type": "core.repeat",
            "with": {
                "body": {
                    "inputs": {"n": {"type": "number"}},
                    "nodes": [inner],
                    "outputs": {"n": "{{ }}"},
                },
                "inputs": {"n": "{{ }}"},
                "until": "{{ }}",
                "most": 3,
            },
        },
        inputs=INPUTS,
    )
    until = complete(raw, catalog(), Position(node="again", field="with.until", column=4))
    assert "round" in names(until)
    body = complete(raw, catalog(), Position(node="again.inner", field="with.value", column=4))
    assert [name for name in names(body) if name.startswith("inputs.")] == ["inputs.n"]
    output = complete(raw, catalog(), Position(node="again", field="with.body.outputs.n", column=4))
    assert "steps.inner.outputs.value" in names(output)
    given = complete(raw, catalog(), Position(node="again", field="with.inputs.n", column=4))
    assert given.wants is not None
    assert given.wants.type == "number"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6) | st.just("{{ inputs."),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["when", "each", "each.nested[1]", "each.zip.a", "with.value", "with.value[0].x", "outputs.x", "with", ""]
) | st.text(max_size=12)


POSITIONS = st.builds(
    Position,
    node=st.sampled_from([None, "b", "b.c", "zz", ""]),
    field=FIELDS,
    column=st.none() | st.integers(-3, 40),
)


@given(JSON, POSITIONS)
@settings(max_examples=200, deadline=None)
def test_no_document_and_no_position_makes_it_stumble(value: Any, position: Position) -> None:
    for raw in (
        value,
        {"nodes": value},
        {"schema": 1, "nodes": [{"id": "b", "type": "core.set", "with": value}]},
        {"schema": 1, "nodes": [node("b", values={"value": value}, each=value)]},
    ):
        complete(raw, CATALOG, position)


@given(st.text("inputs.phot[0](){}'\"+ ,?:", max_size=30), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_no_text_and_no_cursor_makes_it_stumble(text: str, column: int) -> None:
    raw = story(f"{{{{ {text}")
    complete(raw, CATALOG, Position(node="b", field="with.value", column=column))
