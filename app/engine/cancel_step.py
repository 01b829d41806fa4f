"""The move that ends one step, or one item of a fan-out, because somebody asked.

The step has not failed by itself, but what it leads to is decided as if it had: its `on_error` says whether
the instance goes on. It is not tried again.
"""

from functools import partial
from typing import Final

from app.engine import announce
from app.engine.errors import InstanceAlreadyFinished, StepNotFound, StepNotUnderWay
from app.engine.held import hold_step
from app.engine.parts import Parts
from app.engine.walk import Walk
from app.flow.messages import ErrorClass, StepError
from app.flow.states import StepStatus
from app.flow.waits import WaitKind
from app.kit.ids import InstanceId, StepId, UserId
from app.store.database import Transaction

UNDER_WAY: Final = frozenset({StepStatus.queued, StepStatus.running, StepStatus.waiting})

_STOP: Final = """
UPDATE attempts SET status = 'cancelled', ended_at = %(now)s
 WHERE step_id = %(step)s AND status IN ('queued', 'paused', 'leased')
RETURNING id, claimed_at
"""


async def cancel_step(
    parts: Parts,
    tx: Transaction,
    instance_id: InstanceId,
    step_id: StepId,
    *,
    by: UserId | None,
    name: str,
) -> StepStatus:
    """End it now: its worker is told, and its policy decides what follows. Once more is harmless.

    Raises StepNotFound, InstanceAlreadyFinished, StepNotUnderWay.
    """
    found = await hold_step(parts, tx, step_id)
    if found is None or found[0].instance.id != instance_id:
        raise StepNotFound
    board, step = found
    if step.status is StepStatus.cancelled:
        return step.status
    if board.has_ended:
        raise InstanceAlreadyFinished
    if step.status not in UNDER_WAY:
        raise StepNotUnderWay
    stopped = await tx.fetch_all(_STOP, {"step": step_id, "now": board.now})
    board.stopped.extend(row["id"] for row in stopped if row["claimed_at"] is not None)
    if step.items_total is not None:
        board.close_items(step)
    elif step.wait_kind is WaitKind.child:
        tx.lead_to(partial(parts.sequels.end_children, parts, instance_id))
    error = StepError(error_class=ErrorClass.refused, message=f"Cancelled by {name}.")
    await Walk(parts, board).cancel(step, error, by=by)
    await board.save()
    announce.announce(parts, tx, board)
    return board.step(step_id).status
