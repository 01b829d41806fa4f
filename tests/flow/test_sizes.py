"""Measuring values."""

from typing import Any

import pytest

from app.flow.sizes import depth_of, holds_nul, is_number, items_in


@pytest.mark.parametrize(("value", "depth"), [(1, 0), ([], 1), ({"a": [1, {}]}, 3), ([[[[[]]]]], 4)])
def test_depth_is_counted_up_to_the_limit(value: Any, depth: int) -> None:
    assert depth_of(value, 3) == depth


def test_list_items_are_counted_at_every_level_up_to_the_limit() -> None:
    assert items_in([[1, 2], {"a": [3]}, "abc"], 100) == 3
    assert items_in([[[1] * 10] * 10], 1_000) == 110
    assert items_in([[0] * 1_000, [0] * 1_000], 50) > 50


@pytest.mark.parametrize(
    ("value", "holds"),
    [("a", False), ("\0", True), ({"a": ["b", "c\0"]}, True), ({"\0": 1}, True), ([None, 1], False)],
)
def test_the_character_that_cannot_be_stored_is_found(value: Any, holds: bool) -> None:
    assert holds_nul(value) is holds


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (1, True),
        (2.5, True),
        (10**308, True),
        (10**309, False),
        (float("inf"), False),
        (True, False),
        ("1", False),
    ],
)
def test_a_number_is_one_that_a_double_holds(value: Any, fits: bool) -> None:
    assert is_number(value) is fits
