"""The inputs of a run: defaults, types, bounds, choices, and files looked up by the room."""

from typing import Any

import pytest

from app.flow.document import parse
from app.flow.inputs import asset_ids, prepare_inputs, with_assets
from app.flow.ports import Asset
from app.kit.errors import Invalid
from tests.flow.samples import asset, document

DEFINITION = parse(
    document(
        inputs={
            "photos": {"type": "image[]", "label": "Photos", "min": 1, "max": 3},
            "title": {"type": "text", "default": "Our trip", "min": 2, "max": 20},
            "size": {"type": "text", "default": "small", "choices": ["small", "large"]},
            "count": {"type": "number", "default": 1, "min": 1, "max": 9},
            "sure": {"type": "boolean", "default": False},
            "music": {"type": "audio", "default": None},
            "data": {"type": "json", "default": {"a": 1}},
            "vector": {"type": "vector", "default": None},
            "vectors": {"type": "vector[]", "default": []},
            "tags": {"type": "text[]", "default": [], "choices": ["sea", "sun"]},
            "paper": {"type": "file", "default": None},
        }
    )
)
PHOTO = {"asset": asset(1)["asset"]}
DEFAULTS: dict[str, Any] = {
    "title": "Our trip",
    "size": "small",
    "count": 1,
    "sure": False,
    "music": None,
    "data": {"a": 1},
    "vector": None,
    "vectors": [],
    "tags": [],
    "paper": None,
}


def test_what_is_left_out_gets_its_default() -> None:
    assert prepare_inputs(DEFINITION, {"photos": [PHOTO]}) == {"photos": [PHOTO], **DEFAULTS}
    assert prepare_inputs(DEFINITION, {"photos": [PHOTO], "title": None})["title"] == "Our trip"


def test_a_file_is_taken_by_its_id_and_nothing_else_of_it_is_believed() -> None:
    given = {"asset": PHOTO["asset"].upper(), "name": "../x", "mime": "image/png"}
    assert prepare_inputs(DEFINITION, {"photos": [given]})["photos"] == [PHOTO]


FITTING: list[tuple[str, Any]] = [
    ("title", "ab"),
    ("size", "large"),
    ("count", 2.5),
    ("sure", True),
    ("data", None),
    ("data", [1, {"b": 2}]),
    ("vector", [1, 2.5]),
    ("vectors", [[1.0], []]),
    ("tags", ["sea", "sea"]),
    ("photos", [PHOTO, PHOTO, PHOTO]),
]


@pytest.mark.parametrize(("name", "value"), FITTING)
def test_what_fits_is_taken_as_it_is(name: str, value: Any) -> None:
    prepared = prepare_inputs(DEFINITION, {"photos": [PHOTO], name: value})
    assert prepared[name] == (DEFAULTS[name] if value is None else value)


DEEP: Any = [[]]
for _ in range(40):
    DEEP = [DEEP]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"photos": None}, "inputs.photos", "“Photos” is required: a list of images."),
    ({"photos": []}, "inputs.photos", "“Photos” needs at least 1 item; it has 0."),
    ({"photos": [PHOTO] * 4}, "inputs.photos", "“Photos” takes at most 3 items; it has 4."),
    ({"photos": PHOTO}, "inputs.photos", "“Photos” must be a list of images, not an object."),
    (
        {"photos": [PHOTO, "x"]},
        "inputs.photos[1]",
        '“Photos” item 2 must be an image, given as {"asset": "<id>"}, not “x”.',
    ),
    ({"photos": [{"asset": "x"}]}, "inputs.photos[0]", "“Photos” item 1: “x” is not the id of a file."),
    ({"titel": "x"}, "inputs.titel", "There is no input “titel”. Did you mean “title”?"),
    ({"title": "a\0b"}, "inputs.title", "“title” holds the character U+0000, which cannot be stored."),
    ({"data": {"\0": 1}}, "inputs.data", "“data” holds the character U+0000, which cannot be stored."),
    ({"title": 3}, "inputs.title", "“title” must be text, not 3."),
    ({"title": "x"}, "inputs.title", "“title” needs at least 2 characters; it has 1."),
    ({"title": "x" * 21}, "inputs.title", "“title” takes at most 20 characters; it has 21."),
    ({"size": "huge"}, "inputs.size", "“size” must be one of “small”, “large”, not “huge”."),
    ({"count": "3"}, "inputs.count", "“count” must be a number, not “3”."),
    ({"count": True}, "inputs.count", "“count” must be a number, not true."),
    ({"count": float("inf")}, "inputs.count", "“count” must be a number, not inf."),
    ({"count": 0}, "inputs.count", "“count” must be at least 1, not 0."),
    ({"count": 10}, "inputs.count", "“count” must be at most 9, not 10."),
    ({"sure": "yes"}, "inputs.sure", "“sure” must be true or false, not “yes”."),
    ({"data": DEEP}, "inputs.data", "“data” is nested more than 32 levels deep."),
    ({"vector": [1, "x"]}, "inputs.vector[1]", "“vector” item 2 must be a number, not “x”."),
    ({"vectors": [1]}, "inputs.vectors[0]", "“vectors” item 1 must be a list of numbers, not 1."),
    ({"vectors": [["x"]]}, "inputs.vectors[0]", "“vectors” item 1 must be a number, not “x”."),
    ({"tags": ["sea", "fog"]}, "inputs.tags[1]", "“tags” item 2 must be one of “sea”, “sun”, not “fog”."),
    ({"tags": ["sea"] * 10_001}, "inputs.tags", "“tags” takes at most 10,000 items; it has 10,001."),
]


@pytest.mark.parametrize(("values", "field", "message"), REFUSED)
def test_what_does_not_fit_is_said(values: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        prepare_inputs(DEFINITION, {"photos": [PHOTO], **values})
    assert [(each.field, each.message) for each in caught.value.complaints] == [(field, message)]


def test_every_input_that_does_not_fit_is_said_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        prepare_inputs(DEFINITION, {"count": "x", "sure": 3})
    assert [each.field for each in caught.value.complaints] == [
        "inputs.photos",
        "inputs.count",
        "inputs.sure",
    ]


@pytest.mark.parametrize("raw", [None, [], "x"])
def test_inputs_are_an_object(raw: Any) -> None:
    with pytest.raises(Invalid, match="“inputs” must be an object"):
        prepare_inputs(DEFINITION, raw)


def test_files_are_found_once_each_and_filled_in() -> None:
    photo, song = asset(1), asset(2, "audio/mpeg")
    values = prepare_inputs(
        DEFINITION,
        {"photos": [PHOTO, PHOTO], "music": {"asset": song["asset"]}, "data": {"asset": "not-a-file"}},
    )
    assert asset_ids(DEFINITION, values) == [photo["asset"], song["asset"]]
    facts = {each["asset"]: Asset(**each) for each in (photo, song)}
    filled = with_assets(DEFINITION, values, facts)
    assert filled["photos"] == [photo, photo]
    assert filled["music"] == song
    assert filled["data"] == {"asset": "not-a-file"}
    assert filled["paper"] is None


def test_a_file_of_another_kind_or_of_nobody_is_refused_in_words() -> None:
    notes = asset(5, "text/plain")
    values = prepare_inputs(
        DEFINITION,
        {"photos": [{"asset": notes["asset"]}], "music": PHOTO, "paper": {"asset": notes["asset"]}},
    )
    with pytest.raises(Invalid) as caught:
        with_assets(DEFINITION, values, {notes["asset"]: Asset(**notes)})
    assert [(each.field, each.message) for each in caught.value.complaints] == [
        ("inputs.photos[0]", "“Photos” item 1 wants an image; “5.plain” is text/plain."),
        (
            "inputs.music",
            f"“music”: there is no file with the id {PHOTO['asset']}; it may have been deleted.",
        ),
    ]
