"""The move that begins an instance."""

from typing import Any

import msgspec

from app.engine import admission, announce, statements, takeover
from app.engine.board import Board
from app.engine.errors import NothingToRun, VersionNotFound
from app.engine.files import mentioned_in
from app.engine.parts import Parts
from app.engine.rows import InstanceRow, new_step
from app.engine.storable import storable
from app.engine.takeover import Origin
from app.engine.walk import Walk
from app.flow.states import InstanceStatus
from app.kit.codec import to_plain
from app.kit.ids import InstanceId, StepId, UserId, VersionId, new_id
from app.store.database import Transaction


class StartRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `inputs` are prepared: checked, defaults filled, files as full Asset values."""

    version_id: VersionId
    inputs: dict[str, Any]
    source: str  # who asked: api, schedule, webhook…
    created_by: UserId | None = None
    priority: int = 0
    origin: Origin | None = None  # an instance that has ended, and what is kept of it
    # A fresh id that the caller has written beside it already: the row that numbers instances is locked from
    # here to the commit, so what can be done before the start is done before it.
    id: InstanceId | None = None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """The step that begins an instance, and what the instance has from it."""

    instance: InstanceRow
    step_id: StepId
    body: str = ""  # the node whose body runs; empty: a whole workflow


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The instance that began, perhaps ended already."""

    id: InstanceId
    number: int
    status: InstanceStatus
    reason: str | None


async def start(parts: Parts, tx: Transaction, request: StartRequest) -> Started:
    """Write the instance and its steps, walk what is ready, arrange the bells. Raises as `begin` does."""
    board = await begin(parts, tx, request)
    await board.save()
    announce.announce(parts, tx, board)
    ended = board.instance
    return Started(id=ended.id, number=ended.number, status=ended.status, reason=ended.reason)


async def begin(parts: Parts, tx: Transaction, request: StartRequest, family: Family | None = None) -> Board:
    """The board of a new instance, walked as far as it goes, not saved.

    Raises VersionNotFound, Invalid (its step types have changed), NothingToRun, WorkflowBusy; with an origin
    what `takeover.decide` raises.
    """
    body = family.body if family else ""
    program = await parts.programs.get(tx, request.version_id, body)
    if family is None and not program.nodes:
        raise NothingToRun
    parent = family.instance if family else None
    limits = await admission.limits_of(tx, program, request.version_id, parent, body)
    layout = None
    if request.origin is not None:
        layout = await takeover.decide(
            parts, tx, program, request.origin, version_id=request.version_id, inputs=request.inputs
        )
    row = await tx.fetch_one(
        statements.CREATE_INSTANCE,
        {
            "id": request.id or new_id(),
            "version": request.version_id,
            "inputs": storable(request.inputs),
            "source": request.source,
            "priority": request.priority,
            "created_by": request.created_by,
            "total_steps": len(program.nodes),
            "number": family.instance.number if family else None,
            "parent": family.instance.id if family else None,
            "parent_step": family.step_id if family else None,
            "depth": family.instance.depth + 1 if family else 0,
            "body": body,
            "timeout_s": program.definition.timeout_s,
            "concurrency_limit": None if limits is None else limits.limit,
            "on_limit": None if limits is None else limits.on_limit,
            "origin": None if layout is None else layout.origin.id,
            "rerun": None if layout is None else storable(layout.summary),
        },
    )
    if row is None:
        raise VersionNotFound
    instance = InstanceRow(
        id=row["id"],
        organization_id=row["organization_id"],
        organization_name=row["organization_name"],
        workflow_id=row["workflow_id"],
        version_id=row["version_id"],
        number=row["number"],
        status=InstanceStatus.pending,
        reason=None,
        priority=row["priority"],
        event_seq=0,
        open_steps=0,
        busy_steps=0,
        inputs=request.inputs,
        created_at=row["created_at"],
        created_by=request.created_by,
        parent_id=family.instance.id if family else None,
        parent_step_id=family.step_id if family else None,
        depth=family.instance.depth + 1 if family else 0,
        body=body,
        concurrency_limit=None if limits is None else limits.limit,
        is_held=False,
        started_at=None,
    )
    board = Board(tx, program, instance, row["created_at"])
    board.tell_created(None if layout is None else {"id": layout.origin.id, "number": layout.number})
    if family is None:
        await _keep_files(parts, tx, request, instance)
    if layout is None:
        for place, node_id in enumerate(program.order):
            board.make(new_step(program.nodes[node_id], place))
    else:
        await takeover.lay_out(board, layout)
    if await admission.may_begin(board, limits):
        await Walk(parts, board).begin()
    return board


async def _keep_files(parts: Parts, tx: Transaction, request: StartRequest, instance: InstanceRow) -> None:
    """What others made on the way and this instance was given stays as long as it does, used yet or not."""
    given = [request.inputs]
    if request.origin is not None:
        given.append(to_plain(request.origin.wish))
    mentioned = mentioned_in(given)
    if mentioned:
        await parts.assets.use(tx, mentioned, organization_id=instance.organization_id, user=instance.id)
