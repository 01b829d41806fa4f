"""The forms of `each`: what runs, what expressions know of it, and how outputs find their way back."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow import plan
from app.flow.check import check
from app.flow.definition import MAX_ITEMS
from app.flow.document import parse
from app.flow.each import Shape, Spread, encloses, fold
from app.flow.messages import ErrorClass, StepError
from app.flow.program import Program, compile_program
from app.kit.codec import decode_any, encode
from tests.flow.samples import CATALOG, asset, document, node, said

INPUTS = {
    "photos": {"type": "image[]"},
    "titles": {"type": "text[]"},
    "n": {"type": "number"},
    "albums": {"type": "json"},
    "clip": {"type": "video"},
}


def documented(each: Any, value: Any = "{{ item }}", **fields: Any) -> dict[str, Any]:
    """A document whose step `a` runs over this."""
    return document(node("a", each=each, values={"value": value}, **fields), inputs=INPUTS)


def program_of(raw: dict[str, Any]) -> Program:
    return compile_program(parse(raw), CATALOG)


def opened(each: Any, value: Any = "{{ item }}", **inputs: Any) -> plan.Opening:
    """What becomes of a step over this."""
    node_a = program_of(documented(each, value)).nodes["a"]
    return plan.open_node(node_a, {"inputs": inputs, "steps": {}}, led_here=0)


def values_of(each: Any, value: Any, **inputs: Any) -> list[Any]:
    """What each item of a step over this gets, flat."""
    node_a = program_of(documented(each, value)).nodes["a"]
    scope = {"inputs": inputs, "steps": {}}
    spread = plan.open_node(node_a, scope, led_here=0)
    assert isinstance(spread, Spread), spread
    found = [plan.open_item(node_a, scope, turn) for turn in spread.turns()]
    return [each.inputs["value"] if isinstance(each, plan.Run) else each for each in found]


def refusal(each: Any, **inputs: Any) -> StepError:
    """Why a step over this cannot begin."""
    found = opened(each, **inputs)
    assert isinstance(found, plan.Broken), found
    return found.error


def complaints_of(*args: Any, **fields: Any) -> list[tuple[Any, ...]]:
    return said(check(documented(*args, **fields), CATALOG))


# Side by side --------------------------------------------------------------------------------------------


ZIP = {"zip": {"photo": "{{ inputs.photos }}", "title": "{{ inputs.titles }}"}}


def test_zipped_lists_give_an_object_of_both() -> None:
    photos = [asset(1), asset(2)]
    assert opened(ZIP, photos=photos, titles=["Sea", "Sky"]) == Spread(
        ([{"photo": photos[0], "title": "Sea"}, {"photo": photos[1], "title": "Sky"}],), 2
    )
    given = values_of(
        ZIP, "{{ index }} {{ item.photo.name }}: {{ item.title }}", photos=photos, titles=["Sea", "Sky"]
    )
    assert given == ["0 1.jpeg: Sea", "1 2.jpeg: Sky"]
    assert values_of(ZIP, "{{ item.title + '!' }}", photos=photos, titles=["Sea", "Sky"]) == ["Sea!", "Sky!"]


@pytest.mark.parametrize(
    ("lengths", "items"),
    [
        ("shortest", [{"a": 1, "b": "x"}]),
        ("longest", [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    ],
)
def test_zipped_lists_of_different_lengths_end_as_the_document_says(lengths: str, items: list[Any]) -> None:
    assert opened({"zip": {"a": [1, 2], "b": ["x"]}, "lengths": lengths}) == Spread((items,), len(items))


def test_zipped_lists_of_different_lengths_are_refused_by_default() -> None:
    assert refusal(ZIP, photos=[asset(1)], titles=[]) == StepError(
        error_class=ErrorClass.bad_input,
        message=(
            "each: The zipped lists must be equally long, but they have these numbers of items: "
            "“photo” 1, “title” 0. “lengths” may be “shortest” or “longest” instead."
        ),
    )


def test_a_place_that_was_filled_up_may_be_asked_for_null() -> None:
    longest = {"zip": {"a": ["{{ inputs.titles[0] }}"], "b": "{{ inputs.titles }}"}, "lengths": "longest"}
    given = values_of(longest, "{{ item.a == null ? 'none' : item.a }}", titles=["x", "y"])
    assert given == ["x", "none"]


def test_each_zipped_list_keeps_the_type_of_its_items() -> None:
    raw = document(
        node(
            "a",
            "image.draw",
            each=ZIP,
            values={"image": "{{ item.photo }}", "label": "{{ item.title }}", "width": "{{ item.title }}"},
        ),
        inputs=INPUTS,
    )
    assert said(check(raw, CATALOG)) == [
        ("a", "with.width", 4, "“width” wants a number, but this gives text.")
    ]


# A range -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "numbers"),
    [
        ({"to": 3}, [1, 2, 3]),
        ({"from": 0, "to": "{{ inputs.n }}", "step": 2}, [0, 2, 4]),
        ({"from": 3, "to": 1}, []),
        ({"from": 3, "to": 1, "step": -1}, [3, 2, 1]),
        ({"from": 2, "to": 2}, [2]),
        ({"from": 0, "to": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_a_range_counts_both_ends(bounds: dict[str, Any], numbers: list[float]) -> None:
    found = opened({"range": bounds}, n=5)
    assert isinstance(found, Spread)
    assert found.items == pytest.approx(numbers)
    assert found.shape == len(numbers)


def test_the_item_of_a_range_is_a_number() -> None:
    assert values_of({"range": {"to": 2}}, "Page {{ item }} of {{ item * 10 }}") == [
        "Page 1 of 10",
        "Page 2 of 20",
    ]
    assert complaints_of({"range": {"to": 2}}, "{{ item + 'x' }}") == [
        (
            "a",
            "with.value",
            9,
            "“+” cannot combine a number and text. Turn the other side into text with string(…).",
        )
    ]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"to": 1e9}, "A range from 1 to 1000000000 has too many numbers; a step runs for at most 10,000."),
        ({"from": -9e15, "to": 9e15, "step": 1e-300}, "has too many numbers"),
        ({"to": 10_001}, "A range from 1 to 10001 has too many numbers"),
    ],
)
def test_a_range_that_would_explode_is_refused_before_it_is_counted(
    bounds: dict[str, Any], message: str
) -> None:
    error = refusal({"range": bounds})
    assert error.error_class is ErrorClass.refused
    assert message in error.message


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"to": "{{ inputs.n }}"}, "each.range.to: “to” wants a number, not nothing (null)."),
        ({"from": 1, "to": 3, "step": "{{ inputs.n }}"}, "“step” wants a number, not nothing (null)."),
        ({"to": "{{ inputs.albums }}"}, "each.range.to: “to” wants a number, not a list of 1."),
        ({"to": "{{ inputs.albums[0] }}"}, "each.range.to: “to” wants a number, not 1"),
    ],
)
def test_a_bound_that_is_no_usable_number_is_bad_input(bounds: dict[str, Any], message: str) -> None:
    error = refusal({"range": bounds}, albums=[10**400])
    assert error.error_class is ErrorClass.bad_input
    assert message in error.message


def test_a_step_of_zero_that_only_a_run_shows_is_bad_input() -> None:
    error = refusal({"range": {"to": 3, "step": "{{ inputs.n }}"}}, n=0)
    assert error.message == "each.range.step: A range with the step 0 never ends."


# Lists in lists ------------------------------------------------------------------------------------------


ALBUMS = [
    {"name": "Sea", "photos": ["s1", "s2"]},
    {"name": "Void", "photos": []},
    {"name": "Sky", "photos": ["k1"]},
]
NESTED = {"nested": ["{{ inputs.albums }}", "{{ item.photos }}"]}


def test_a_nested_each_runs_for_each_inner_item_and_knows_what_encloses_it() -> None:
    found = opened(NESTED, albums=ALBUMS)
    assert found == Spread((ALBUMS, ["s1", "s2", "k1"]), [2, 0, 1])
    assert isinstance(found, Spread)
    assert [turn.path for turn in found.turns()] == [(0, 0), (0, 1), (2, 0)]
    text = "{{ outer.index }}.{{ index }} {{ outer.item.name }} {{ item }}"
    assert values_of(NESTED, text, albums=ALBUMS) == ["0.0 Sea s1", "0.1 Sea s2", "2.0 Sky k1"]


def test_four_levels_of_every_form_reach_outwards() -> None:
    each = {
        "nested": [
            {"zip": {"name": ["x", "y"], "size": [1, 2]}},
            {"range": {"to": "{{ item.size }}"}},
            ["p", "{{ outer.item.name }}"],
            "{{ [string(outer.index), item] }}",
        ]
    }
    text = "{{ outer.outer.outer.item.name }}{{ outer.outer.item }}{{ outer.item }}{{ item }}"
    assert values_of(each, text) == [
        *("x1p0", "x1pp", "x1x0", "x1xx"),
        *("y1p0", "y1pp", "y1y0", "y1yy"),
        *("y2p1", "y2pp", "y2y1", "y2yy"),
    ]


def test_the_outputs_of_a_nested_each_are_lists_of_lists_when_it_is_saved() -> None:
    raw = document(
        node(
            "grid",
            "image.draw",
            each={"nested": [[1, 2], "{{ inputs.photos }}"]},
            values={"image": "{{ item }}"},
        ),
        node("film", "video.film", values={"images": "{{ steps.grid.outputs.image }}"}),
        node(
            "films",
            "video.film",
            each="{{ steps.grid.outputs.image }}",
            values={"images": "{{ item }}", "title": "{{ item[0].name }}"},
        ),
        inputs=INPUTS,
    )
    assert said(check(raw, CATALOG)) == [
        (
            "film",
            "with.images",
            4,
            (
                "“images” wants a list of images, but this gives a list of lists of images. "
                "Pick one item with […], or run the step once an item with “each”."
            ),
        )
    ]


@pytest.mark.parametrize(
    ("each", "value", "faults"),
    [
        (
            [1],
            "{{ outer.item }}",
            [("a", "with.value", 4, "There is no “outer” here: no further list encloses this one.")],
        ),
        (
            NESTED,
            "{{ outer.outer.item }}",
            [("a", "with.value", 10, "“outer” has no “outer”. There is “index” and “item”.")],
        ),
        (
            NESTED,
            "{{ outer.itm }}",
            [("a", "with.value", 10, "“outer” has no “itm”. Did you mean “item”?")],
        ),
        (
            NESTED,
            "{{ outer }}",
            [("a", "with.value", 4, "After “outer.” comes a name, such as outer.index.")],
        ),
        (
            ZIP,
            "{{ item.foto }}",
            [("a", "with.value", 9, "No zipped list is called “foto”. Did you mean “photo”?")],
        ),
        (
            {"nested": ["{{ inputs.photos }}", "{{ item.name }}"]},
            "{{ item }}",
            [("a", "each.nested[1]", 4, "“nested[1]” wants a list, not text.")],
        ),
        (
            {"nested": ["{{ item }}", [1]]},
            "{{ item }}",
            [
                (
                    "a",
                    "each.nested[0]",
                    4,
                    "“item” is not known here: this is decided once for the step, before its list is opened.",
                )
            ],
        ),
        (
            {"zip": {"photo": "{{ inputs.clip }}"}},
            "{{ item.photo }}",
            [("a", "each.zip.photo", 4, "“photo” wants a list, not a video.")],
        ),
        (
            {"range": {"to": "{{ inputs.titles }}"}},
            "{{ item }}",
            [("a", "each.range.to", 4, "“to” wants a number, not a list of texts.")],
        ),
        (
            {"range": {"to": "many"}},
            "{{ item }}",
            [("a", "each.range.to", None, "“to” is a number or one expression that gives one.")],
        ),
    ],
)
def test_each_fault_of_a_form_is_said_once(each: Any, value: Any, faults: list[Any]) -> None:
    assert complaints_of(each, value) == faults


def test_what_could_not_be_read_is_believed_afterwards() -> None:
    broken = {"nested": [[1], 3]}
    assert [field for _, field, _, _ in complaints_of(broken, "{{ item }} {{ outer.item }}")] == [
        "each.nested[1]"
    ]


def test_items_are_counted_over_all_lists_together() -> None:
    albums = [list(range(101))] * 100
    error = refusal({"nested": ["{{ inputs.albums }}", "{{ item }}"]}, albums=albums)
    assert error.error_class is ErrorClass.refused
    assert error.message == "each.nested[1]: 10,100 items are too many; a step runs for at most 10,000."
    fits = opened({"nested": ["{{ inputs.albums }}", "{{ item }}"]}, albums=[list(range(100))] * 100)
    assert isinstance(fits, Spread)
    assert len(fits.items) == MAX_ITEMS


# There and back ------------------------------------------------------------------------------------------


def lists_in_lists(depth: int) -> st.SearchStrategy[Any]:
    """Lists of this many levels, empty ones among them."""
    inner: st.SearchStrategy[Any] = st.integers()
    for _ in range(depth):
        inner = st.lists(inner, max_size=4)
    return inner


@given(st.data(), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_spreading_and_gathering_give_the_lists_back(data: st.DataObject, depth: int) -> None:
    lists = data.draw(lists_in_lists(depth))
    levels = ["{{ inputs.albums }}", *["{{ item }}"] * (depth - 1)]
    node_a = program_of(documented(levels[0] if depth == 1 else {"nested": levels})).nodes["a"]
    scope = {"inputs": {"albums": lists}, "steps": {}}
    spread = plan.open_node(node_a, scope, led_here=0)
    assert isinstance(spread, Spread)
    spread = Spread.restored(decode_any(encode(spread.stored())))
    outputs = []
    for ordinal, turn in enumerate(spread.turns()):
        opening = plan.open_item(node_a, scope, turn)
        assert isinstance(opening, plan.Run)
        assert turn.item == spread.items[ordinal]
        assert len(turn.path) == depth
        enclosing, outer = encloses(spread.shape, turn.path), turn.outer
        for level, place in reversed(list(enumerate(enclosing))):
            assert outer is not None
            assert spread.levels[level][place] == outer.item
            outer = outer.outer
        assert outer is None
        outputs.append({"value": opening.inputs["value"]})
    assert len(outputs) == len(spread.items)
    assert plan.gather(node_a, spread.shape, outputs) == {"value": lists}


@given(lists_in_lists(3))
def test_paths_name_places_in_the_gathered_lists(lists: Any) -> None:
    shape: Shape = [[len(inner) for inner in outer] for outer in lists]
    flat = [value for outer in lists for inner in outer for value in inner]
    levels = (lists, [inner for outer in lists for inner in outer], flat)
    gathered = fold(shape, iter(flat))
    for turn in Spread(levels, shape).turns():
        i, j, k = turn.path
        assert gathered[i][j][k] == turn.item
        assert turn.outer is not None
        assert (turn.index, turn.outer.item) == (k, lists[i][j])


# When an item fails --------------------------------------------------------------------------------------


ERROR = StepError(error_class=ErrorClass.refused, message="No." + "!" * 900)


@pytest.mark.parametrize(
    ("fields", "collects"),
    [
        ({}, False),
        ({"on_error": "continue"}, True),
        ({"on_item_error": "collect"}, True),
        ({"on_item_error": "fail_fast"}, False),
        ({"on_item_error": "fail_fast", "on_error": "continue"}, False),
    ],
)
def test_an_item_failure_means_what_the_step_says(fields: dict[str, Any], collects: bool) -> None:
    node_a = program_of(documented([1, 2], **fields)).nodes["a"]
    assert node_a.collects is collects
    assert ("failed" in plan.blank(node_a)) is collects


def test_a_step_that_collects_lists_its_failed_items() -> None:
    node_a = program_of(documented([1, 2], on_item_error="collect")).nodes["a"]
    gathered = plan.gather(node_a, 2, [None, {"value": 5}], [([0], ERROR)])
    assert gathered["value"] == [None, 5]
    (failed,) = gathered["failed"]
    assert (failed["index"], failed["class"], len(failed["message"])) == (0, "refused", plan.MAX_REASON)
    nested = program_of(documented(NESTED, on_item_error="collect")).nodes["a"]
    (failed,) = plan.gather(nested, [1], [None], [([0, 2], ERROR)])["failed"]
    assert (failed["index"], failed["path"]) == (2, [0, 2])


def test_the_failed_items_are_an_output_that_other_steps_know() -> None:
    def reading(**fields: Any) -> list[tuple[Any, ...]]:
        raw = document(
            node("a", each=[1], **fields),
            node("b", values={"value": "{{ size(steps.a.outputs.failed) }}"}),
        )
        return said(check(raw, CATALOG))

    assert reading(on_item_error="collect") == reading(on_error="continue") == []
    assert reading() == [("b", "with.value", 25, "Step “a” has no output “failed”. There is “value”.")]
