"""What expressions may read of an instance: its inputs, what settled steps gave, who it is.

Read from the database when an expression asks, and only then; of a step that settles in this very move,
remembered, so that a chain of inline steps reads nothing at all.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.engine import statements
from app.engine.aside import is_heavy
from app.engine.rows import InstanceRow, StepRow
from app.engine.shelf import Shelf
from app.flow.facts import InstanceFacts, OrganizationFacts, scope_of
from app.flow.messages import StepError
from app.flow.plan import blank
from app.flow.program import Program, ProgramNode
from app.flow.states import StepStatus
from app.kit.clock import rfc3339
from app.kit.codec import to_plain


class Known:
    """The scope of one instance's expressions during one move."""

    def __init__(self, shelf: Shelf, program: Program, instance: InstanceRow) -> None:
        self._shelf = shelf
        self._tx = shelf.tx
        self._program = program
        self._inputs = instance.inputs
        self._instance = instance
        self._steps: dict[str, dict[str, Any]] = {}  # what expressions read of a step, by node
        self._heavy: dict[str, bool] = {}  # by node
        self._are_inputs_heavy: bool | None = None

    async def scope(self, nodes: Iterable[str]) -> dict[str, Any]:
        """What expressions may read: inputs, the outputs of these nodes, instance and organization."""
        wanted = list(nodes)
        await self._load(wanted)
        if self._inputs is None:
            place = {"id": self._shelf.instance_id}
            self._inputs = await self._tx.fetch_value(statements.LOAD_INPUTS, place) or {}
        instance = self._instance
        return {
            "inputs": self._inputs,
            "steps": {node: self._steps[node] for node in wanted},
            **scope_of(
                InstanceFacts(
                    id=str(instance.id), number=instance.number, created_at=rfc3339(instance.created_at)
                ),
                OrganizationFacts(id=str(instance.organization_id), name=instance.organization_name),
            ),
        }

    def is_heavy(self, nodes: Iterable[str]) -> bool:
        """Whether a scope of these nodes, which somebody has had, is large. Each value is weighed once."""
        if self._are_inputs_heavy is None:
            self._are_inputs_heavy = is_heavy(self._inputs)
        for node in nodes:
            if node not in self._heavy:
                self._heavy[node] = is_heavy(self._steps[node]["outputs"])
        return self._are_inputs_heavy or any(self._heavy[node] for node in nodes)

    async def outputs(self, node: str) -> Mapping[str, Any]:
        """What a settled step gave; every output is null where it gave nothing."""
        await self._load([node])
        outputs: Mapping[str, Any] = self._steps[node]["outputs"]
        return outputs

    def remember(self, step: StepRow) -> None:
        """Keep what expressions will read of a step that has just settled, so that nobody has to ask for it.

        Not of a timer: its outputs were written when it began, and are read if somebody asks.
        """
        if step.status is not StepStatus.completed or step.outputs is not None:
            node = self._program.nodes[step.node_id]
            self._steps[step.node_id] = _seen(node, step.status, step.outputs, step.error)
            self._heavy.pop(step.node_id, None)

    async def _load(self, nodes: list[str]) -> None:
        missing = [node for node in nodes if node not in self._steps]
        if not missing:
            return
        place = {"instance": self._shelf.instance_id, "nodes": missing}
        found = {row["node_id"]: row for row in await self._tx.fetch_all(statements.LOAD_FACTS, place)}
        for node in missing:
            row = found.get(node, {"outputs": None, "error": None})  # none: made by this very move
            # A timer's outputs were written when it was set; its row at hand knows better how it stands.
            status = self._shelf.node(node).status if self._shelf.has(node) else StepStatus(row["status"])
            self._steps[node] = _seen(self._program.nodes[node], status, row["outputs"], row["error"])


def _seen(node: ProgramNode, status: StepStatus, outputs: Any, error: Any) -> dict[str, Any]:
    """A step as expressions see it. Skipped, failed or not settled yet: every output reads as null."""
    if status is not StepStatus.completed or outputs is None:
        outputs = blank(node)
    if isinstance(error, StepError):
        error = to_plain(error)
    return {"outputs": outputs, "status": str(status), "error": error}
