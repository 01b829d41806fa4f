"""A photo made into several sizes: real files, computed here and far away, with the same bytes every time."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, stock: Stock) -> Json:
    return {"photo": stock.photo, "widths": chance.sample(sorted(stock.pictures), 2)}


def _ending(inputs: Json, stock: Stock) -> Ending:
    widths = inputs["widths"]
    return Ending(outputs={"widths": widths, "pictures": [stock.pictures[width] for width in widths]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "pictures",
        "inputs": {"photo": {"type": "image"}, "widths": {"type": "json"}},
        "nodes": [
            work(
                "size",
                "image.transform",
                each="{{ inputs.widths }}",
                with_={"image": "{{ inputs.photo }}", "width": "{{ item }}"},
            )
        ],
        "outputs": {"widths": "{{ steps.size.outputs.width }}", "pictures": "{{ steps.size.outputs.image }}"},
    },
    draw=_draw,
    ending=_ending,
)
