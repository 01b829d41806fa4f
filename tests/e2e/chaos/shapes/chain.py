"""Steps one after the other, each adding its letter to what the one before it gave."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work

LETTERS = "abcdef"


def _node(place: int, letter: str) -> Json:
    before = f"steps.{LETTERS[place - 1]}.outputs.value" if place else "inputs.start"
    return work(letter, with_={"value": f"{{{{ {before} }}}}{letter}", "seconds": "{{ inputs.seconds }}"})


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"start": f"{chance.getrandbits(32):x}-", "seconds": chance.choice((0, 0, 0.1, 0.4))}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"word": inputs["start"] + LETTERS})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "chain",
        "inputs": {"start": {"type": "text"}, "seconds": {"type": "number"}},
        "nodes": [_node(place, letter) for place, letter in enumerate(LETTERS)],
        "outputs": {"word": f"{{{{ steps.{LETTERS[-1]}.outputs.value }}}}"},
    },
    draw=_draw,
    ending=_ending,
    schedule={"timing": {"kind": "every", "seconds": 10}, "overlap": "queue", "misfire": "once"},
)
