"""Steps that run another workflow, or the nodes written into them, as instances of their own.

A calling step waits and holds no worker. Each of its rounds is one child: an instance that knows the step it
runs for. Three moves make the circle, each one transaction that locks the parent first:

- begin: the parent's step makes the child of its next round; a child of nothing but inline steps may have
  ended already, and then the parent goes on at once;
- tell: a child has ended, and its parent's step goes on, goes round again, tries again or fails;
- end: a parent has ended, or its step has, or tries again, and the child has nobody to work for any more.

Each follows the move before it after the commit. One that was lost with its process is found by the sweep:
a step whose round is due, a child that has not told, a child whose step does not wait.
"""

import random
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine import announce, cancel, inline, statements
from app.engine.board import Board
from app.engine.errors import WorkflowBusy
from app.engine.held import hold_step
from app.engine.parts import Parts
from app.engine.rows import InstanceError, StepRow
from app.engine.start import Family, StartRequest, begin
from app.engine.walk import Walk
from app.flow import plan
from app.flow.definition import Definition
from app.flow.inputs import asset_ids, prepare_inputs, with_assets
from app.flow.messages import ErrorClass, StepError
from app.flow.states import InstanceStatus, StepStatus
from app.flow.waits import Round, Waiting, WaitKind
from app.kit.errors import Invalid
from app.kit.ids import AssetId, InstanceId, StepId, VersionId
from app.steps.base import Again, Call, Later, StepFailed
from app.store.database import Scope, Transaction

MAX_DEPTH: Final = 10  # instances above one another; a workflow that runs itself ends here
SOURCE: Final = "workflow"

# A deleted workflow can no longer be started; nor one of another organization, for the scope is the system's.
_FIND_VERSION: Final = """
SELECT v.id FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
   AND v.number = coalesce(%(version)s::integer, w.published_version)
 WHERE w.id = %(workflow)s AND w.organization_id = %(organization)s AND w.deleted_at IS NULL
"""

_ENDED: Final = """
SELECT i.id, i.status, i.outputs, i.error, i.number, i.parent_step_id, w.name
  FROM instances i JOIN workflows w ON w.id = i.workflow_id
 WHERE i.id = %(id)s AND i.status IN ('completed', 'failed', 'cancelled')
"""

_TOLD: Final = "UPDATE instances SET is_told = true WHERE id = %(id)s"

# Nobody waits for them any more: their step does something else, or waits for another round.
_ORPHANS: Final = """
SELECT c.id FROM instances c JOIN steps s ON s.id = c.parent_step_id
 WHERE {of_whom} AND c.status IN ('pending', 'running', 'waiting')
   AND (s.status <> 'waiting' OR s.wait->'request'->>'instance' IS DISTINCT FROM c.id::text)
"""
_ORPHANS_OF: Final = _ORPHANS.format(of_whom="c.parent_id = %(id)s")
_ANY_ORPHANS: Final = _ORPHANS.format(of_whom="c.parent_id IS NOT NULL") + " LIMIT %(most)s"


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a child ended, as its parent's step learns it."""

    id: InstanceId
    name: str  # of its workflow
    number: int
    status: InstanceStatus
    outputs: dict[str, Any] | None
    error: InstanceError | None


async def begin_child(parts: Parts, step_id: UUID) -> bool:
    """Let a calling step begin the round it wants; False when it wants none."""
    async with parts.database.transaction(Scope.system()) as tx:
        calling = await _calling(parts, tx, step_id)
        if calling is None or calling.round.instance is not None or calling.board.is_paused:
            return False
        await calling.begin()
        await calling.board.save()
        announce.announce(parts, tx, calling.board)
    return True


async def due(parts: Parts, board: Board, step: StepRow) -> None:
    """The next round of a calling step begins, or the one under way has taken too long; the caller saves."""
    calling = await _Calling.of(parts, board, step)
    running = calling.round.instance
    if running is None:
        await calling.begin()
        return
    board.tx.lead_to(partial(end, parts, [running]))
    await calling.try_again_or_fail(
        StepError(
            error_class=ErrorClass.timeout,
            message=f"What this step runs took longer than its timeout of {calling.timeout_s or 0:g} s.",
            remedy="Raise timeout_s, or give it less to do.",
        )
    )


async def tell_parent(parts: Parts, child_id: UUID) -> bool:
    """Let the step that waits for this child go on; False when it waits no longer."""
    async with parts.database.transaction(Scope.system()) as tx:
        row = await tx.fetch_one(_ENDED, {"id": child_id})
        if row is None:
            return False
        calling = await _calling(parts, tx, row["parent_step_id"])
        await tx.execute(_TOLD, {"id": child_id})
        if calling is None or calling.round.instance != child_id:
            return False
        await calling.returned(msgspec.convert(row, Ended))
        await calling.board.save()
        announce.announce(parts, tx, calling.board)
    return True


async def end_children(parts: Parts, instance_id: UUID) -> int:
    """Cancel what still runs for steps of an instance that do not wait for it any more; how many."""
    async with parts.database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all(_ORPHANS_OF, {"id": instance_id})
    return await end(parts, [row["id"] for row in rows])


async def end_orphans(parts: Parts, *, most: int) -> int:
    """The same for every instance; how many. A lost `end_children` is made up for."""
    async with parts.database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all(_ANY_ORPHANS, {"most": most})
    return await end(parts, [row["id"] for row in rows])


async def end(parts: Parts, children: list[UUID]) -> int:
    """Cancel these, one after another, each by itself; how many they are."""
    if children:
        first, *others = children
        async with parts.database.transaction(Scope.system()) as tx:
            await cancel.cancel_open(parts, tx, InstanceId(first), by=None)
            if others:
                tx.lead_to(partial(end, parts, others))
    return len(children)


async def _calling(parts: Parts, tx: Transaction, step_id: UUID) -> "_Calling | None":
    """A step that waits for what it runs, its instance locked; None when it does not wait for that."""
    found = await hold_step(parts, tx, StepId(step_id))
    if found is None or found[0].has_ended:
        return None
    board, step = found
    if step.status is not StepStatus.waiting or step.wait_kind is not WaitKind.child:
        return None
    return await _Calling.of(parts, board, step)


class _Calling(msgspec.Struct, frozen=True, kw_only=True):
    """A calling step in the middle of a move."""

    parts: Parts
    board: Board
    step: StepRow
    inputs: dict[str, Any]
    round: Round
    later: Later

    @classmethod
    async def of(cls, parts: Parts, board: Board, step: StepRow) -> "_Calling":
        row = await board.tx.fetch_one(statements.LOAD_WAIT, {"id": step.id}) or {}
        waiting = msgspec.convert(row["wait"] or {}, Waiting)
        return cls(
            parts=parts,
            board=board,
            step=step,
            inputs=row["inputs"] or {},
            round=msgspec.convert(waiting.request, Round),
            later=await Walk(parts, board).later(step),
        )

    @property
    def timeout_s(self) -> float | None:
        return self.board.program.nodes[self.step.node_id].timeout_s

    async def begin(self) -> None:
        """Make the child of this round; the step has failed when there can be none."""
        try:
            await self._begin()
        except StepFailed as exc:
            await self.fail(StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy))

    async def _begin(self) -> None:
        parts, board = self.parts, self.board
        if board.instance.depth + 1 > MAX_DEPTH:
            raise StepFailed(
                ErrorClass.refused,
                f"Workflows run one another more than {MAX_DEPTH} levels deep here.",
                remedy="Look for a workflow that runs itself without an end.",
            )
        call = inline.call(
            parts.steps,
            self.step.kind,
            self.inputs,
            self.later,
            round_number=self.round.number,
            last=await self._last(),
        )
        child = await self._child(call)
        child.must_tell = not child.has_ended  # else this very move goes on with it
        await child.save()
        announce.announce(parts, board.tx, child)
        name = child.program.definition.name or board.program.nodes[self.step.node_id].id
        began = msgspec.structs.replace(self.round, instance=child.instance.id)
        timeout_s = self.timeout_s
        step = board.note(
            self.step,
            wait=Waiting(request=msgspec.to_builtins(began)),
            due_at=None if timeout_s is None else board.now + timedelta(seconds=timeout_s),
            reason=f"“{name}” runs (round {began.number})." if began.number > 1 else f"“{name}” runs.",
        )
        board.tell("step.called", step, {"instance": child.instance.id, "round": began.number})
        if child.has_ended:
            ended = child.instance
            await msgspec.structs.replace(self, step=step, round=began).returned(
                Ended(
                    id=ended.id,
                    name=name,
                    number=ended.number,
                    status=ended.status,
                    outputs=ended.outputs,
                    error=ended.error,
                )
            )

    async def _last(self) -> dict[str, Any] | None:
        """What the round before gave."""
        if self.round.last is None:
            return None
        row = await self.board.tx.fetch_one(_ENDED, {"id": self.round.last})
        return None if row is None else row["outputs"]

    async def _child(self, call: Call) -> Board:
        """The board of a new instance of what is called. Raises StepFailed."""
        parts, board = self.parts, self.board
        version, body = await self._called(call)
        instance = board.instance
        try:
            program = await parts.programs.get(board.tx, version, body)
            inputs = await self._prepared(program.definition, call.inputs)
            request = StartRequest(
                version_id=version,
                inputs=inputs,
                source=SOURCE,
                created_by=instance.created_by,
                priority=instance.priority,
            )
            return await begin(
                parts, board.tx, request, Family(instance=instance, step_id=self.step.id, body=body)
            )
        except Invalid as exc:
            message = " ".join(complaint.message for complaint in exc.complaints[:3]) or exc.detail
            raise StepFailed(ErrorClass.bad_input, message, remedy=exc.remedy) from exc
        except WorkflowBusy as exc:
            raise StepFailed(ErrorClass.refused, exc.detail, remedy=exc.remedy) from exc

    async def _called(self, call: Call) -> tuple[VersionId, str]:
        """The version to run, and the node whose body of it. Raises StepFailed."""
        board, node_id = self.board, self.step.node_id
        if call.workflow is None:
            if node_id not in board.program.bodies:
                raise StepFailed(
                    ErrorClass.bad_input, "This step has neither steps of its own nor a workflow to run."
                )
            inner = f"{board.instance.body}/{node_id}" if board.instance.body else node_id
            return board.instance.version_id, inner
        try:
            workflow = UUID(call.workflow)
        except ValueError:
            workflow = None
        found = workflow and await board.tx.fetch_value(
            _FIND_VERSION,
            {
                "workflow": workflow,
                "version": call.version,
                "organization": board.instance.organization_id,
            },
        )
        if not found:
            what = "workflow" if call.version is None else f"version {call.version} of a workflow"
            raise StepFailed(
                ErrorClass.bad_input,
                f"There is no {what} with the id {call.workflow} here.",
                remedy="It may have been deleted; choose another in a new version of this workflow.",
            )
        return VersionId(found), ""

    async def _prepared(self, definition: Definition, given: dict[str, Any]) -> dict[str, Any]:
        """The child's inputs: defaults filled in, checked, files looked up anew. Raises Invalid."""
        inputs = prepare_inputs(definition, given)
        wanted = asset_ids(definition, inputs)
        if not wanted:
            return inputs
        found = await self.parts.assets.facts(
            self.board.tx,
            [AssetId(UUID(one)) for one in wanted],
            organization_id=self.board.instance.organization_id,
            user=self.board.instance.id,
        )
        return with_assets(definition, inputs, {str(asset_id): value for asset_id, value in found.items()})

    async def returned(self, ended: Ended) -> None:
        """Go on now that the child of this round has ended."""
        try:
            if ended.status is not InstanceStatus.completed:
                await self.try_again_or_fail(_failure(ended))
                return
            said = inline.returned(
                self.parts.steps,
                self.step.kind,
                self.inputs,
                self.later,
                round_number=self.round.number,
                outputs=ended.outputs or {},
            )
        except StepFailed as exc:
            await self.fail(StepError(error_class=exc.error_class, message=exc.message, remedy=exc.remedy))
            return
        if isinstance(said, Again):
            self._go_round(
                Round(number=self.round.number + 1, last=ended.id),
                said.delay_s,
                reason=f"Round {self.round.number + 1} follows.",
            )
        else:
            await Walk(self.parts, self.board).complete(self.step, said)

    def _go_round(self, following: Round, delay_s: float, *, reason: str, **changes: Any) -> None:
        self.board.call_later(self.step, following, delay_s, reason=reason, **changes)

    async def try_again_or_fail(self, error: StepError) -> None:
        """Another try at the same round if the step's policy says so."""
        node = self.board.program.nodes[self.step.node_id]
        failures = self.step.attempts_used + 1
        delay_s = plan.retry_delay(node.retry, error, failures, random.random())  # noqa: S311  no secret
        if delay_s is None:
            await self.fail(error)
            return
        reason = f"Trying again in {delay_s:.3g} s after: {error.message}"
        self._go_round(
            Round(number=self.round.number, last=self.round.last),
            delay_s,
            reason=reason,
            attempts_used=failures,
        )
        data = {"retry_in_s": delay_s, "failures": failures}
        self.board.tell("step.retrying", self.board.step(self.step.id), data)

    async def fail(self, error: StepError) -> None:
        """The step has failed for good."""
        await Walk(self.parts, self.board).fail(self.step, error)


def _failure(ended: Ended) -> StepError:
    """Why the step fails whose child did not complete."""
    which = f"“{ended.name}” (number {ended.number})"
    if ended.error is None:
        return StepError(
            error_class=ErrorClass.refused,
            message=f"{which} was cancelled.",
            remedy="Run this workflow again if that was not meant.",
        )
    return StepError(
        error_class=ErrorClass(ended.error.error_class),
        message=f"{which} failed: {ended.error.message}",
        remedy=ended.error.remedy,
    )
