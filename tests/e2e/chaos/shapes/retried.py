"""A step that fails some times and then succeeds, within the retries it was given."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"failures": chance.randrange(4), "word": f"{chance.getrandbits(32):x}"}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"word": inputs["word"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "retried",
        "inputs": {"failures": {"type": "number"}, "word": {"type": "text"}},
        "nodes": [
            work(
                "stubborn",
                when="{{ inputs.failures > 0.0 }}",
                with_={"value": "got there", "fail": "transient", "fail_first": "{{ inputs.failures }}"},
                retry={"max": 3, "backoff_s": 0.1, "on": ["transient"]},
            ),
            work("after", needs=["stubborn"], join="always", with_={"value": "{{ inputs.word }}"}),
        ],
        "outputs": {"word": "{{ steps.after.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
