"""A wide fan-out in strict order beside one without a bound of its own; some items fail and are tolerated."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    width = chance.randrange(20, 60)
    return {"fates": [chance.choice(("", "", "", "refused")) for _ in range(width)]}


def _ending(inputs: Json, _: Stock) -> Ending:
    outputs = {
        "wide": [None if fate else place for place, fate in enumerate(inputs["fates"])],
        "ordered": ["x", "y", "z"],
    }
    return Ending(outputs=outputs)


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "wide",
        "inputs": {"fates": {"type": "json"}},
        "nodes": [
            work(
                "wide",
                each="{{ inputs.fates }}",
                on_error="continue",
                with_={"value": "{{ index }}", "fail": "{{ item }}"},
            ),
            work("ordered", each=["x", "y", "z"], max_parallel=1, with_={"value": "{{ item }}"}),
        ],
        "outputs": {"wide": "{{ steps.wide.outputs.value }}", "ordered": "{{ steps.ordered.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
