"""An attempt and its step on the board, with the instance locked: where every end of an attempt begins."""

from typing import Any

import msgspec

from app.engine import announce, statements
from app.engine.board import Board
from app.engine.parts import Parts
from app.engine.programs import NO_PROGRAM
from app.engine.rows import HeldAttempt, InstanceError, InstanceRow, StepRow
from app.flow import plan
from app.flow.messages import ErrorClass
from app.flow.states import AttemptStatus
from app.kit.errors import Invalid
from app.kit.ids import AttemptId, InstanceId, StepId, WorkerId
from app.store.database import Row, Transaction

DEADLINE_GRACE_S = 5.0  # a worker ends an overrun step itself; the sweep only when the worker did not


class Held(msgspec.Struct, frozen=True):
    """One attempt, its step, and the board they lie on."""

    board: Board
    step: StepRow
    attempt: HeldAttempt

    @property
    def is_leased(self) -> bool:
        """Whether some worker holds the attempt now."""
        return self.attempt.status is AttemptStatus.leased and not self.board.has_ended

    def is_held_by(self, worker_id: WorkerId, fence: int) -> bool:
        """Whether this worker holds the attempt under this fence, now."""
        return self.is_leased and self.attempt.worker_id == worker_id and self.attempt.fence == fence


async def lock_instance(tx: Transaction, instance_id: InstanceId) -> InstanceRow | None:
    """The instance, locked until the transaction ends; None when there is none in this scope."""
    row = await tx.fetch_one(statements.LOCK_INSTANCE, {"id": instance_id})
    return None if row is None else msgspec.convert(row, InstanceRow)


async def hold(parts: Parts, tx: Transaction, attempt_id: AttemptId) -> Held | None:
    """Lock the instance of an attempt and read what its end may touch; None when there is no such attempt."""
    row = await tx.fetch_one(statements.LOCK_BY_ATTEMPT, {"attempt": attempt_id})
    if row is None:
        return None
    board, step, attempt = await _board(parts, tx, row, attempt_id)
    if attempt is None:  # it went back into the queue, under another id, while we waited for its instance
        return None
    return Held(board, step, msgspec.convert(attempt, HeldAttempt))


async def hold_instance(parts: Parts, tx: Transaction, instance_id: InstanceId) -> Board | None:
    """The board of an instance with none of its steps on it; None when there is no such instance."""
    instance = await lock_instance(tx, instance_id)
    if instance is None:
        return None
    try:
        program = await parts.programs.get(tx, instance.version_id, instance.body)
    except Invalid:
        program = NO_PROGRAM
    return Board(tx, program, instance, await tx.fetch_value("SELECT clock_timestamp()"))


async def hold_step(parts: Parts, tx: Transaction, step_id: StepId) -> tuple[Board, StepRow] | None:
    """The same for a step that has no attempt, such as one that waits for its time."""
    row = await tx.fetch_one(statements.LOCK_BY_STEP, {"step": step_id})
    if row is None:
        return None
    board, step, _ = await _board(parts, tx, row, None)
    return board, step


async def _board(
    parts: Parts, tx: Transaction, row: Row, attempt_id: AttemptId | None
) -> tuple[Board, StepRow, Any]:
    """The board of a locked instance with a step and what lies around it; and the attempt, as it came."""
    instance = msgspec.convert(row, InstanceRow)
    unreadable: Invalid | None = None
    try:
        program = await parts.programs.get(tx, instance.version_id, instance.body)
    except Invalid as exc:
        program, unreadable = NO_PROGRAM, exc
    # An item's end moves its fan-out; the fan-out's successors are read when it ends, once.
    is_alone = row["parent_id"] is not None or unreadable is not None
    around = await tx.fetch_all(
        statements.LOAD_AROUND,
        {
            "instance": instance.id,
            "step": row["step_id"],
            "parent": row["parent_id"],
            "node": row["node_id"],
            "nodes": [] if is_alone else sorted(plan.reach(program, [row["node_id"]])),
            "attempt": attempt_id,
            "grace_s": DEADLINE_GRACE_S,
        },
    )
    board = Board(tx, program, instance, around[0]["now"])
    board.add(around)
    if unreadable is not None and not board.has_ended:
        await _give_up(parts, board, unreadable)
    return board, board.step(row["step_id"]), around[0]["attempt"]


async def _give_up(parts: Parts, board: Board, exc: Invalid) -> None:
    """End an instance whose version cannot be read any more, rather than let its workers ask for ever."""
    board.fail(InstanceError(error_class=ErrorClass.bug, message=exc.detail, remedy=exc.remedy))
    await board.save()
    announce.announce(parts, board.tx, board)
