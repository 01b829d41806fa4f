"""Steps that take seconds in both lanes at once, so that a kill always meets some at work."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"seconds": [chance.choice((1, 2, 3)) for _ in range(3)]}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"both": [["cpu"] * len(inputs["seconds"]), "gpu"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "long",
        "inputs": {"seconds": {"type": "json"}},
        "nodes": [
            work("cpu", each="{{ inputs.seconds }}", with_={"value": "cpu", "seconds": "{{ item }}"}),
            work("gpu", "debug.gpu_work", with_={"value": "gpu", "seconds": 2}),
        ],
        "outputs": {"both": ["{{ steps.cpu.outputs.value }}", "{{ steps.gpu.outputs.value }}"]},
    },
    draw=_draw,
    ending=_ending,
)
