"""Values at run time: turned where harmless, refused in words where not."""

from typing import Any

import pytest

from app.flow.values import MAX_COMPLAINTS, BadInputs, coerce
from app.steps.discovery import catalog
from tests.flow.samples import CATALOG, asset

DRAW, FILM, SET = CATALOG["image.draw"], CATALOG["video.film"], CATALOG["core.set"]
PHOTO = asset(1)


def test_a_number_without_fraction_becomes_whole_and_null_becomes_the_default() -> None:
    values = coerce(
        DRAW, {"image": PHOTO, "width": 64.0, "height": None, "box": None, "sizes": [1.0], "opacity": 1}
    )
    assert values == {"image": PHOTO, "width": 64, "box": None, "sizes": [1], "opacity": 1}
    assert type(values["width"]) is int
    assert type(values["sizes"][0]) is int


def test_null_is_a_value_where_anything_is() -> None:
    assert coerce(SET, {"value": None}) == {"value": None}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "with.image", "“image” is required."),
    ({"image": None}, "with.image", "“image” is required; its expression gave nothing (null)."),
    ({"image": PHOTO, "wdth": 3}, "with.wdth", "image.draw has no input “wdth”. Did you mean “width”?"),
    (
        {"image": asset(1, "text/plain")},
        "with.image",
        "“image” must be an image, not text/plain (1.plain).",
    ),
    (
        {"image": {"asset": "x"}},
        "with.image",
        "“image” names a file without its media type; give the whole file.",
    ),
    ({"image": [PHOTO]}, "with.image", "“image” must be an image, not a list of 1."),
    (
        {"image": PHOTO, "fit": "{{ cover }}"},
        "with.fit",
        "“fit” must be one of “contain”, “cover”, not “{{ cover }}”.",
    ),
    ({"image": PHOTO, "label": 3.5}, "with.label", "“label” must be text, not 3.5."),
    ({"image": PHOTO, "width": 2.5}, "with.width", "“width” must be a whole number, not 2.5."),
    (
        {"image": PHOTO, "width": PHOTO},
        "with.width",
        "“width” must be a whole number, not a file (image/jpeg).",
    ),
    (
        {"image": PHOTO, "box": {"left": 1, "top": "x"}},
        "with.box.top",
        "“top” must be a whole number, not “x”.",
    ),
]


@pytest.mark.parametrize(("values", "field", "message"), REFUSED)
def test_what_does_not_fit_is_said(values: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(BadInputs) as caught:
        coerce(DRAW, values, "a")
    assert [(each.node, each.field, each.message) for each in caught.value.complaints] == [
        ("a", field, message)
    ]
    assert caught.value.detail == message


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-12-24T18:00:00", "2026-12-24", "2026-13-01T00:00:00Z", ""]
)
def test_a_text_that_is_no_time_is_refused_before_its_step_begins(text: str) -> None:
    spec = catalog()["core.wait_until"]
    with pytest.raises(BadInputs, match="must be a time with its zone"):
        coerce(spec, {"time": text})


@pytest.mark.parametrize("text", ["2026-12-24T18:00:00+01:00", "2026-12-24T17:00:00.5Z"])
def test_a_time_with_its_zone_passes_as_it_was_written(text: str) -> None:
    assert coerce(catalog()["core.wait_until"], {"time": text}) == {"time": text}


def test_files_in_lists_are_checked_one_by_one() -> None:
    with pytest.raises(BadInputs) as caught:
        coerce(FILM, {"images": [PHOTO, asset(2, "video/mp4"), None], "music": asset(3)})
    assert [(each.field, each.message) for each in caught.value.complaints] == [
        ("with.images[1]", "“images” item 2 must be an image, not video/mp4 (2.mp4)."),
        ("with.images[2]", "“images” item 3 must be an image, not nothing (null)."),
        ("with.music", "“music” must be a sound file, not image/jpeg (3.jpeg)."),
    ]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "“images” needs at least 1 item; it has 0."),
        ([PHOTO] * 501, "“images” takes at most 500 items; it has 501."),
        (PHOTO, "“images” must be a list of images, not a file (image/jpeg)."),
    ],
)
def test_lists_of_files_keep_their_bounds(images: Any, message: str) -> None:
    with pytest.raises(BadInputs, match=message[:20]) as caught:
        coerce(FILM, {"images": images})
    assert [each.message for each in caught.value.complaints] == [message]


def test_a_list_full_of_faults_stops_early() -> None:
    with pytest.raises(BadInputs) as caught:
        coerce(FILM, {"images": ["x"] * 500})
    assert len(caught.value.complaints) == MAX_COMPLAINTS
