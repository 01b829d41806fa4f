"""An instance that stops before a step until a person starts it by hand."""

import random

from tests.e2e.chaos.hands import Hands
from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"word": f"{chance.getrandbits(32):x}"}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"word": inputs["word"], "inline": f"<{inputs['word']}>"})


async def _tend(hands: Hands, _: Json) -> None:
    await hands.start("work")
    await hands.start("inline")


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "by hand",
        "inputs": {"word": {"type": "text"}},
        "nodes": [
            work("before", with_={"seconds": 0.1}),
            work("work", mode="stop", needs=["before"], with_={"value": "{{ inputs.word }}", "seconds": 0.2}),
            work("inline", "core.set", mode="stop", with_={"value": "<{{ steps.work.outputs.value }}>"}),
        ],
        "outputs": {"word": "{{ steps.work.outputs.value }}", "inline": "{{ steps.inline.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
    tend=_tend,
)
