"""What a move reads of a fan-out beside its rows: its list, and what its items gave."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.engine import statements
from app.engine.rows import Edit, StepRow
from app.engine.shelf import Shelf
from app.flow.each import Shape, Spread, Turn, encloses
from app.flow.messages import StepError
from app.flow.states import StepStatus
from app.kit.ids import StepId


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Of a fan-out that was taken over, between two places: the settled items, and values given to others."""

    first: int
    end: int
    ordinals: frozenset[int]
    edit: Edit | None

    def is_wanted(self, ordinal: int) -> bool:
        """Whether somebody wants this very item run again, whatever is kept."""
        return self.edit is not None and str(ordinal) in self.edit.items

    def edit_of(self, ordinal: int, turn: Turn) -> Edit | None:
        """What is given to one item."""
        return None if self.edit is None else self.edit.of_item(ordinal, turn)


class Items:
    """The items of an instance's fan-outs. What lies on the shelf counts before what is in the database."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._tx = shelf.tx
        self._kept: dict[StepId, Kept] = {}  # of the page that a fan-out stands at
        self._turns: dict[StepId, list[Turn]] = {}  # of fan-outs over lists in lists that this move makes
        self._shapes: dict[StepId, Shape] = {}  # of others, once an item asked

    async def spread(self, parent: StepRow) -> Spread:
        """The list of a fan-out; read from the database unless this move made it."""
        stored = parent.item
        if stored is None:
            stored = await self._tx.fetch_value(statements.LOAD_LIST, {"id": parent.id})
        return Spread.restored(stored)

    async def turn(self, item: StepRow, *, is_nested: bool) -> Turn:
        """What one item of a fan-out runs for.

        From its own row: one that looked itself up in the list would make n² of a long one. Where lists lie
        in lists, the list knows what encloses it, and is asked for that alone.
        """
        if item.parent_id is None:
            raise ValueError(f"step {item.id} is no item")
        if is_nested:
            return await self._enclosed(item, self._shelf.step(item.parent_id))
        value = item.item
        if not self._shelf.is_new(item):
            value = await self._tx.fetch_value(statements.LOAD_LIST, {"id": item.id})
        return Turn(value, item.ordinal, (item.ordinal,))

    async def _enclosed(self, item: StepRow, parent: StepRow) -> Turn:
        if parent.item is not None or self._shelf.is_new(item):
            if parent.id not in self._turns:
                self._turns[parent.id] = list((await self.spread(parent)).turns())
            return self._turns[parent.id][item.ordinal]
        if parent.id not in self._shapes:
            self._shapes[parent.id] = await self._tx.fetch_value(statements.LOAD_SHAPE, {"id": parent.id})
        path = tuple(item.path)
        place = {"id": item.id, "places": encloses(self._shapes[parent.id], path)}
        row = await self._tx.fetch_one(statements.LOAD_ENCLOSED, place) or {}
        outer: Turn | None = None
        for level, value in enumerate(row["outer_items"]):
            outer = Turn(value, path[level], path[: level + 1], outer)
        return Turn(row["item"], path[-1], path, outer)

    async def kept(self, parent: StepRow, first: int, end: int) -> Kept:
        """What is settled between these places of a fan-out, and what is given to others."""
        known = self._kept.get(parent.id)
        if known is None or not known.first <= first <= end <= known.end:
            place = {
                "instance": self._shelf.instance_id,
                "parent": parent.id,
                "node": parent.node_id,
                "first": first,
                "end": end,
            }
            row = await self._tx.fetch_one(statements.LOAD_KEPT, place) or {}
            known = Kept(
                first=first,
                end=end,
                ordinals=frozenset(row["kept"]),
                edit=parent.edited or msgspec.convert(row["edited"], Edit | None),
            )
            self._kept[parent.id] = known
        return known

    async def outputs(self, parent: StepRow) -> list[Mapping[str, Any] | None]:
        """The outputs of every item in order, None for those that gave none."""
        outputs: list[Mapping[str, Any] | None] = [None] * (parent.items_total or 0)
        place = {"instance": self._shelf.instance_id, "parent": parent.id}
        for row in await self._tx.fetch_all(statements.LOAD_ITEM_OUTPUTS, place):
            outputs[row["ordinal"]] = row["outputs"]
        for ordinal, step in self._shelf.items_of(parent):
            if step.status is not StepStatus.completed:
                outputs[ordinal] = None
            elif step.outputs is not None:
                outputs[ordinal] = step.outputs
        return outputs

    async def failures(self, parent: StepRow) -> list[tuple[list[int], StepError]]:
        """Path and error of every failed item, in order."""
        place = {"instance": self._shelf.instance_id, "parent": parent.id}
        rows = await self._tx.fetch_all(statements.LOAD_ITEM_FAILURES, place)
        failed = {row["ordinal"]: (row["path"], msgspec.convert(row["error"], StepError)) for row in rows}
        for ordinal, step in self._shelf.items_of(parent):
            has_failed = step.status in {StepStatus.failed, StepStatus.cancelled}
            if has_failed and step.error is not None:
                failed[ordinal] = (step.path, step.error)
        return [failed[ordinal] for ordinal in sorted(failed)]
