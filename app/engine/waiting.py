"""The moves of steps that wait: answered, started by hand, expired.

A wait is one row's columns: who brings it on (`wait_kind`), what is asked and was answered (`wait`), until
when (`due_at`). What an answer means is the step type's to say, as a pure function of its inputs and all
answers so far; the engine keeps them and makes the move.
"""

from typing import Any

import msgspec

from app.engine import announce, inline, statements
from app.engine.board import Board
from app.engine.errors import (
    CallbackOver,
    CallbackUnknown,
    CalledAlready,
    CalledTooEarly,
    InstanceAlreadyFinished,
    InstancePaused,
    StepNotFound,
    StepNotWaiting,
)
from app.engine.files import mentioned_in
from app.engine.held import hold_step
from app.engine.parts import Parts
from app.engine.rows import StepRow
from app.engine.walk import Walk
from app.flow.messages import ErrorClass, StepError
from app.flow.states import STEP_MOVES, StepStatus, is_settled
from app.flow.waits import Answer, Waiting, WaitKind
from app.kit.errors import StudioError
from app.kit.ids import InstanceId, StepId
from app.steps.base import StepFailed, Wait
from app.store.database import Transaction


async def answer(
    parts: Parts, tx: Transaction, instance_id: InstanceId, step_id: StepId, given: Answer, *, kind: WaitKind
) -> StepStatus:
    """Take an answer to a waiting step and go on if that was what it waited for.

    Raises StepNotFound, InstanceAlreadyFinished, StepNotWaiting, NotAsked, AnsweredAlready, and what the step
    refuses the answer with.
    """
    board, step = await _waiting(parts, tx, instance_id, step_id, kind)
    return await _take(parts, board, step, given)


async def call_back(
    parts: Parts, tx: Transaction, step_id: StepId, given: Answer, *, may_be_kept: bool
) -> StepStatus:
    """Take a call at a step's own address; one that comes before the step waits is kept for it.

    Raises CallbackUnknown, CallbackOver, CalledAlready, CalledTooEarly, and what the step refuses it with.
    """
    found = await hold_step(parts, tx, step_id)
    if found is None:
        raise CallbackUnknown
    board, step = found
    if board.has_ended or is_settled(STEP_MOVES, step.status):
        raise CallbackOver
    node = board.program.nodes[step.node_id]
    if not node.spec.has_address or (node.has_each and step.parent_id is None):
        raise CallbackUnknown
    if step.wait_kind is WaitKind.callback:
        if step.due_at is not None and step.due_at <= board.now:
            raise CallbackOver
        return await _take(parts, board, step, given)
    if not may_be_kept:
        raise CalledTooEarly
    _, waiting = await _kept(board, step)
    if waiting.early is not None:
        raise CalledAlready
    await _keep_files(parts, board, given)
    board.note(step, wait=msgspec.structs.replace(waiting, early=given))
    board.tell("step.answered", step, {"by": None, "name": given.name})
    await board.save()
    announce.announce(parts, tx, board)
    return step.status


async def _take(parts: Parts, board: Board, step: StepRow, given: Answer) -> StepStatus:
    """Add an answer to a wait and see what it comes to."""
    inputs, waiting = await _kept(board, step)
    if waiting.who is not None:
        waiting.who.admit(given, waiting.answers)
    await _keep_files(parts, board, given)
    waiting = msgspec.structs.replace(waiting, answers=[*waiting.answers, given])
    step = board.note(step, wait=waiting)
    board.tell("step.answered", step, {"by": given.by, "name": given.name})
    try:
        said = inline.answer(parts.steps, step.kind, inputs, waiting.answers, board.now)
    except StepFailed as exc:
        await _fail(parts, board, step, exc)
    else:
        await _go_on(parts, board, step, waiting, said)
    await board.save()
    announce.announce(parts, board.tx, board)
    return board.step(step.id).status


async def start(
    parts: Parts, tx: Transaction, instance_id: InstanceId, step_id: StepId, said: Answer
) -> StepStatus:
    """Let a step begin before which its instance stopped. Raises as `answer` does, and InstancePaused."""
    board, step = await _waiting(parts, tx, instance_id, step_id, WaitKind.start)
    if board.is_paused:
        raise InstancePaused
    _, waiting = await _kept(board, step)
    step = board.note(step, wait=msgspec.structs.replace(waiting, answers=[said]))
    board.tell("step.answered", step, {"by": said.by, "name": said.name})
    await Walk(parts, board).start(step)
    await board.save()
    announce.announce(parts, tx, board)
    return board.step(step_id).status


async def expire(parts: Parts, board: Board, step: StepRow) -> None:
    """The time of a wait is over; the caller has made sure of it and saves."""
    inputs, waiting = await _kept(board, step)
    try:
        said = inline.expire(parts.steps, step.kind, inputs, waiting.answers, board.now)
    except StepFailed as exc:
        await _fail(parts, board, step, exc)
    except StudioError as exc:  # there is nobody to refuse an answer to
        await Walk(parts, board).fail(step, StepError(error_class=ErrorClass.bug, message=exc.detail))
    else:
        await _go_on(parts, board, step, waiting, said)


async def _kept(board: Board, step: StepRow) -> tuple[dict[str, Any], Waiting]:
    """A step's inputs and its wait, as they are kept."""
    row = await board.tx.fetch_one(statements.LOAD_WAIT, {"id": step.id}) or {}
    return row.get("inputs") or {}, msgspec.convert(row.get("wait") or {}, Waiting)


async def _keep_files(parts: Parts, board: Board, given: Answer) -> None:
    """A file that an answer names stays as long as the instance, though a step may read it much later."""
    mentioned = mentioned_in(given.value)
    if mentioned:
        instance = board.instance
        await parts.assets.use(
            board.tx, mentioned, organization_id=instance.organization_id, user=instance.id
        )


async def _waiting(
    parts: Parts, tx: Transaction, instance_id: InstanceId, step_id: StepId, kind: WaitKind
) -> tuple[Board, StepRow]:
    """A step that waits for this, on its board."""
    found = await hold_step(parts, tx, step_id)
    if found is None or found[0].instance.id != instance_id:
        raise StepNotFound
    board, step = found
    if board.has_ended:
        raise InstanceAlreadyFinished
    if step.status is not StepStatus.waiting or step.wait_kind is not kind:
        raise StepNotWaiting
    return board, step


async def _go_on(
    parts: Parts, board: Board, step: StepRow, waiting: Waiting, said: dict[str, Any] | Wait | None
) -> None:
    match said:
        case None:
            return
        case Wait():
            asked = msgspec.structs.replace(waiting, request=said.request, who=said.who)
            board.note(step, wait=asked, wait_kind=said.on, reason=said.reason, due_at=said.until)
        case outputs:
            await Walk(parts, board).complete(step, outputs)


async def _fail(parts: Parts, board: Board, step: StepRow, exc: StepFailed) -> None:
    error = StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy)
    await Walk(parts, board).fail(step, error)
