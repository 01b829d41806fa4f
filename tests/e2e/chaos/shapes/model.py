"""Steps in the model process of the gpu lane, between steps of the other lanes."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"numbers": [chance.randrange(100) for _ in range(4)], "seconds": chance.choice((0, 0.2, 0.5))}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"numbers": inputs["numbers"], "each": inputs["numbers"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "model",
        "inputs": {"numbers": {"type": "json"}, "seconds": {"type": "number"}},
        "nodes": [
            work(
                "think",
                "debug.gpu_work",
                with_={"value": "{{ inputs.numbers }}", "seconds": "{{ inputs.seconds }}"},
            ),
            work("pass", with_={"value": "{{ steps.think.outputs.value }}"}),
            work(
                "each",
                "debug.gpu_work",
                each="{{ steps.pass.outputs.value }}",
                with_={"value": "{{ item }}", "seconds": 0.1},
            ),
        ],
        "outputs": {"numbers": "{{ steps.think.outputs.value }}", "each": "{{ steps.each.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
