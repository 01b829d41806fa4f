"""A run told before it begins, as far as its inputs tell; inline steps are asked as a run would ask them."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from app.engine import inline
from app.engine.parts import Parts
from app.flow.facts import OrganizationFacts
from app.flow.messages import StepError
from app.flow.outlook import Prospect, outlook
from app.flow.program import ProgramNode
from app.kit.ids import VersionId
from app.steps.base import Pause, StepFailed, Stop, Wait
from app.store.database import Transaction

_BREATH: Final = 50  # steps looked at between two turns for the rest of the process

_LOOK: Final = """
SELECT o.id, o.name, clock_timestamp() AS now
  FROM workflow_versions v JOIN organizations o ON o.id = v.organization_id
 WHERE v.id = %(version)s
"""


async def preview(
    parts: Parts, tx: Transaction, version_id: VersionId, inputs: dict[str, Any]
) -> list[Prospect]:
    """Every step in the order it may run in. Raises VersionNotFound, Invalid."""
    program = await parts.programs.get(tx, version_id)
    row = await tx.fetch_one(_LOOK, {"version": version_id}) or {}
    organization = OrganizationFacts(id=str(row["id"]), name=row["name"])

    def evaluate(node: ProgramNode, given: dict[str, Any]) -> Mapping[str, Any] | StepError | None:
        if node.later:
            return None  # it works values out while it runs
        try:
            said = inline.evaluate(parts.steps, node.kind, given, row["now"])
        except StepFailed as exc:
            return StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy)
        match said:
            case Pause():
                return said.outputs
            case Wait() | Stop():
                return None
            case outputs:
                return outputs

    found: list[Prospect] = []
    for prospect in outlook(program, inputs, organization, evaluate):
        found.append(prospect)
        if len(found) % _BREATH == 0:
            await asyncio.sleep(0)
    return found
