"""A list spread over steps, a few at a time; every item fails once before it gives anything."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"list": [f"item {chance.getrandbits(16)}" for _ in range(chance.randrange(0, 12))]}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"list": inputs["list"], "marked": [f"<{one}>" for one in inputs["list"]]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "fan-out",
        "inputs": {"list": {"type": "json"}},
        "nodes": [
            work(
                "spread",
                each="{{ inputs.list }}",
                max_parallel=3,
                with_={"value": "{{ item }}", "fail": "transient", "fail_first": 1, "seconds": 0.05},
                retry={"max": 1, "backoff_s": 0, "on": ["transient"]},
            ),
            work(
                "mark",
                "core.set",
                each="{{ steps.spread.outputs.value }}",
                with_={"value": "<{{ item }}>"},
            ),
        ],
        "outputs": {"list": "{{ steps.spread.outputs.value }}", "marked": "{{ steps.mark.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
