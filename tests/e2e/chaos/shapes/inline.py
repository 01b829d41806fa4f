"""Inline steps before and after one that needs a worker: all settled in the moves of one attempt."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"number": chance.randrange(1000)}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"double": inputs["number"] * 2, "list": [inputs["number"] + 1, "end"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "inline",
        "inputs": {"number": {"type": "number"}},
        "nodes": [
            work("before", "core.set", with_={"value": "{{ inputs.number + 1 }}"}),
            work("work", with_={"value": "{{ steps.before.outputs.value }}"}),
            work("twice", "core.set", with_={"value": "{{ inputs.number * 2 }}"}, needs=["work"]),
            work("list", "core.set", with_={"value": ["{{ steps.work.outputs.value }}", "end"]}),
        ],
        "outputs": {"double": "{{ steps.twice.outputs.value }}", "list": "{{ steps.list.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
    schedule={"timing": {"kind": "every", "seconds": 10}, "overlap": "allow", "misfire": "once"},
)
