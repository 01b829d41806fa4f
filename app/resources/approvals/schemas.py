"""What the list of open questions shows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.flow.waits import Waiting, WaitKind
from app.resources.accounts.principal import Principal
from app.resources.approvals.model import OpenQuestion
from app.resources.instances.questions import refusal_of, signed


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True):
    """One question that waits for a person. `kind`: person (answer it) or start (let the step begin).

    `request`: what is asked, as in the step. `may_answer`: whether the reader may; `refusal`: why not.
    """

    id: UUID  # of the step
    node_id: str
    path: list[int]
    instance_id: UUID
    instance_number: int
    workflow_id: UUID
    workflow_name: str
    requester: str | None
    kind: WaitKind
    reason: str
    request: dict[str, Any]
    answers: int
    may_answer: bool
    refusal: str | None
    asked_at: datetime | None
    until: datetime | None


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """One page of open questions, those of the newest runs first."""

    items: list[ApprovalView]
    next_cursor: str | None


def view(row: OpenQuestion, reader: Principal) -> ApprovalView:
    """A question as this reader sees it."""
    waiting = row.wait or Waiting()
    refusal = refusal_of(row.wait_kind, waiting, signed(reader, row.created_by))
    return ApprovalView(
        id=row.id,
        node_id=row.node_id,
        path=row.path,
        instance_id=row.instance_id,
        instance_number=row.instance_number,
        workflow_id=row.workflow_id,
        workflow_name=row.workflow_name,
        requester=row.requester_name,
        kind=row.wait_kind,
        reason=row.reason or "",
        request=waiting.request,
        answers=len(waiting.answers),
        may_answer=refusal is None,
        refusal=refusal,
        asked_at=row.started_at,
        until=row.due_at,
    )
