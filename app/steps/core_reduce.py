"""Makes one value of a list, item by item: a sum, a longest name, a running text."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.steps.base import Example, InlineStepType

MAX_ITEMS = 2_000  # 0.1 s of the instance's transaction; a longer list is fanned out first


class CoreReduceInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The list, where to begin, and what each item makes of what there is."""

    items: Annotated[
        list[Any], Meta(title="Items", description="Gone through in order.", max_length=MAX_ITEMS)
    ]
    start: Annotated[Any, Meta(title="Begin with", description="The accumulator before the first item.")] = (
        None
    )
    value: Annotated[
        Any,
        Meta(
            title="Becomes",
            description="The accumulator after an item, such as {{ accumulator + item }}; “index” counts "
            "from 0.",
            extra={"locals": {"accumulator": "json", "item": "json", "index": "integer"}, "required": True},
        ),
    ] = None


class CoreReduceOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What is left at the end."""

    value: Annotated[Any, Meta(title="Value", description="The accumulator after the last item.")]


class CoreReduce(InlineStepType[CoreReduceInputs, CoreReduceOutputs]):
    """An accumulator."""

    kind = "core.reduce"
    version = 1
    title = "Gather into one"
    summary = "Goes through a list and makes one value of it, item by item."
    category = "Flow"
    Inputs = CoreReduceInputs
    Outputs = CoreReduceOutputs
    examples = (
        Example(
            title="A sum",
            inputs={"items": [1, 2, 3], "start": 0, "value": "{{ accumulator + item }}"},
            runs_offline=False,
        ),
    )

    def evaluate(self, inputs: CoreReduceInputs, now: datetime) -> CoreReduceOutputs:  # noqa: ARG002
        """The last accumulator."""
        accumulator = inputs.start
        for index, item in enumerate(inputs.items):
            accumulator = self.later("value", accumulator=accumulator, item=item, index=index)
        return CoreReduceOutputs(value=accumulator)
