"""The board: one locked instance during one move.

A move reads rows onto the board (`shelf`, `items`, `known`), changes them there, and saves everything in one
statement (`changes`). Counters, event numbers and the tables of allowed moves are kept here and nowhere else,
so no move can forget them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.engine import statements
from app.engine.aside import Effort
from app.engine.changes import Changes
from app.engine.items import Items
from app.engine.known import Known
from app.engine.rows import (
    EndedAttempt,
    Event,
    HeldAttempt,
    InstanceError,
    InstanceRow,
    NewAttempt,
    Pause,
    StepRow,
)
from app.engine.shelf import Shelf
from app.flow.messages import Lane, StepError
from app.flow.program import Program, ProgramNode
from app.flow.sizes import weight_of
from app.flow.states import (
    ATTEMPT_MOVES,
    INSTANCE_MOVES,
    STEP_MOVES,
    AttemptStatus,
    InstanceStatus,
    StepStatus,
    is_settled,
    move,
)
from app.flow.waits import Round, Waiting, WaitKind
from app.kit.ids import AttemptId, StepId, UserId, new_id
from app.store.database import Transaction

# What one move may write, in characters. Postgres takes 256 MB of rows in one parameter, and a value that
# each of two thousand steps hands on is one value in memory but two thousand on disk.
MAX_WEIGHT: Final = 80_000_000
CALL_AGAIN_S: Final = 2.0  # a round that should have begun at once and has not is begun by the sweep
VALUES: Final = ("inputs", "outputs", "item")

_BUSY = (StepStatus.queued, StepStatus.running)
_INLINE = str(Lane.inline)  # steps hold it as text


class Board(Shelf):
    """The steps of one instance that a move has read or made, and what it has changed."""

    def __init__(self, tx: Transaction, program: Program, instance: InstanceRow, now: datetime) -> None:
        super().__init__(tx, instance.id)
        self.program = program
        self.instance = instance
        self.now = now  # the database's, read after the lock was had
        self.items = Items(self)
        self.known = Known(self, program, instance)
        self.changes = Changes()
        self.stopped: list[AttemptId] = []  # leased by a worker that has to be told
        self.calls: list[StepId] = []  # steps whose instance is to begin after this move
        self.must_tell = True  # a parent waits for the end; False: it learns of it in this very move
        self.closed_early = False  # saved: it has ended with steps still open
        self._changed: set[StepId] = set()
        self._stalled: str | None = None
        self._is_resumed = False
        self.effort = Effort()
        self._weight = 0

    @property
    def has_ended(self) -> bool:
        """Whether this instance is over."""
        return is_settled(INSTANCE_MOVES, self.instance.status)

    @property
    def is_paused(self) -> bool:
        """Whether somebody lets it stand still: what becomes ready does not begin."""
        return self.instance.pause is not None

    @property
    def _queued(self) -> AttemptStatus:
        """What an attempt is that waits for a worker."""
        return AttemptStatus.paused if self.is_paused else AttemptStatus.queued

    @property
    def has_to_tell(self) -> bool:
        """Whether this move ends an instance that a step of another one waits for."""
        return self.must_tell and self.has_ended and self.instance.parent_step_id is not None

    @property
    def leaves_children(self) -> bool:
        """Whether this move, saved, has ended steps for which instances may still run."""
        return self.closed_early or bool(self.changes.closed)

    @property
    def is_too_much(self) -> bool:
        """Whether this move asks for more than one may write, or work out; its instance ends with it."""
        return self.is_too_heavy or self.effort.is_too_much

    @property
    def is_too_heavy(self) -> bool:
        """Whether the values of this move's steps are more than it may write."""
        return self._weight > MAX_WEIGHT

    def weigh(self, value: Any) -> None:
        """Count a value that this move is going to write."""
        if value is not None and not self.is_too_heavy:
            self._weight += weight_of(value, MAX_WEIGHT)

    # Changing --------------------------------------------------------------------------------------------

    def make(self, step: StepRow) -> StepRow:
        """Put a new step on the board."""
        self.put(self._weighed(step, VALUES), is_new=True)
        if step.parent_id is None and not is_settled(STEP_MOVES, step.status):
            self._recount(open_by=1, busy_by=0)
        elif step.parent_id is None:
            self.known.remember(step)
        return step

    def reopen(self, step: StepRow) -> None:
        """Count a fan-out of a new instance that was written as it is to run on."""
        self._recount(open_by=1, busy_by=_is_busy(step))
        self.tell("step.reopened", step)

    def note(self, step: StepRow, **changes: Any) -> StepRow:
        """Change a step without moving its state."""
        changed = replace(step, **changes)
        changed = self._weighed(changed, [name for name in VALUES if changes.get(name) is not None])
        self.put(changed)
        self._changed.add(changed.id)
        return changed

    def move_step(
        self,
        step: StepRow,
        status: StepStatus,
        *,
        event: str | None = None,
        data: Mapping[str, Any] | None = None,
        silent: bool = False,
        **changes: Any,
    ) -> StepRow:
        """Move a step to a state its table allows, keep the counters and tell it as an event."""
        move(STEP_MOVES, step.status, status)
        settled = is_settled(STEP_MOVES, status)
        changes.setdefault("reason", None)
        changes.setdefault("wait_kind", None)
        if settled:
            changes["ended_at"] = self.now
            changes["due_at"] = None
        if step.started_at is None and status in {
            StepStatus.running,
            StepStatus.waiting,
            StepStatus.completed,
            StepStatus.failed,
        }:
            changes["started_at"] = self.now
            if self.instance.started_at is None:
                self.instance = replace(self.instance, started_at=self.now)
        changed = self.note(step, status=status, **changes)
        if step.parent_id is None:
            self._recount(open_by=-1 if settled else 0, busy_by=_is_busy(changed) - _is_busy(step))
            if settled:
                self.known.remember(changed)
        if not silent:
            self.tell(event or f"step.{status}", changed, data)
        return changed

    def queue_attempt(
        self, step: StepRow, node: ProgramNode, *, number: int, cause: str, delay_s: float = 0.0
    ) -> None:
        """Let a worker try this step, now or after a delay."""
        self.changes.new_attempts.append(
            NewAttempt(
                id=AttemptId(new_id()),
                step_id=step.id,
                number=number,
                lane=step.lane,
                cause=cause,
                priority=self.instance.priority + node.priority,
                timeout_s=node.timeout_s,
                status=self._queued,
                available_at=self.now + timedelta(seconds=delay_s),
                rung_at=None if delay_s > 0 or self.is_paused else self.now,
            )
        )

    def close_items(self, parent: StepRow) -> None:
        """Cancel whatever items of a fan-out are still open, when this is saved."""
        self.changes.closed.add(parent.id)
        self.changes.new_attempts = [
            attempt
            for attempt in self.changes.new_attempts
            if self.step(attempt.step_id).parent_id != parent.id
        ]

    def call_later(
        self, step: StepRow, following: Round, delay_s: float, *, reason: str, **changes: Any
    ) -> StepRow:
        """Let a calling step wait for a round that begins now or after a delay."""
        step = self.note(
            step,
            wait=Waiting(request=msgspec.to_builtins(following)),
            wait_kind=WaitKind.child,
            due_at=self.now + timedelta(seconds=delay_s or CALL_AGAIN_S),
            reason=reason,
            **changes,
        )
        if not delay_s:
            self.calls.append(step.id)
        return step

    def end_attempt(
        self, attempt: HeldAttempt, status: AttemptStatus, error: StepError | None = None
    ) -> None:
        """Close an attempt."""
        move(ATTEMPT_MOVES, attempt.status, status)
        self.changes.ended_attempts.append(EndedAttempt(id=attempt.id, status=status, error=error))

    def postpone_attempt(self, attempt: HeldAttempt, delay_s: float) -> None:
        """Put an attempt back into the queue, not to be claimed before this time is over."""
        move(ATTEMPT_MOVES, attempt.status, self._queued)
        self.changes.postponed[attempt.id] = self.now + timedelta(seconds=delay_s)

    def complete(self, outputs: dict[str, Any]) -> None:
        """The instance has its outputs; what is still open, because a step ended it early, is cancelled."""
        self._end(InstanceStatus.completed, outputs=outputs)

    def fail(self, error: InstanceError) -> None:
        """The instance cannot go on; whatever is still open is cancelled."""
        self._end(InstanceStatus.failed, error=error)

    def cancel(self, by: UserId | None) -> None:
        """Somebody ended the instance; whatever is still open is cancelled."""
        self._end(InstanceStatus.cancelled, cancelled_by=by, cancel_requested_at=self.now)

    def hold(self, reason: str) -> None:
        """A new instance waits for its turn; nothing of it begins."""
        self.instance = replace(self.instance, is_held=True, reason=reason)

    def pause(self, by: Pause) -> None:
        """Somebody lets the instance stand still; one that waits for its turn waits for that first."""
        self.instance = replace(self.instance, pause=by)
        about: dict[str, Any] = {"by": by.by, "name": by.name, "pause": by}
        if not self.instance.is_held:
            if self.instance.status is not InstanceStatus.waiting:
                move(INSTANCE_MOVES, self.instance.status, InstanceStatus.waiting)
            self.instance = replace(
                self.instance, status=InstanceStatus.waiting, reason=paused_reason(by.name)
            )
            about |= {"status": self.instance.status, "reason": self.instance.reason}
        self._tell("instance.paused", None, about)

    def resume(self, by: UserId | None, name: str) -> None:
        """Somebody lets it go on; how it stands then is told even if it waits on."""
        self._tell("instance.resumed", None, {"by": by, "name": name, "pause": None})
        self._is_resumed = True

    def stall(self, step: StepRow, reason: str) -> None:
        """Nobody can take this queued step for now: the instance waits, and says for what."""
        self.note(step, reason=reason)
        self._stalled = reason

    def _end(self, status: InstanceStatus, **changes: Any) -> None:
        move(INSTANCE_MOVES, self.instance.status, status)
        self.instance = replace(
            self.instance,
            status=status,
            reason=None,
            started_at=self.instance.started_at or self.now,
            ended_at=self.now,
            **changes,
        )
        error = self.instance.error
        self._tell(f"instance.{status}", None, {"status": status} | ({"error": error} if error else {}))

    # Telling and saving ----------------------------------------------------------------------------------

    def tell(self, event: str, step: StepRow, data: Mapping[str, Any] | None = None) -> None:
        """Record a numbered fact about a step."""
        about: dict[str, Any] = {"node": step.node_id, "status": step.status}
        if step.path:
            about["path"] = step.path
        if step.reason:
            about["reason"] = step.reason
        if step.status is StepStatus.waiting:
            about["wait"] = step.wait_kind
        if step.error and step.status is not StepStatus.completed:
            about["error"] = step.error
        if step.items_total is not None:
            about["items"] = items_of(step)
        self._tell(event, step.id, {**about, **(data or {})})

    def tell_created(self, origin: Mapping[str, Any] | None) -> None:
        """Record that the instance exists, and which one it goes on from."""
        data = {"status": self.instance.status, "number": self.instance.number}
        self._tell("instance.created", None, data | ({"origin": origin} if origin else {}))

    async def save(self) -> None:
        """Write everything that changed, in one statement; close what an early end left open."""
        await self._settle_status()
        instance = self.instance
        self.closed_early = self.has_ended and (
            instance.status is not InstanceStatus.completed or instance.open_steps > 0
        )
        if self.closed_early:
            self.changes.new_attempts.clear()
            self.instance = instance = replace(instance, open_steps=0, busy_steps=0)
        await self.changes.write(
            self.tx,
            instance,
            self.now,
            made=self.made(),
            changed=[step for step in map(self.step, self._changed) if not self.is_new(step)],
            must_tell=self.has_to_tell,
        )
        self.stopped += await self.changes.close(self.tx, instance, self.now, everything=self.closed_early)

    async def _settle_status(self) -> None:
        """Pending, running or waiting, as the counters say, told when it changes."""
        instance = self.instance
        if self.has_ended:
            return
        reason: str | None = None
        if instance.is_held:
            status, reason = InstanceStatus.pending, instance.reason
        elif instance.pause is not None:
            status, reason = InstanceStatus.waiting, paused_reason(instance.pause.name)
        elif self._stalled is not None:
            status, reason = InstanceStatus.waiting, self._stalled
        elif instance.busy_steps:
            status = InstanceStatus.running if instance.started_at else InstanceStatus.pending
        else:
            status = InstanceStatus.waiting
            reason = await self._waiting_reason()
        if status is not instance.status or self._is_resumed:
            if status is not instance.status:
                move(INSTANCE_MOVES, instance.status, status)
            self._tell(
                f"instance.{status}", None, {"status": status} | ({"reason": reason} if reason else {})
            )
        self.instance = replace(self.instance, status=status, reason=reason)

    async def _waiting_reason(self) -> str:
        for step in self:
            if step.status is StepStatus.waiting and step.reason:
                return step.reason
        # In the database the step that this move ends waits still.
        place = {"instance": self.instance.id, "settled": [step.id for step in self]}
        found = await self.tx.fetch_value(statements.WAITING_REASON, place)
        return found or "A step waits."

    def _tell(self, event: str, step_id: StepId | None, data: dict[str, Any]) -> None:
        seq = self.instance.event_seq + 1
        self.instance = replace(self.instance, event_seq=seq)
        self.changes.events.append(Event(seq=seq, type=event, step_id=step_id, data=data, at=self.now))

    def _weighed(self, step: StepRow, names: Iterable[str]) -> StepRow:
        """The step with its values counted, and without those that are more than this move may write."""
        for name in names:
            self.weigh(getattr(step, name))
            if self.is_too_heavy:
                step = replace(step, **{name: None})
        return step

    def _recount(self, *, open_by: int, busy_by: int) -> None:
        if open_by or busy_by:
            self.instance = replace(
                self.instance,
                open_steps=self.instance.open_steps + open_by,
                busy_steps=self.instance.busy_steps + busy_by,
            )


def _is_busy(step: StepRow) -> bool:
    """Whether a worker has it or is to have it. What an inline fan-out leaves open after a move waits."""
    return step.status in _BUSY and step.lane != _INLINE


def paused_reason(name: str) -> str:
    """Why a paused instance waits."""
    return f"Paused by {name}."


def items_of(step: StepRow) -> dict[str, int]:
    """How far a fan-out is, for people."""
    return {
        "total": step.items_total or 0,
        "done": step.items_started - step.items_open,
        "failed": step.items_failed,
    }
