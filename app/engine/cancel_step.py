"""The move that ends one step, or one item of a fan-out, because somebody asked.

The step has not failed by itself, but what it leads to is decided as if it had: its `on_error` says whether
the instance goes on. It is not tried again.
"""

from functools import partial
from typing import Final

from app.engine import announce, children
from app.engine.errors import InstanceAlreadyFinished, StepNotFound, StepNotUnderWay
from app.engine.held import hold_step
from app.engine.parts import Parts
from app.engine.walk import Walk
from app.flow.messages import ErrorClass, StepError
from app.flow.states import StepStatus
from app.kit.ids import InstanceId, StepId, UserId
from app.store.database import Transaction

UNDER_WAY: Final = frozenset({StepStatus.queued, StepStatus.running, StepStatus.waiting})

_STOP: Final = """
UPDATE attempts SET status = 'cancelled', ended_at = %(now)s
 WHERE step_id = %(step)s AND status IN ('queued', 'paused', 'leased')
RETURNING id, claimed_at
"""

# What runs for the step, or for its items.
_CHILDREN: Final = """
SELECT c.id FROM instances c
 WHERE c.parent_id = %(instance)s AND c.status IN ('pending', 'running', 'waiting')
   AND (c.parent_step_id = %(step)s
        OR EXISTS (SELECT FROM steps s WHERE s.id = c.parent_step_id AND s.parent_id = %(step)s))
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
    begun = await tx.fetch_all(_CHILDREN, {"instance": instance_id, "step": step_id})
    if begun:
        tx.lead_to(partial(children.end, parts, [row["id"] for row in begun]))
    error = StepError(error_class=ErrorClass.refused, message=f"Cancelled by {name}.")
    await Walk(parts, board).cancel(step, error, by=by)
    await board.save()
    announce.announce(parts, tx, board)
    return board.step(step_id).status
