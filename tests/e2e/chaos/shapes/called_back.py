"""A step that another program calls: before it waits, while it does, twice at once, or too late."""

import random

from tests.e2e.chaos.hands import Hands
from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work


def _draw(chance: random.Random, _: Stock) -> Json:
    return {
        "when": chance.choice(("early", "waiting", "twice", "late")),
        "word": f"{chance.getrandbits(32):x}",
    }


def _ending(inputs: Json, _: Stock) -> Ending:
    said = None if inputs["when"] == "late" else {"word": inputs["word"]}
    return Ending(outputs={"said": said, "after": "after"})


async def _tend(hands: Hands, inputs: Json) -> None:
    told = await hands.settled("tell")
    if told["status"] != "completed":
        return
    address = told["outputs"]["value"]
    match inputs["when"]:
        case "early":
            await hands.call_back(address, {"word": inputs["word"]})
        case "waiting":
            if await hands.awaited("call"):
                await hands.call_back(address, {"word": inputs["word"]})
        case "twice":
            await hands.call_back_at_once(address, {"word": inputs["word"]})
        case "late":
            await hands.settled("call")
    await hands.call_back_in_vain(address, {"word": "another"})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "called back",
        "inputs": {"when": {"type": "text"}, "word": {"type": "text"}},
        "nodes": [
            work("tell", "core.set", with_={"value": "{{ callbacks.call }}"}),
            work("before", with_={"seconds": "{{ inputs.when == 'early' ? 1.5 : 0.1 }}"}),
            work(
                "call",
                "webhook.wait",
                needs=["before"],
                on_error="continue",
                with_={"within_s": "{{ inputs.when == 'late' ? 1.0 : 86400.0 }}"},
            ),
            work("after", needs=["call"], join="always", with_={"value": "after"}),
        ],
        "outputs": {
            "said": "{{ steps.call.outputs.body }}",
            "after": "{{ steps.after.outputs.value }}",
        },
    },
    draw=_draw,
    ending=_ending,
    tend=_tend,
)
