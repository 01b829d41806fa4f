"""A step that asks the world outside until the answer is the right one; no worker waits meanwhile."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, stock: Stock) -> Json:
    name = f"{chance.getrandbits(64):x}"
    return {"name": name, "job": f"{stock.outside}/jobs/{name}/{chance.randrange(1, 4)}"}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"state": "done", "name": inputs["name"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "polled",
        "inputs": {"name": {"type": "text"}, "job": {"type": "text"}},
        "nodes": [
            work(
                "poll",
                "http.poll",
                with_={"url": "{{ inputs.job }}", "path": "state", "values": ["done"], "every_s": 1},
            ),
            work("after", with_={"value": "{{ steps.poll.outputs.json.name }}"}),
        ],
        "outputs": {"state": "{{ steps.poll.outputs.value }}", "name": "{{ steps.after.outputs.value }}"},
    },
    draw=_draw,
    ending=_ending,
)
