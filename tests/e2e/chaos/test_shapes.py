"""The shapes of the load: sound documents, and endings that follow from their inputs alone."""

import random
from uuid import uuid4

import pytest

from app.flow.check import check
from app.steps.discovery import catalog
from tests.e2e.chaos.shape import Shape, Stock, find_shapes

SHAPES = [pytest.param(shape, id=shape.name) for shape in find_shapes()]
STOCK = Stock(photo={"asset": "photo"}, pictures={80: "a", 160: "b", 240: "c"}, outside="http://127.0.0.1:9")
IDS = {shape.name: str(uuid4()) for shape in find_shapes()}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_a_sound_document(shape: Shape) -> None:
    assert check(shape.document(IDS), catalog()) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_chance_draws_the_same_inputs_and_the_same_inputs_end_the_same(shape: Shape) -> None:
    for seed in range(20):
        inputs = shape.draw(random.Random(seed), STOCK)
        assert inputs == shape.draw(random.Random(seed), STOCK)
        assert inputs.keys() == shape.definition["inputs"].keys()
        assert shape.ending(inputs, STOCK) == shape.ending(inputs, STOCK)


def test_no_two_shapes_have_one_name() -> None:
    names = [shape.name for shape in find_shapes()]
    assert len(set(names)) == len(names) > 10
