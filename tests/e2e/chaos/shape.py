"""What a shape of workflow is: a document, inputs drawn by chance, and how an instance of it must end.

A shape is one module in `shapes/` with a `SHAPE`; a new file is found, started and checked by being there.
"""

import importlib
import pkgutil
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.e2e.chaos import shapes
from tests.e2e.chaos.hands import Tend

Json = dict[str, Any]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance must end when nobody cancels it. In `outputs` a file is reduced to its sha256."""

    status: str = "completed"
    outputs: Json | None = None
    error_class: str | None = None
    error_step: str | None = None


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """What inputs may be made of beside plain values."""

    photo: Json  # a file of the box's, as inputs name it
    pictures: dict[int, str]  # the sha256 of that photo, made this many pixels wide
    outside: str  # where the world outside the box answers


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of work. `ending` is a pure function of what `draw` gave."""

    definition: Json  # in it {"shape": name} stands for the id of another shape's workflow
    draw: Callable[[random.Random, Stock], Json]
    ending: Callable[[Json, Stock], Ending]
    tend: Tend | None = None  # what people and programs do for a run, from its inputs; until it has ended
    at_once: int = 1  # how many a customer starts together
    priorities: tuple[int, ...] = (0,)  # that it may be started with
    schedule: Json | None = None  # when it also starts by itself: timing, overlap and misfire

    @property
    def name(self) -> str:
        """The name of its workflow."""
        return str(self.definition["name"])

    @property
    def on_limit(self) -> str | None:
        """What becomes of a start while as many run as may; None where there is no limit."""
        limits = self.definition.get("concurrency")
        return None if limits is None else limits["on_limit"]

    def document(self, ids: Mapping[str, str]) -> Json:
        """Its definition with the ids of the workflows it runs. Raises KeyError while one is unknown."""
        document: Json = _with_ids(self.definition, ids)
        return document


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case {"shape": str(name)}:
            return ids[name]
        case dict():
            return {key: _with_ids(one, ids) for key, one in value.items()}
        case list():
            return [_with_ids(one, ids) for one in value]
        case _:
            return value


def find_shapes() -> list[Shape]:
    """Every shape, by its module's name."""
    modules = sorted(module.name for module in pkgutil.iter_modules(shapes.__path__))
    return [importlib.import_module(f"{shapes.__name__}.{name}").SHAPE for name in modules]


def work(node_id: str, kind: str = "debug.work", **fields: Any) -> Json:
    """A node whose `with_` is its `with`."""
    given = fields.pop("with_", {})
    return {"id": node_id, "type": kind, "with": given, **fields}


def limited(name: str, limit: int, on_limit: str, *, priorities: tuple[int, ...] = (0,)) -> Shape:
    """Two steps of a workflow of which only so many run at once; a customer starts three together."""

    def draw(chance: random.Random, _: Stock) -> Json:
        return {"word": f"{chance.getrandbits(32):x}", "seconds": chance.choice((0.1, 0.4))}

    def ending(inputs: Json, _: Stock) -> Ending:
        return Ending(outputs={"word": inputs["word"]})

    definition = {
        "schema": 1,
        "name": name,
        "concurrency": {"limit": limit, "on_limit": on_limit},
        "inputs": {"word": {"type": "text"}, "seconds": {"type": "number"}},
        "nodes": [
            work("work", with_={"value": "{{ inputs.word }}", "seconds": "{{ inputs.seconds }}"}),
            work("after", with_={"value": "{{ steps.work.outputs.value }}"}),
        ],
        "outputs": {"word": "{{ steps.after.outputs.value }}"},
    }
    return Shape(definition=definition, draw=draw, ending=ending, at_once=3, priorities=priorities)
