"""Another workflow run as a step, once for each item of a list."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work
from tests.e2e.chaos.shapes import chain


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"words": [f"{chance.getrandbits(16):x}-" for _ in range(chance.randrange(1, 4))]}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"words": [word + chain.LETTERS for word in inputs["words"]]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "called",
        "inputs": {"words": {"type": "json"}},
        "nodes": [
            work(
                "call",
                "core.workflow",
                each="{{ inputs.words }}",
                max_parallel=2,
                with_={
                    "workflow": {"shape": chain.SHAPE.name},
                    "inputs": {"start": "{{ item }}", "seconds": 0},
                },
            ),
            work("after", needs=["call"]),
        ],
        "outputs": {"words": "{{ steps.call.outputs.word }}"},
    },
    draw=_draw,
    ending=_ending,
)
