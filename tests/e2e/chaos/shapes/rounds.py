"""Instances that run for a step: rounds of steps written into it, with a pause between, until enough."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"rounds": chance.randrange(1, 5)}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"text": "x" * inputs["rounds"], "rounds": inputs["rounds"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "rounds",
        "inputs": {"rounds": {"type": "number"}},
        "nodes": [
            work(
                "again",
                "core.repeat",
                with_={
                    "body": {
                        "inputs": {"text": {"type": "text"}},
                        "nodes": [
                            work("grow", with_={"value": "{{ inputs.text }}x", "seconds": 0.1}),
                            work("check", "core.set", with_={"value": "{{ steps.grow.outputs.value }}"}),
                        ],
                        "outputs": {"text": "{{ steps.check.outputs.value }}"},
                    },
                    "inputs": {"text": "{{ last == null ? '' : last.text }}"},
                    "until": "{{ size(last.text) >= int(inputs.rounds) }}",
                    "max_rounds": 5,
                    "delay_s": 0.1,
                },
            ),
            work("after", with_={"value": "{{ steps.again.outputs.text }}"}),
        ],
        "outputs": {
            "text": "{{ steps.after.outputs.value }}",
            "rounds": "{{ steps.again.outputs.rounds }}",
        },
    },
    draw=_draw,
    ending=_ending,
)
