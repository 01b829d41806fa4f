"""Delays between work, and one that only waits: what stands in the database alone."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"seconds": chance.choice((0, 0.3, 1.5, 4.0)), "word": f"{chance.getrandbits(32):x}"}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"word": inputs["word"], "late": "late"})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "delayed",
        "inputs": {"seconds": {"type": "number"}, "word": {"type": "text"}},
        "nodes": [
            work("before", with_={"value": "{{ inputs.word }}"}),
            work(
                "wait",
                "core.delay",
                with_={"seconds": "{{ inputs.seconds }}", "value": "{{ steps.before.outputs.value }}"},
            ),
            work("after", with_={"value": "{{ steps.wait.outputs.value }}"}),
            work("alone", "core.delay", with_={"seconds": 2, "value": "late"}),
        ],
        "outputs": {"word": "{{ steps.after.outputs.value }}", "late": "{{ steps.alone.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
