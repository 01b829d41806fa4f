"""The move that ends an attempt: its outputs, what follows from them and the events, in one commit."""

import random
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.engine import announce, claim, results
from app.engine.held import Held, hold
from app.engine.parts import Parts
from app.engine.walk import Walk
from app.flow import plan
from app.flow.messages import (
    Cancelled,
    Completed,
    ErrorClass,
    Failed,
    Finish,
    Finished,
    GivenBack,
    Job,
    Lane,
    Outcome,
    Postponed,
    StepError,
)
from app.flow.states import AttemptStatus, StepStatus
from app.flow.wording import shorten
from app.kit.errors import StudioError
from app.kit.ids import AttemptId, WorkerId
from app.store.database import Scope

# Why a step is queued again without a failure of its own, for people.
SILENT: Final = "Its worker died or went silent; another takes over."
LEFT: Final = "Its worker left; another takes over."
UNHEARD: Final = "Its worker never heard of it; another takes over."


async def finish(parts: Parts, worker_id: WorkerId, end: Finish) -> Finished:
    """End an attempt under its fence; a stale or double report changes nothing."""
    job: Job | None = None
    async with parts.database.transaction(Scope.system()) as tx:
        held = await hold(parts, tx, AttemptId(end.attempt_id))
        if held is None:
            return Finished(accepted=False)
        lane = Lane(held.step.lane)
        accepted = held.is_held_by(worker_id, end.fence)
        if accepted:
            await settle(parts, held, end.outcome)
            await held.board.save()
            taken = await claim.claim_within(parts, tx, worker_id, lane) if end.take_next else None
            if taken is None:
                announce.announce(parts, tx, held.board)
            else:
                job, also = taken
                announce.announce(parts, tx, held.board, handed_over=lane, also=also)
    if end.take_next and job is None:
        # Nothing could be had without waiting for another instance's lock while holding this one's.
        job = await claim.claim(parts, worker_id, lane)
    return Finished(accepted=accepted, next=job)


async def settle(parts: Parts, held: Held, outcome: Outcome) -> None:
    """Decide what an attempt's end means for its step, and walk on from there."""
    match outcome:
        case Completed():
            await _completed(parts, held, outcome)
        case Failed(error=error) if error.error_class is ErrorClass.lost:
            await lost(parts, held, error)
        case Failed(error=error):
            await failed(parts, held, error)
        case Postponed():
            postponed(held, outcome)
        case Cancelled() | GivenBack():
            # The engine marks what it cancels itself; an attempt still leased was stopped for the worker's
            # own reasons, and another may have it.
            await given_back(parts, held)


async def _completed(parts: Parts, held: Held, done: Completed) -> None:
    board = held.board
    try:
        outputs = await _take_outputs(parts, held, done)
    except (msgspec.ValidationError, StudioError) as exc:
        error = StepError(
            error_class=ErrorClass.bug,
            message=f"The outputs of {held.step.kind} do not fit its declaration: {exc}",
            remedy="Report this to whoever made the step type.",
        )
        await failed(parts, held, error)
        return
    board.end_attempt(held.attempt, AttemptStatus.completed)
    await results.keep(board, held.step, outputs)
    await Walk(parts, board).complete(held.step, outputs)


async def _take_outputs(parts: Parts, held: Held, done: Completed) -> dict[str, Any]:
    """The outputs as the step type declares them; new files become assets. Raises ValidationError."""
    step_type = parts.steps.get(held.step.kind)
    outputs: dict[str, Any] = done.outputs
    if step_type is not None:
        checked = msgspec.convert(done.outputs, step_type.Outputs)
        outputs = msgspec.to_builtins(checked, str_keys=True)
    if done.blobs:
        instance = held.board.instance
        await parts.assets.keep(
            held.board.tx,
            done.blobs,
            organization_id=instance.organization_id,
            instance_id=instance.id,
            step_id=held.step.id,
        )
    return outputs


async def failed(parts: Parts, held: Held, error: StepError) -> None:
    """An attempt failed: try again if the step's policy says so, else the step has failed."""
    board, step = held.board, held.step
    board.end_attempt(held.attempt, AttemptStatus.failed, error)
    node = board.program.nodes[step.node_id]
    failures = step.attempts_used + 1
    delay_s = plan.retry_delay(node.retry, error, failures, random.random())  # noqa: S311  no secret
    step = board.note(step, attempts_used=failures)
    if delay_s is None:
        await Walk(parts, board).fail(step, error)
        return
    board.queue_attempt(step, node, number=held.attempt.number + 1, cause="retry", delay_s=delay_s)
    board.move_step(
        step,
        StepStatus.queued,
        event="step.retrying",
        data={"retry_in_s": delay_s, "failures": failures},
        reason=f"Trying again in {delay_s:.3g} s after: {error.message}",
        error=error,
    )


def postponed(held: Held, wish: Postponed) -> None:
    """The step asks again later: no worker waits with it, and no retry is used up.

    It has shown that it does not end its workers: those that died under it in a year of asking are no reason
    to give it up.
    """
    board, step = held.board, held.board.note(held.step, times_lost=0)
    age_s = 0.0 if step.started_at is None else (board.now - step.started_at).total_seconds()
    delay_s = plan.postponement(wish.delay_s, age_s)
    board.postpone_attempt(held.attempt, delay_s)
    board.move_step(
        step,
        StepStatus.queued,
        event="step.postponed",
        data={"again_in_s": delay_s},
        reason=f"Asking again in {delay_s:.3g} s. {shorten(wish.reason, plan.MAX_REASON)}".strip(),
    )


async def lost(
    parts: Parts, held: Held, told: StepError | None = None, *, is_beside_others: bool = False
) -> None:
    """Nobody's fault: it is tried again, unless this step seems to end every worker it meets.

    The lease ran out or the worker is known to be dead; or it is there to tell that the process which ran the
    step was killed (`told`). Of a worker that died with several steps in its hands (`is_beside_others`)
    nobody knows which one did it: that counts against none of them, and those who die together again and
    again are tried apart.
    """
    if is_beside_others and told is None:
        delay_s = plan.apart_s(held.attempt.number, random.random())  # noqa: S311  no secret
        await _try_elsewhere(parts, held, cause="lost_beside", reason=SILENT, delay_s=delay_s)
        return
    times_lost = held.step.times_lost + 1
    held = replace(held, step=held.board.note(held.step, times_lost=times_lost))
    poison = plan.poison(times_lost)
    end = poison and (told or poison)
    reason = f"Trying again after: {told.message}" if told else SILENT
    await _try_elsewhere(parts, held, cause="lost", reason=reason, told=told, end=end)


async def given_back(parts: Parts, held: Held) -> None:
    """The worker left or stopped for reasons of its own: another tries, and no retry is used up."""
    await _try_elsewhere(parts, held, cause="given_back", reason=LEFT)


async def unheard(parts: Parts, held: Held) -> None:
    """The worker never began, for it never heard of it: another tries, and no retry is used up."""
    await _try_elsewhere(parts, held, cause="given_back", reason=UNHEARD)


async def _try_elsewhere(
    parts: Parts,
    held: Held,
    *,
    cause: str,
    reason: str,
    told: StepError | None = None,
    end: StepError | None = None,
    delay_s: float = 0.0,
) -> None:
    """A new attempt, mostly at once, in place of one that is nobody's fault; `end`: why there is no more."""
    board, step, attempt = held.board, held.step, held.attempt
    end = end or plan.worn_out(attempt.number)
    board.end_attempt(attempt, AttemptStatus.lost, end or told)
    if end is not None:
        await Walk(parts, board).fail(step, end)
        return
    node = board.program.nodes[step.node_id]
    board.queue_attempt(step, node, number=attempt.number + 1, cause=cause, delay_s=delay_s)
    board.move_step(step, StepStatus.queued, event="step.requeued", data={"cause": cause}, reason=reason)
