"""The shelf: the steps of one instance that a move has read or made, found by id, by node or by place.

A step is read once in a move. What lies here may be newer than the database, so rows that are read later
never replace it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from app.engine import statements
from app.engine.rows import StepRow
from app.flow.waits import Answer, Waiting
from app.kit.ids import InstanceId, StepId
from app.store.database import Row, Transaction


class Shelf:
    """The steps at hand."""

    def __init__(self, tx: Transaction, instance_id: InstanceId) -> None:
        self.tx = tx
        self.instance_id = instance_id
        self._steps: dict[StepId, StepRow] = {}
        self._by_node: dict[str, StepId] = {}
        self._by_place: dict[tuple[StepId, int], StepId] = {}
        self._made: set[StepId] = set()

    def __iter__(self) -> Iterator[StepRow]:
        return iter(self._steps.values())

    def add(self, rows: Iterable[Row]) -> None:
        """Lay rows read from the database here, unless a newer one lies here."""
        for row in rows:
            step = msgspec.convert(row, StepRow)
            if step.id not in self._steps:
                self.put(step)

    def put(self, step: StepRow, *, is_new: bool = False) -> None:
        """Lay a step here, in place of what was known of it. `is_new`: the database has none yet."""
        self._steps[step.id] = step
        if is_new:
            self._made.add(step.id)
        if step.parent_id is None:
            self._by_node[step.node_id] = step.id
        else:
            self._by_place[step.parent_id, step.ordinal] = step.id

    def step(self, step_id: StepId) -> StepRow:
        """A step as it stands now."""
        return self._steps[step_id]

    def node(self, node_id: str) -> StepRow:
        """The step of a node, as it stands now; it must have been loaded."""
        return self._steps[self._by_node[node_id]]

    def has(self, node_id: str) -> bool:
        """Whether the step of this node lies here."""
        return node_id in self._by_node

    def has_item(self, parent: StepRow, ordinal: int) -> bool:
        """Whether this item of a fan-out lies here."""
        return (parent.id, ordinal) in self._by_place

    def is_new(self, step: StepRow) -> bool:
        """Whether this very move made it."""
        return step.id in self._made

    def made(self) -> list[StepRow]:
        """Those that this move made, as they stand now."""
        return [self._steps[step_id] for step_id in self._made]

    def items_of(self, parent: StepRow) -> Iterator[tuple[int, StepRow]]:
        """Place and step of the items of a fan-out that lie here."""
        for (parent_id, ordinal), step_id in self._by_place.items():
            if parent_id == parent.id:
                yield ordinal, self._steps[step_id]

    async def load_nodes(self, nodes: Iterable[str]) -> None:
        """Make sure that the steps of these nodes lie here."""
        missing = [node for node in nodes if node not in self._by_node]
        if missing:
            place = {"instance": self.instance_id, "nodes": missing}
            self.add(await self.tx.fetch_all(statements.LOAD_NODES, place))

    async def item(self, parent: StepRow, ordinal: int) -> StepRow:
        """One item of a fan-out."""
        if not self.has_item(parent, ordinal):
            place = {
                "instance": self.instance_id,
                "parent": parent.id,
                "node": parent.node_id,
                "ordinal": ordinal,
            }
            self.add(await self.tx.fetch_all(statements.LOAD_ITEM, place))
        return self._steps[self._by_place[parent.id, ordinal]]

    async def early_call(self, step: StepRow) -> Answer | None:
        """The call that came for a step before it waited."""
        if self.is_new(step):
            return None
        row = await self.tx.fetch_one(statements.LOAD_WAIT, {"id": step.id}) or {}
        return msgspec.convert(row.get("wait") or {}, Waiting).early
