"""An instance that a step ends early, as completed, while another step is still at work."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"stops": chance.choice((True, False))}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"first": "first", "slow": None if inputs["stops"] else "slow"})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "stopped",
        "inputs": {"stops": {"type": "boolean"}},
        "nodes": [
            work("first", with_={"value": "first"}),
            work("slow", with_={"value": "slow", "seconds": "{{ inputs.stops ? 60.0 : 0.2 }}"}),
            work("stop", "core.stop", needs=["first"], when="{{ inputs.stops }}"),
        ],
        "outputs": {"first": "{{ steps.first.outputs.value }}", "slow": "{{ steps.slow.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
