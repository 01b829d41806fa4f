"""The move that ends an instance because somebody asked."""

from app.engine import announce
from app.engine.board import Board
from app.engine.errors import InstanceAlreadyFinished, InstanceNotFound
from app.engine.held import lock_instance
from app.engine.parts import Parts
from app.engine.programs import NO_PROGRAM
from app.flow.states import INSTANCE_MOVES, InstanceStatus, is_settled
from app.kit.ids import InstanceId, UserId
from app.store.database import Transaction


async def cancel(
    parts: Parts, tx: Transaction, instance_id: InstanceId, *, by: UserId | None
) -> InstanceStatus:
    """End it now: what has not begun never will, what runs is told to stop and can report no more."""
    status = await cancel_open(parts, tx, instance_id, by=by)
    if status is None:
        raise InstanceNotFound
    if status is not InstanceStatus.cancelled:
        raise InstanceAlreadyFinished
    return status


async def cancel_open(
    parts: Parts, tx: Transaction, instance_id: InstanceId, *, by: UserId | None
) -> InstanceStatus | None:
    """The same for one that may have ended already, which then stays as it is; None when there is none."""
    instance = await lock_instance(tx, instance_id)
    if instance is None or is_settled(INSTANCE_MOVES, instance.status):
        return None if instance is None else instance.status
    # Nothing of the program is needed to end it, and one that cannot be read must be possible to cancel.
    board = Board(tx, NO_PROGRAM, instance, await tx.fetch_value("SELECT clock_timestamp()"))
    board.cancel(by)
    await board.save()
    announce.announce(parts, tx, board)
    return board.instance.status
