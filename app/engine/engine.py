"""The engine: every move an instance can make, each one transaction.

Rooms call `start` and `cancel` inside their own transaction, so that what they write beside it (an
idempotency key, an audit entry) is one fact with the move. The worker protocol calls `claim`, `renew`,
`report`, `finish`, `give_back` and `lose`; the daemon calls `sweep`. Any number of processes may do so at
once: a row lock on the instance puts the moves of one instance in order, and a fence makes a late report
harmless.

Locks are taken in one order: an instance before what its steps run, a workflow's counter before an instance
that waits for its turn, an instance before its steps and attempts. Most moves lock one instance; pausing and
resuming go on to its children, and beginning a child takes the counter of the child's workflow. What starts
from an attempt (a claim, a heartbeat, the bells) locks nothing it would have to wait with.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.engine import (
    admission,
    cancel,
    cancel_step,
    children,
    circles,
    claim,
    finish,
    gates,
    leases,
    pause,
    preview,
    report,
    results,
    retention,
    rota,
    start,
    sweep,
    takeover,
    waiting,
)
from app.engine.assets import AssetKeeper
from app.engine.callbacks import Callbacks
from app.engine.errors import CallbackUnknown
from app.engine.gates import Closing, Gate, Why
from app.engine.parts import Parts, Sequels
from app.engine.programs import Programs
from app.engine.start import Started, StartRequest
from app.engine.sweep import Swept
from app.engine.takeover import Origin
from app.flow.catalog import Catalog
from app.flow.definition import Definition
from app.flow.messages import Beat, Finish, Finished, Job, Lane, Lease, Report
from app.flow.outlook import Prospect
from app.flow.program import Program
from app.flow.rerun import Takeover
from app.flow.states import InstanceStatus, StepStatus
from app.flow.waits import Answer, WaitKind
from app.kit.ids import AttemptId, InstanceId, OrganizationId, StepId, UserId, VersionId, WorkerId
from app.kit.tally import Tally
from app.kit.volume import Watch
from app.steps.base import Declaration
from app.steps.discovery import step_types
from app.store.bus import Bus
from app.store.database import Database, Scope, Transaction
from app.store.queue import Bells


class Engine:
    """The only writer of instances, steps, attempts and events."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        bells: Bells,
        bus: Bus,
        *,
        assets: AssetKeeper,
        callbacks: Callbacks,
        steps: Mapping[str, type[Declaration[Any, Any]]] | None = None,
        tally: Tally | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`steps`: the step types behind the catalog; those of `app.steps` when not given.

        `tally`: where it counts what happens; nobody sees it when not given. `watch`: whether the volume
        takes more; it always does when not given.
        """
        self._parts = Parts(
            database=database,
            programs=Programs(catalog),
            steps=step_types() if steps is None else steps,
            bells=bells,
            bus=bus,
            assets=assets,
            rota=rota.Rota(),
            tally=Tally() if tally is None else tally,
            callbacks=callbacks,
            watch=watch or Watch(),
            gates=gates.Gates(),
            sequels=Sequels(
                begin_child=children.begin_child,
                tell_parent=children.tell_parent,
                end_children=children.end_children,
                admit=admission.admit,
            ),
        )

    async def definition(self, tx: Transaction, version_id: VersionId) -> Definition:
        """The document of a version, read once per process. Raises VersionNotFound, Invalid."""
        return (await self._parts.programs.get(tx, version_id)).definition

    async def program(self, tx: Transaction, version_id: VersionId) -> Program:
        """The same, compiled."""
        return await self._parts.programs.get(tx, version_id)

    async def start(self, tx: Transaction, request: StartRequest) -> Started:
        """Begin an instance inside the caller's transaction, perhaps where another one has ended.

        Plans its first steps and evaluates every inline step that is ready; when all are, the instance
        has ended by the time this returns. Bells ring after the caller's commit. Raises VersionNotFound,
        Invalid, and WorkflowBusy where the workflow's limit refuses a start; with an origin also
        InstanceNotFound, InstanceStillRuns, RunsForAStep, NothingToRetry. Raises VolumeFull, VolumeAway or
        InMaintenance while the box takes nothing new.
        """
        self._parts.watch.refuse_new()
        await self._parts.gates.refuse_new(tx)
        return await start.start(self._parts, tx, request)

    async def preview(self, tx: Transaction, version_id: VersionId, inputs: dict[str, Any]) -> list[Prospect]:
        """What a start on these prepared inputs would do, as far as they tell; nothing is written.

        Raises VersionNotFound, Invalid.
        """
        return await preview.preview(self._parts, tx, version_id, inputs)

    async def plan_again(
        self, tx: Transaction, version_id: VersionId, inputs: dict[str, Any], origin: Origin
    ) -> Takeover:
        """What `start` would keep of the origin and what it would run. Raises as that does."""
        program = await self._parts.programs.get(tx, version_id)
        layout = await takeover.decide(self._parts, tx, program, origin, version_id=version_id, inputs=inputs)
        return layout.takeover

    async def cancel(self, tx: Transaction, instance_id: InstanceId, *, by: UserId | None) -> InstanceStatus:
        """End an instance at once inside the caller's transaction and tell the workers to stop.

        Cancelling twice is harmless. Raises InstanceNotFound, InstanceAlreadyFinished.
        """
        return await cancel.cancel(self._parts, tx, instance_id, by=by)

    async def cancel_step(
        self, tx: Transaction, instance_id: InstanceId, step_id: StepId, *, by: UserId | None, name: str
    ) -> StepStatus:
        """End one step or item inside the caller's transaction; its `on_error` decides what follows.

        Cancelling twice is harmless. Raises StepNotFound, InstanceAlreadyFinished, StepNotUnderWay.
        """
        return await cancel_step.cancel_step(self._parts, tx, instance_id, step_id, by=by, name=name)

    async def pause(
        self, tx: Transaction, instance_id: InstanceId, *, by: UserId | None, name: str
    ) -> InstanceStatus:
        """Let an instance, and what its steps run, stand still inside the caller's transaction.

        Pausing twice is harmless. Raises InstanceNotFound, InstanceAlreadyFinished.
        """
        return await pause.pause(self._parts, tx, instance_id, by=by, name=name)

    async def resume(
        self, tx: Transaction, instance_id: InstanceId, *, by: UserId | None, name: str
    ) -> InstanceStatus:
        """Let a paused instance go on. Raises InstanceNotFound, InstanceAlreadyFinished, Invalid."""
        return await pause.resume(self._parts, tx, instance_id, by=by, name=name)

    async def answer(
        self, tx: Transaction, instance_id: InstanceId, step_id: StepId, given: Answer, *, kind: WaitKind
    ) -> StepStatus:
        """Give a waiting step what it waits for, inside the caller's transaction; how it stands then.

        Raises StepNotFound, InstanceAlreadyFinished, StepNotWaiting, and whatever the step type refuses the
        answer with (Forbidden, Invalid).
        """
        return await waiting.answer(self._parts, tx, instance_id, step_id, given, kind=kind)

    def callback_address(self, step_id: UUID) -> str:
        """Where other programs call a step that waits for them."""
        return self._parts.callbacks.address_of(step_id)

    def callback_step(self, token: str) -> StepId:
        """The step behind the last part of such an address. Raises CallbackUnknown."""
        found = self._parts.callbacks.step_of(token)
        if found is None:
            raise CallbackUnknown
        return found

    async def call_back(
        self, tx: Transaction, step_id: StepId, given: Answer, *, may_be_kept: bool
    ) -> StepStatus:
        """Take another program's call inside the caller's transaction, once; how the step stands then.

        `may_be_kept`: for a step that does not wait yet. Raises CallbackUnknown, CallbackOver, CalledAlready,
        CalledTooEarly, and whatever the step type refuses the call with.
        """
        return await waiting.call_back(self._parts, tx, step_id, given, may_be_kept=may_be_kept)

    async def start_step(
        self, tx: Transaction, instance_id: InstanceId, step_id: StepId, said: Answer
    ) -> StepStatus:
        """Let a step begin before which its instance stopped; `said`: who. Raises as `answer` does."""
        return await waiting.start(self._parts, tx, instance_id, step_id, said)

    async def claim(self, worker_id: WorkerId, lane: Lane, attempt_id: AttemptId | None = None) -> Job | None:
        """Lease the most urgent attempt of a lane to this worker for 20 s, or None when none is due.

        `attempt_id` is the bell's hint and decides nothing: the bell of a modest attempt must not carry it
        past a more urgent one, so that a bell means only "there is work".
        """
        del attempt_id
        return await claim.claim(self._parts, worker_id, lane)

    async def queue_positions(self, step_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The place in the queue, from 1, of those of these steps that wait for a worker now."""
        async with self._parts.database.transaction(Scope.system()) as tx:
            return await rota.positions(tx, self._parts.rota, step_ids)

    async def renew(self, worker_id: WorkerId, held: Sequence[Lease]) -> Beat:
        """Extend every lease a worker holds; the answer names the cancelled and the lost ones."""
        return await leases.renew(self._parts, worker_id, held)

    async def report(self, worker_id: WorkerId, news: Report) -> bool:
        """Note progress, logs and a preview; False when the lease is no longer this worker's."""
        return await report.report(self._parts, worker_id, news)

    async def finish(self, worker_id: WorkerId, end: Finish) -> Finished:
        """End an attempt: outputs, successors and events at once, perhaps with the next job in the answer.

        `accepted` is False, and nothing happens, when the fence is stale or the attempt has ended.
        """
        return await finish.finish(self._parts, worker_id, end)

    async def give_back(self, worker_id: WorkerId) -> int:
        """Hand every attempt this worker holds to others, because it leaves; how many."""
        return await leases.give_back(self._parts, worker_id)

    async def lose(self, worker_id: WorkerId) -> int:
        """Hand every attempt of a worker that died to others, or end those that killed too many; how many."""
        return await leases.lose(self._parts, worker_id)

    async def takes_starts(self) -> bool:
        """Whether new instances may begin now; a caller that may as well wait asks before it starts many."""
        if not self._parts.watch.is_open:
            return False
        async with self._parts.database.transaction(Scope.system()) as tx:
            return not any(
                one.is_closed and one.name is Gate.starts for one in await self._parts.gates.look(tx)
            )

    async def closings(self, tx: Transaction) -> list[Closing]:
        """Every gate that is closed or will be, soonest first."""
        return await gates.read(tx)

    async def closed_lanes(self, tx: Transaction) -> dict[Lane, str]:
        """The lanes of which no step is handed out now, each with the reason in words."""
        self._parts.gates.forget()
        return await self._parts.gates.closed_lanes(tx)

    async def close_gates(
        self, tx: Transaction, names: Collection[Gate], why: Why, *, in_s: float, message: str, said_by: str
    ) -> None:
        """Take nothing new of these in so many seconds, inside the caller's transaction."""
        await gates.close(tx, names, why, in_s=in_s, message=message, said_by=said_by)
        tx.after_commit(self._look_at_gates)

    async def open_gates(self, tx: Transaction, names: Collection[Gate], why: Why) -> bool:
        """Take new ones again, where a gate is closed for nothing else; whether one was closed for this."""
        opened = await gates.reopen(tx, names, why) > 0
        if opened:
            tx.after_commit(self._look_at_gates)
            # Those behind them were rung for while they were closed.
            tx.after_commit(partial(self.sweep, bells_are_lost=True))
        return opened

    async def _look_at_gates(self) -> None:
        self._parts.gates.forget()

    async def sweep(self, *, bells_are_lost: bool = False) -> Swept:
        """Repair and wake what is due: lost leases, overrun deadlines, timers, bells that never rang.

        Any number of sweeps may run at once. Cheap when there is nothing to do: two statements.
        `bells_are_lost`: Redis has forgotten them all, so every waiting attempt may need a new one.
        """
        return await sweep.sweep(self._parts, bells_are_lost=bells_are_lost)

    async def end_orphans(self) -> int:
        """Cancel what runs for a step that does not wait for it any more; how many. Seldom anything."""
        return await children.end_orphans(self._parts, most=sweep.AT_ONCE)

    async def forget_results(self, *, longest_s: float, most_bytes: int) -> int:
        """Forget results nobody has used for so long, and the least used beyond so many bytes; how many."""
        return await results.forget(self._parts, longest_s=longest_s, most_bytes=most_bytes)

    async def retention_outlook(
        self,
        tx: Transaction,
        organization_id: OrganizationId,
        *,
        instances_before: datetime | None,
        details_before: datetime | None,
    ) -> retention.Prospects:
        """What would go of what has ended before these moments; nothing is written. None: nothing goes."""
        return await retention.outlook(
            self._parts,
            tx,
            organization_id,
            instances_before=instances_before,
            details_before=details_before,
        )

    async def clear_details(self, organization_id: OrganizationId, before: datetime) -> retention.Gone | None:
        """Clear away a batch of events and log lines of what ended before this; None: there is none."""
        return await retention.clear_details(self._parts, organization_id, before)

    async def clear_instances(
        self, organization_id: OrganizationId, before: datetime
    ) -> retention.Gone | None:
        """Clear away a batch of instances that ended before this, whole; None: none may go now."""
        return await retention.clear_instances(self._parts, organization_id, before)

    async def admit_waiting(self) -> int:
        """Let instances begin whose turn has come and was missed, or never would; how many. Seldom any."""
        admitted = await admission.admit_all(self._parts, most=sweep.AT_ONCE)
        return admitted + await circles.lend_turns(self._parts)

    async def explain_waits(self, served: Collection[Lane]) -> int:
        """Mark instances whose queued steps nobody takes as waiting, with the reason; how many.

        `served`: the lanes some living worker takes; none is while the volume takes nothing new. The next
        claim sets them running again.
        """
        return await sweep.explain_waits(self._parts, served)
