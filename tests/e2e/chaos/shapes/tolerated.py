"""A failure that is tolerated reads as null further on, and a condition that is false skips its step."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"fails": chance.choice((True, False)), "goes": chance.choice((True, False))}


def _ending(inputs: Json, _: Stock) -> Ending:
    outputs = {
        "loose": None if inputs["fails"] else "loose",
        "maybe": "went" if inputs["goes"] else None,
        "end": "joined",
    }
    return Ending(outputs=outputs)


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "tolerated",
        "inputs": {"fails": {"type": "boolean"}, "goes": {"type": "boolean"}},
        "nodes": [
            work(
                "loose",
                on_error="continue",
                with_={"value": "loose", "fail": "{{ inputs.fails ? 'refused' : '' }}"},
            ),
            work("maybe", when="{{ inputs.goes }}", with_={"value": "went", "seconds": 0.1}),
            work("join", "core.set", needs=["loose", "maybe"], with_={"value": "joined"}),
        ],
        "outputs": {
            "loose": "{{ steps.loose.outputs.value }}",
            "maybe": "{{ steps.maybe.outputs.value }}",
            "end": "{{ steps.join.outputs.value }}",
        },
    },
    draw=_draw,
    ending=_ending,
)
