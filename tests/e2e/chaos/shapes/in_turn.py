"""A workflow of which two run at once and the others wait for their turn, the more urgent ones first."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"word": f"{chance.getrandbits(32):x}", "seconds": chance.choice((0.1, 0.4))}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"word": inputs["word"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "in turn",
        "concurrency": {"limit": 2, "on_limit": "queue"},
        "inputs": {"word": {"type": "text"}, "seconds": {"type": "number"}},
        "nodes": [
            work("work", with_={"value": "{{ inputs.word }}", "seconds": "{{ inputs.seconds }}"}),
            work("after", with_={"value": "{{ steps.work.outputs.value }}"}),
        ],
        "outputs": {"word": "{{ steps.after.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
    at_once=3,
    priorities=(0, 0, 5),
)
