"""Keeping schedules, and firing them: a start and the move to the next time are one commit."""

from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.engine.engine import Engine
from app.engine.errors import WorkflowBusy
from app.flow.timing import Decision, Timing, check_timing, decide, in_words, next_after, times_after
from app.kit.clock import now
from app.kit.errors import Conflict, Gone, NotFound, StudioError
from app.kit.ids import InstanceId, UserId
from app.kit.log import get_logger
from app.resources.instances import service as instances
from app.resources.instances.service import Chosen
from app.resources.notifications import model as notifications
from app.resources.notifications.ways import Severity
from app.resources.schedules import model
from app.resources.schedules.model import Due, Outcome, Overlap, Run, Schedule
from app.resources.schedules.schemas import NewSchedule, ScheduleChange, Times
from app.resources.schedules.starts import SOURCE
from app.resources.workflows.service import WorkflowNotFound
from app.store.database import Database, Scope, Transaction

log = get_logger(__name__)

MOST_SCHEDULES: Final = 1_000  # of one organization
MOST_REFUSALS: Final = 3  # in a row; then a person has to look
FAULTS_OF_ITS_OWN: Final = frozenset({400, 404, 410, 422})

RUN_BEFORE_GOES_ON: Final = "The run before is still going."


class ScheduleNotFound(NotFound):
    """There is no such schedule, or it belongs to another organization."""


class TooManySchedules(Conflict):
    """This organization has 1,000 schedules; delete one that is no longer needed."""


class WorkflowDeleted(Gone):
    """The workflow of this schedule was deleted, so it can no longer run."""


def preview(timing: Timing, count: int) -> Times:
    """What a timing means and when it comes next. Raises Invalid."""
    checked = check_timing(timing, now())
    return Times(words=in_words(checked), times=list(islice(times_after(checked, now()), count)))


async def create(tx: Transaction, engine: Engine, new: NewSchedule, *, created_by: UserId) -> Schedule:
    """A new schedule. Raises WorkflowNotFound, Invalid for its timing or its inputs, TooManySchedules."""
    moment = await model.database_time(tx)
    timing = check_timing(new.timing, moment)
    inputs = await _fitting(tx, await instances.choose(tx, engine, new.workflow_id), new.inputs)
    if await model.count_schedules(tx) >= MOST_SCHEDULES:
        raise TooManySchedules
    schedule_id = await model.add_schedule(
        tx,
        workflow_id=new.workflow_id,
        name=new.name,
        timing=timing,
        inputs=inputs,
        misfire=new.misfire,
        overlap=new.overlap,
        next_at=next_after(timing, moment) if new.is_enabled else None,
        is_enabled=new.is_enabled,
        created_by=created_by,
    )
    return await get(tx, schedule_id)


async def get(tx: Transaction, schedule_id: UUID) -> Schedule:
    """One schedule. Raises ScheduleNotFound."""
    return await _find(tx, schedule_id)


async def change(tx: Transaction, engine: Engine, schedule_id: UUID, wish: ScheduleChange) -> Schedule:
    """Change what the wish names. Raises ScheduleNotFound, Invalid, WorkflowDeleted.

    Switching it on, or another timing, counts from now: nothing is caught up for the time before.
    """
    before = await _find(tx, schedule_id, lock=True)
    moment = await model.database_time(tx)
    changes: dict[str, Any] = {
        name: value for name in wish.__struct_fields__ if (value := getattr(wish, name)) is not msgspec.UNSET
    }
    if "timing" in changes:
        changes["timing"] = check_timing(changes["timing"], moment)
    after = replace(before, **changes)
    if "inputs" in changes or (after.is_enabled and not before.is_enabled):
        fitting = await _fitting(tx, await _choose(tx, engine, after), after.inputs)
        after = replace(after, inputs=fitting)
    if "timing" in changes or after.is_enabled != before.is_enabled:
        after = replace(
            after, next_at=next_after(after.timing, moment) if after.is_enabled else None, queued_for=None
        )
    await model.save_schedule(tx, replace(after, refusals=0, stopped_because=None), is_edit=True)
    return await get(tx, schedule_id)


async def delete(tx: Transaction, schedule_id: UUID) -> None:
    """Forget a schedule; what it started stays. Raises ScheduleNotFound."""
    if not await model.remove_schedule(tx, schedule_id):
        raise ScheduleNotFound


async def run_now(tx: Transaction, engine: Engine, schedule_id: UUID, *, started_by: UserId) -> Run:
    """Start it by hand, beside its times. Raises ScheduleNotFound, WorkflowDeleted, Invalid."""
    schedule = await _find(tx, schedule_id, lock=True)
    moment = await model.database_time(tx)
    instance_id = await _start(tx, engine, schedule, created_by=started_by)
    await model.save_schedule(tx, replace(schedule, last_instance=instance_id))
    run_id = await model.add_run(
        tx,
        schedule_id,
        due_at=moment,
        outcome=Outcome.started,
        instance_id=instance_id,
        started_by=started_by,
    )
    return await model.get_run(tx, run_id)


async def fire(database: Database, engine: Engine, due: Due) -> bool:
    """Do what a due schedule asks for; False when another daemon was faster.

    The row lock makes it once, whoever fires: the start, the journal and the next time are one transaction.
    """
    async with database.transaction(Scope.organization(due.organization_id)) as tx:
        schedule = await model.claim(tx, due.id)
        if schedule is None:
            return False
        moment = await model.database_time(tx)
        await _Firing(tx, engine, schedule).go(moment)
    return True


class _Firing:
    """One claimed schedule at one moment; saved once, at the end."""

    def __init__(self, tx: Transaction, engine: Engine, schedule: Schedule) -> None:
        self._tx = tx
        self._engine = engine
        self._schedule = schedule

    async def go(self, moment: datetime) -> None:
        """The queued time first, then the time that has come."""
        is_open = self._schedule.overlap is not Overlap.allow and await model.is_open(
            self._tx, self._schedule.last_instance
        )
        queued = self._schedule.queued_for
        if queued is not None and not is_open:
            self._set(queued_for=None)
            is_open = await self._begin(queued, passed_over=0) and self._schedule.overlap is not Overlap.allow
        due = self._schedule.next_at
        if self._schedule.is_enabled and due is not None and due <= moment:
            decision = decide(self._schedule.timing, self._schedule.misfire, due, moment)
            self._set(next_at=decision.next_at)
            await self._follow(decision, due, is_open=is_open)
            if decision.next_at is None:
                self._stop("Its last time has passed.")
        await model.save_schedule(self._tx, self._schedule)

    async def _follow(self, decision: Decision, due: datetime, *, is_open: bool) -> None:
        if decision.runs_for is None:
            await self._note(Outcome.skipped, due, _missed(decision.passed_over))
        elif not is_open:
            await self._begin(decision.runs_for, passed_over=decision.passed_over)
        elif self._schedule.overlap is Overlap.queue and self._schedule.queued_for is None:
            self._set(queued_for=decision.runs_for)
            await self._note(Outcome.queued, decision.runs_for, f"{RUN_BEFORE_GOES_ON} It starts after it.")
        else:
            await self._note(Outcome.skipped, decision.runs_for, RUN_BEFORE_GOES_ON)

    async def _begin(self, due_at: datetime, *, passed_over: int) -> bool:
        """Start an instance, or note why it cannot be; whether one began."""
        try:
            async with self._tx.savepoint():
                instance_id = await _start(self._tx, self._engine, self._schedule, created_by=None)
        except WorkflowBusy as exc:
            await self._note(Outcome.skipped, due_at, exc.detail)
            return False
        except StudioError as exc:
            await self._refused(due_at, exc)
            return False
        self._set(last_instance=instance_id, refusals=0)
        reason = _missed(passed_over) if passed_over else None
        await self._note(Outcome.started, due_at, reason, instance_id)
        return True

    async def _refused(self, due_at: datetime, exc: StudioError) -> None:
        reason = " ".join([exc.detail, *(one.message for one in exc.complaints[:5])])
        # A limit or a box that is busy passes by itself; a wrong input does not.
        refusals = self._schedule.refusals + (exc.status in FAULTS_OF_ITS_OWN)
        self._set(refusals=refusals)
        await self._note(Outcome.refused, due_at, reason)
        if isinstance(exc, WorkflowDeleted):
            await self._give_up(reason)
        elif refusals >= MOST_REFUSALS:
            await self._give_up(f"It was refused {refusals} times in a row. {reason}")

    async def _give_up(self, reason: str) -> None:
        """Stop, and let those hear of it who count on it."""
        self._stop(reason)
        await notifications.add(
            self._tx,
            organization_id=self._tx.organization_id,
            severity=Severity.warning,
            title=f"The schedule “{self._schedule.name}” was switched off",
            body=reason,
            remedy="Mend what it runs, then switch it on again.",
            link="/triggers",
        )

    def _stop(self, reason: str) -> None:
        self._set(is_enabled=False, next_at=None, queued_for=None, stopped_because=reason)
        log.info("schedule stopped", action="schedule_stopped", schedule=self._schedule.id, reason=reason)

    async def _note(
        self, outcome: Outcome, due_at: datetime, reason: str | None, instance_id: InstanceId | None = None
    ) -> None:
        await model.add_run(
            self._tx,
            self._schedule.id,
            due_at=due_at,
            outcome=outcome,
            reason=reason,
            instance_id=instance_id,
        )

    def _set(self, **changes: Any) -> None:
        self._schedule = replace(self._schedule, **changes)


def _missed(count: int) -> str:
    times = "One time" if count == 1 else f"{count:,} times"
    return f"{times} passed while nobody was there to run it."


async def _start(
    tx: Transaction, engine: Engine, schedule: Schedule, *, created_by: UserId | None
) -> InstanceId:
    chosen = await _choose(tx, engine, schedule)
    started = await instances.begin(tx, engine, chosen, schedule.inputs, source=SOURCE, created_by=created_by)
    return started.id


async def _fitting(tx: Transaction, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, files with their names for people to see; defaults stay the workflow's own."""
    fitting = await instances.fit(tx, chosen, given)
    return {name: fitting[name] for name in given}


async def _choose(tx: Transaction, engine: Engine, schedule: Schedule) -> Chosen:
    try:
        return await instances.choose(tx, engine, schedule.workflow_id)
    except WorkflowNotFound:
        raise WorkflowDeleted from None


async def _find(tx: Transaction, schedule_id: UUID, *, lock: bool = False) -> Schedule:
    schedule = await model.find_schedule(tx, schedule_id, lock=lock)
    if schedule is None:
        raise ScheduleNotFound
    return schedule
