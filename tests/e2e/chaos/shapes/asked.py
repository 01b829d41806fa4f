"""A form that somebody fills in while other work goes on beside it; its values are worked with further on."""

import random

from tests.e2e.chaos.hands import Hands
from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"caption": f"{chance.getrandbits(32):x}", "copies": chance.randrange(1, 4)}


def _ending(inputs: Json, _: Stock) -> Ending:
    return Ending(outputs={"captions": [inputs["caption"]] * inputs["copies"], "beside": "beside"})


async def _tend(hands: Hands, inputs: Json) -> None:
    await hands.answer("ask", {"caption": inputs["caption"], "copies": inputs["copies"]})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "asked",
        "inputs": {"caption": {"type": "text"}, "copies": {"type": "number"}},
        "nodes": [
            work(
                "ask",
                "human.form",
                with_={
                    "question": "What should it say?",
                    "fields": {
                        "caption": {"type": "text", "label": "Caption"},
                        "copies": {"type": "number", "label": "Copies", "min": 1, "max": 10},
                    },
                },
            ),
            work("beside", with_={"value": "beside", "seconds": 0.5}),
            work(
                "copy",
                each={"range": {"from": 1, "to": "{{ steps.ask.outputs.values.copies }}"}},
                with_={"value": "{{ steps.ask.outputs.values.caption }}", "seconds": 0.1},
            ),
        ],
        "outputs": {
            "captions": "{{ steps.copy.outputs.value }}",
            "beside": "{{ steps.beside.outputs.value }}",
        },
    },
    draw=_draw,
    ending=_ending,
    tend=_tend,
)
