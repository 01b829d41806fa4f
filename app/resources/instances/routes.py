"""Instances over HTTP: start, list, look inside, cancel."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import Parameter

from app.engine.engine import Engine
from app.flow.states import InstanceStatus
from app.kit.ids import InstanceId, StepId
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import Act, record
from app.resources.idempotency import IdempotencyKey
from app.resources.instances import acts, model, plans, questions, service
from app.resources.instances.schemas import (
    Events,
    Instances,
    InstanceView,
    Logs,
    NewAnswer,
    NewInstance,
    RunPlan,
    Steps,
    StepView,
    summary,
)
from app.resources.paging import DEFAULT_LIMIT, Cursor, CursorUnfit, Limit, page
from app.store.database import Database, Transaction
from app.store.idempotency import once

After = Annotated[int, Parameter(ge=0, description="Only what comes behind this number")]
ManySteps = Annotated[int, Parameter(ge=1, le=500, description="How many at most")]
ManyLines = Annotated[int, Parameter(ge=1, le=1000, description="How many at most")]
OfWorkflow = Annotated[UUID | None, Parameter(description="Only instances of this workflow")]
InStatus = Annotated[list[InstanceStatus] | None, Parameter(description="Only these; may be repeated")]
OfInstance = Annotated[UUID | None, Parameter(description="What steps of this instance run")]
OfOrigin = Annotated[UUID | None, Parameter(description="What goes on from this instance")]
OfStep = Annotated[UUID | None, Parameter(description="With `parent`: only what this step of it runs")]
OfParent = Annotated[UUID | None, Parameter(description="The items of this fan-out step")]


class InstanceController(Controller):
    """Runs of workflows."""

    path = "/api/v1/instances"
    tags = ("instances",)

    @post("/", operation_id="startInstance", guards=[requires(Role.operator)])
    async def start(
        self,
        principal: Principal,
        database: Database,
        engine: Engine,
        data: NewInstance,
        idempotency_key: IdempotencyKey = None,
    ) -> InstanceView:
        """Run a workflow. Inputs that do not fit are refused, each one listed."""
        async with database.transaction(principal.scope) as tx:
            return await once(
                tx,
                principal.user_id,
                idempotency_key,
                ("startInstance", data),
                effect=lambda: service.start(tx, engine, data, created_by=principal.user_id),
                into=InstanceView,
            )

    @post("/plan", operation_id="planInstance", status_code=200, guards=[requires(Role.operator)])
    async def plan(
        self, principal: Principal, database: Database, engine: Engine, data: NewInstance
    ) -> RunPlan:
        """What a start would do: which steps run, in which order and where, as far as the inputs tell.

        Checks what a start checks and refuses what it refuses; nothing is written.
        """
        async with database.transaction(principal.scope) as tx:
            return await plans.plan(tx, engine, data)

    @get("/", operation_id="listInstances", guards=[requires(Role.viewer)])
    async def list_instances(
        self,
        *,
        principal: Principal,
        database: Database,
        workflow_id: OfWorkflow = None,
        parent: OfInstance = None,
        parent_step: OfStep = None,
        origin: OfOrigin = None,
        status: InStatus = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Instances:
        """The organization's instances, newest first; those that steps run only with `parent`."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_instances(
                tx,
                part,
                workflow_id=workflow_id,
                parent_id=parent,
                step_id=parent_step,
                origin_id=origin,
                statuses=status or [],
            )
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Instances(items=[summary(row) for row in items], next_cursor=next_cursor)

    @get("/{instance_id:uuid}", operation_id="getInstance", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database, instance_id: UUID) -> InstanceView:
        """An instance with its inputs and outputs."""
        async with database.transaction(principal.scope) as tx:
            return await service.get(tx, instance_id)

    @get("/{instance_id:uuid}/steps", operation_id="listSteps", guards=[requires(Role.viewer)])
    async def list_steps(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        parent: OfParent = None,
        limit: ManySteps = 500,
        cursor: Cursor = None,
    ) -> Steps:
        """The steps, each behind all it depends on; with `parent`, the items of that fan-out."""
        async with database.transaction(principal.scope) as tx:
            found = await service.steps(
                tx, engine, principal, instance_id, parent_id=parent, after=_ordinal(cursor), limit=limit
            )
        return await service.placed(engine, found)

    @get(
        "/{instance_id:uuid}/steps/{step_id:uuid}/logs",
        operation_id="listStepLogs",
        guards=[requires(Role.viewer)],
    )
    async def list_logs(
        self,
        *,
        principal: Principal,
        database: Database,
        instance_id: UUID,
        step_id: UUID,
        after: After = 0,
        limit: ManyLines = 500,
    ) -> Logs:
        """The lines a step wrote, oldest first."""
        async with database.transaction(principal.scope) as tx:
            return await service.logs(tx, instance_id, step_id, after=after, limit=limit)

    @get("/{instance_id:uuid}/events", operation_id="listEvents", guards=[requires(Role.viewer)])
    async def list_events(
        self,
        *,
        principal: Principal,
        database: Database,
        instance_id: UUID,
        after: After = 0,
        limit: ManyLines = 500,
    ) -> Events:
        """What happened behind a number: what the live connection tells, for asking now and then."""
        async with database.transaction(principal.scope) as tx:
            return await service.events(tx, instance_id, after=after, limit=limit)

    @post(
        "/{instance_id:uuid}/cancel",
        operation_id="cancelInstance",
        status_code=200,
        guards=[requires(Role.operator)],
    )
    async def cancel(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID
    ) -> InstanceView:
        """End an instance now. What runs is told to stop; what it made so far stays."""
        async with database.transaction(principal.scope) as tx:
            await engine.cancel(tx, InstanceId(instance_id), by=principal.user_id)
            return await service.get(tx, instance_id)

    @post(
        "/{instance_id:uuid}/pause",
        operation_id="pauseInstance",
        status_code=200,
        guards=[requires(Role.operator)],
    )
    async def pause(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID
    ) -> InstanceView:
        """Let an instance stand still. What runs finishes; nothing begins until it is resumed."""
        async with database.transaction(principal.scope) as tx:
            await engine.pause(tx, InstanceId(instance_id), by=principal.user_id, name=principal.called)
            return await service.get(tx, instance_id)

    @post(
        "/{instance_id:uuid}/resume",
        operation_id="resumeInstance",
        status_code=200,
        guards=[requires(Role.operator)],
    )
    async def resume(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID
    ) -> InstanceView:
        """Let a paused instance go on."""
        async with database.transaction(principal.scope) as tx:
            await engine.resume(tx, InstanceId(instance_id), by=principal.user_id, name=principal.called)
            return await service.get(tx, instance_id)


class StepController(Controller):
    """What people do to one step of a run."""

    path = "/api/v1/instances/{instance_id:uuid}/steps/{step_id:uuid}"
    tags = ("instances",)

    @get("/", operation_id="getStep", guards=[requires(Role.viewer)])
    async def read(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID, step_id: UUID
    ) -> StepView:
        """One step, or one item of a fan-out, with its tries and what it waits for."""
        async with database.transaction(principal.scope) as tx:
            return await service.step(tx, engine, principal, instance_id, step_id)

    @post("/answer", operation_id="answerStep", status_code=200, guards=[requires(Role.viewer)])
    async def answer(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        step_id: UUID,
        data: NewAnswer,
        idempotency_key: IdempotencyKey = None,
    ) -> StepView:
        """Answer a step that asks people. Who may is the step's own to say; each person answers once."""

        async def effect() -> StepView:
            await questions.answer(tx, engine, principal, data, instance_id=instance_id, step_id=step_id)
            step = await service.step(tx, engine, principal, instance_id, step_id)
            await _record(tx, acts.ANSWERED, principal, step, instance_id)
            return step

        async with database.transaction(principal.scope) as tx:
            call = ("answerStep", instance_id, step_id, data)
            return await once(tx, principal.user_id, idempotency_key, call, effect=effect, into=StepView)

    @post("/start", operation_id="startStep", status_code=200, guards=[requires(Role.operator)])
    async def start(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID, step_id: UUID
    ) -> StepView:
        """Let a step begin before which its run stopped (“mode”: “stop”)."""
        async with database.transaction(principal.scope) as tx:
            requester = await model.requester_of(tx, instance_id)
            said = questions.signed(principal, requester)
            await engine.start_step(tx, InstanceId(instance_id), StepId(step_id), said)
            step = await service.step(tx, engine, principal, instance_id, step_id)
            await _record(tx, acts.LET_GO_ON, principal, step, instance_id)
            return step

    @post("/cancel", operation_id="cancelStep", status_code=200, guards=[requires(Role.operator)])
    async def cancel(
        self, principal: Principal, database: Database, engine: Engine, instance_id: UUID, step_id: UUID
    ) -> StepView:
        """End one step or item now. Whether the instance goes on is its “on_error” to say."""
        async with database.transaction(principal.scope) as tx:
            await engine.cancel_step(
                tx,
                InstanceId(instance_id),
                StepId(step_id),
                by=principal.user_id,
                name=principal.called,
            )
            return await service.step(tx, engine, principal, instance_id, step_id)


async def _record(tx: Transaction, act: Act, principal: Principal, step: StepView, instance_id: UUID) -> None:
    number = await model.number_of(tx, instance_id)
    await record(tx, act, principal, subject=step.node_id, subject_id=instance_id, number=number)


def _ordinal(cursor: str | None) -> int:
    """The place of the last step of the page before. Raises CursorUnfit."""
    if cursor is None:
        return -1
    if not cursor.isascii() or not cursor.isdigit():
        raise CursorUnfit
    return int(cursor)
