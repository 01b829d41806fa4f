"""What one move changes, and how it is written: everything in one statement."""

from collections.abc import Sequence
from datetime import datetime

from app.engine import statements
from app.engine.rows import EndedAttempt, Event, InstanceRow, NewAttempt, StepRow
from app.engine.storable import storable
from app.flow.states import AttemptStatus
from app.kit.ids import AttemptId, StepId, new_id
from app.store.database import Transaction


class Changes:
    """Facts that a move adds to the database beside its steps."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.new_attempts: list[NewAttempt] = []
        self.ended_attempts: list[EndedAttempt] = []
        self.postponed: dict[AttemptId, datetime] = {}
        self.closed: set[StepId] = set()  # fan-outs whose open items end with this move

    async def write(
        self,
        tx: Transaction,
        instance: InstanceRow,
        now: datetime,
        *,
        made: Sequence[StepRow],
        changed: Sequence[StepRow],
        must_tell: bool,
    ) -> None:
        """Write the move. `must_tell`: a step of another instance has to learn of the end."""
        await tx.execute(
            statements.SAVE,
            {
                "instance": instance.id,
                "organization": instance.organization_id,
                "now": now,
                "made_steps": storable(made),
                "changed_steps": storable(changed),
                "ended_attempts": storable(self.ended_attempts),
                "made_attempts": storable(self.new_attempts),
                "events": storable(self.events),
                "status": instance.status,
                "reason": instance.reason,
                "outputs": None if instance.outputs is None else storable(instance.outputs),
                "error": None if instance.error is None else storable(instance.error),
                "event_seq": instance.event_seq,
                "open_steps": instance.open_steps,
                "busy_steps": instance.busy_steps,
                "must_tell": must_tell,
                "started_at": instance.started_at,
                "ended_at": instance.ended_at,
                "cancelled_by": instance.cancelled_by,
                "cancel_requested_at": instance.cancel_requested_at,
            },
        )
        is_paused = instance.pause is not None
        back = AttemptStatus.paused if is_paused else AttemptStatus.queued
        for attempt_id, moment in self.postponed.items():
            place = {"id": attempt_id, "new": new_id(), "at": moment, "status": back}
            await tx.execute(statements.POSTPONE, place)
        if (
            self.postponed
            or any(step.due_at is not None for step in (*made, *changed))
            or any(attempt.rung_at is None and not is_paused for attempt in self.new_attempts)
        ):
            await tx.execute(statements.NOTIFY_DUE)

    async def close(
        self, tx: Transaction, instance: InstanceRow, now: datetime, *, everything: bool
    ) -> list[AttemptId]:
        """End what is still open: of the instance, or of some fan-outs. The attempts that a worker holds."""
        place = {"instance": instance.id, "now": now}
        if everything:
            rows = await tx.fetch_all(statements.CLOSE, place)
        elif self.closed:
            rows = await tx.fetch_all(statements.CLOSE_ITEMS, {**place, "parents": list(self.closed)})
        else:
            return []
        return [row["id"] for row in rows]
