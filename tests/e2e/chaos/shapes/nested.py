"""A fan-out over lists in lists, whose outputs come back in the same shape."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    words = [[f"{chance.getrandbits(16):x}" for _ in range(chance.randrange(4))] for _ in range(3)]
    return {"albums": [{"words": album} for album in words]}


def _ending(inputs: Json, _: Stock) -> Ending:
    words = [album["words"] for album in inputs["albums"]]
    return Ending(outputs={"words": words, "all": "".join(word for album in words for word in album)})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "nested",
        "inputs": {"albums": {"type": "json"}},
        "nodes": [
            work(
                "each",
                each={"nested": ["{{ inputs.albums }}", "{{ item.words }}"]},
                max_parallel=2,
                with_={"value": "{{ item }}", "seconds": 0.05},
            ),
            work("rows", "core.reduce", each="{{ steps.each.outputs.value }}",
                 with_={"items": "{{ item }}", "start": "", "value": "{{ accumulator + item }}"}),
            work("all", "core.reduce",
                 with_={"items": "{{ steps.rows.outputs.value }}", "start": "",
                        "value": "{{ accumulator + item }}"}),
        ],
        "outputs": {"words": "{{ steps.each.outputs.value }}", "all": "{{ steps.all.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)  # fmt: skip
