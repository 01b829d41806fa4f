"""The open questions of an organization: steps that wait for a person, found by their own index."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from app.flow.waits import Waiting, WaitKind
from app.kit.ids import InstanceId, StepId, WorkflowId
from app.resources.paging import Page
from app.store.database import Transaction


class OpenQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One step that waits for a person, and its run."""

    id: StepId
    node_id: str
    path: list[int]
    kind: str
    reason: str | None
    wait_kind: WaitKind
    wait: Waiting | None
    started_at: datetime | None
    due_at: datetime | None
    instance_id: InstanceId
    instance_number: int
    workflow_id: WorkflowId
    workflow_name: str
    created_by: UUID | None
    requester_name: str | None


# A run and what its steps run, as far as that goes on; they stand at most ten above one another. In a hash,
# because a loop may have begun a thousand.
_FAMILY: Final = """
WITH RECURSIVE family AS (
    SELECT %(instance)s::uuid AS id
    UNION ALL
    SELECT i.id FROM family f JOIN instances i ON i.parent_id = f.id
     WHERE i.status IN ('pending', 'running', 'waiting')
)
"""
_OF_FAMILY: Final = "AND (s.instance_id IN (SELECT id FROM family)) IS TRUE"
_LIST: Final = """
SELECT s.id, s.node_id, s.path, s.kind, s.reason, s.wait_kind, s.wait, s.started_at, s.due_at, s.instance_id,
       i.number AS instance_number, i.workflow_id, w.name AS workflow_name, i.created_by,
       u.name AS requester_name
  FROM steps s
  JOIN instances i ON i.id = s.instance_id
  JOIN workflows w ON w.id = i.workflow_id
  LEFT JOIN users u ON u.id = i.created_by
 WHERE s.organization_id = %(organization)s AND s.status = 'waiting' AND s.wait_kind IN ('person', 'start')
   AND s.id < %(before)s {narrowed}
 ORDER BY s.id DESC LIMIT %(rows)s
"""


async def list_open(tx: Transaction, page: Page, instance_id: UUID | None) -> list[OpenQuestion]:
    """One page and one row more, those of the newest runs first; perhaps of one run and what runs for it."""
    statement = (
        _LIST.format(narrowed="") if instance_id is None else _FAMILY + _LIST.format(narrowed=_OF_FAMILY)
    )
    rows = await tx.fetch_all(
        statement, {"organization": tx.organization_id, "instance": instance_id, **page.params}
    )
    return [msgspec.convert(row, OpenQuestion) for row in rows]
