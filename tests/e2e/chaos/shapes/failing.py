"""A step that always fails, beside one that is still at work then: the instance fails, with that reason."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"class": chance.choice(("transient", "refused"))}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(status="failed", error_class=inputs["class"], error_step="broken")


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "failing",
        "inputs": {"class": {"type": "text"}},
        "nodes": [
            work(
                "broken",
                with_={"fail": "{{ inputs.class }}"},
                retry={"max": 2, "backoff_s": 0.1, "on": ["transient"]},
            ),
            work("beside", with_={"seconds": 60}),
            work("never", needs=["broken"]),
        ],
    },
    draw=_draw,
    ending=_ending,
)
