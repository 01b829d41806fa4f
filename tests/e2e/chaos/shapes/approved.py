"""A gate that a person opens or closes, with a choice of what to keep; or nobody comes, and time decides."""

import random

from tests.e2e.chaos.hands import Hands
from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work

COLOURS = ("red", "green", "blue")


def _draw(chance: random.Random, _: Stock) -> Json:
    kept = sorted(chance.sample(range(len(COLOURS)), chance.randrange(1, 3)))
    return {"says": chance.choice(("approved", "approved", "rejected", "nothing")), "kept": kept}


def _ending(inputs: Json, _: Stock) -> Ending:
    decision = {"nothing": "rejected"}.get(inputs["says"], inputs["says"])
    is_open = decision == "approved"
    kept = [COLOURS[place] for place in inputs["kept"]] if is_open else []
    return Ending(outputs={"decision": decision, "kept": kept, "went": "went" if is_open else None})


async def _tend(hands: Hands, inputs: Json) -> None:
    match inputs["says"]:
        case "approved":
            await hands.answer("gate", {"decision": "approved", "kept": inputs["kept"], "comment": "Go."})
        case "rejected":
            await hands.answer("gate", {"decision": "rejected"})


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "approved",
        "inputs": {"says": {"type": "text"}, "kept": {"type": "json"}},
        "nodes": [
            work("before", with_={"value": list(COLOURS), "seconds": 0.1}),
            work(
                "gate",
                "human.approve",
                with_={
                    "question": "Which of these?",
                    "choices": "{{ steps.before.outputs.value }}",
                    "on_reject": "go_on",
                    "within_s": "{{ inputs.says == 'nothing' ? 1.0 : 86400.0 }}",
                    "otherwise": "reject",
                },
            ),
            work("went", needs=["gate.approved"], with_={"value": "went"}),
        ],
        "outputs": {
            "decision": "{{ steps.gate.outputs.decision }}",
            "kept": "{{ steps.gate.outputs.kept }}",
            "went": "{{ steps.went.outputs.value }}",
        },
    },
    draw=_draw,
    ending=_ending,
    tend=_tend,
)
