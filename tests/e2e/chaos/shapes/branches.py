"""Ways that part and meet: a switch, a way out of an error, and a merge that waits for the first of two."""

import random

from tests.e2e.chaos.shape import Ending, Json, Shape, Stock, work

COLOURS = ("red", "blue", "grey")


def _draw(chance: random.Random, _: Stock) -> Json:
    return {"colour": chance.choice(COLOURS), "fails": chance.choice((True, False))}


def _ending(inputs: Json, _: Stock) -> Ending:
    colour = inputs["colour"]
    outputs = {
        "warm": "warm" if colour == "red" else None,
        "cold": "cold" if colour == "blue" else None,
        "other": "other" if colour == "grey" else None,
        "met": "met",
        "rescued": "rescued" if inputs["fails"] else None,
    }
    return Ending(outputs=outputs)


SHAPE = Shape(
    definition={
        "schema": 1,
        "name": "branches",
        "inputs": {"colour": {"type": "text"}, "fails": {"type": "boolean"}},
        "nodes": [
            work(
                "way",
                "core.switch",
                with_={
                    "value": "{{ inputs.colour }}",
                    "cases": [{"name": "red", "equals": "red"}, {"name": "blue", "equals": "blue"}],
                },
            ),
            work("warm", needs=["way.red"], with_={"value": "warm"}),
            work("cold", needs=["way.blue"], with_={"value": "cold", "seconds": 0.1}),
            work("other", "core.set", needs=["way.else"], with_={"value": "other"}),
            work("met", needs=["warm", "cold", "other"], join="any", with_={"value": "met"}),
            work(
                "daring",
                on_error={"go": "rescue"},
                with_={"fail": "{{ inputs.fails ? 'refused' : '' }}", "seconds": 0.05},
            ),
            work("rescue", with_={"value": "rescued"}),
        ],
        "outputs": {
            name: f"{{{{ steps.{step}.outputs.value }}}}"
            for name, step in (
                ("warm", "warm"),
                ("cold", "cold"),
                ("other", "other"),
                ("met", "met"),
                ("rescued", "rescue"),
            )
        },
    },
    draw=_draw,
    ending=_ending,
)
