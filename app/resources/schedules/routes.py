"""Schedules over HTTP: list, make, read, change, delete, run now, look at a timing."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import QueryParameter

from app.engine.engine import Engine
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import named, record
from app.resources.idempotency import IdempotencyKey
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.resources.schedules import acts, model, service
from app.resources.schedules.schemas import (
    NewSchedule,
    Preview,
    Runs,
    RunView,
    ScheduleChange,
    Schedules,
    ScheduleView,
    Times,
)
from app.store.database import Database
from app.store.idempotency import once

OfWorkflow = Annotated[UUID | None, QueryParameter(description="Only schedules of this workflow")]


class ScheduleController(Controller):
    """When workflows run by themselves."""

    path = "/api/v1/schedules"
    tags = ("schedules",)

    @get("/", operation_id="listSchedules", guards=[requires(Role.viewer)])
    async def list_schedules(
        self,
        *,
        principal: Principal,
        database: Database,
        workflow_id: OfWorkflow = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Schedules:
        """The organization's schedules, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_schedules(tx, part, workflow_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Schedules(items=[ScheduleView.of(row) for row in items], next_cursor=next_cursor)

    @post("/", operation_id="createSchedule", guards=[requires(Role.editor)])
    async def create(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        data: NewSchedule,
        idempotency_key: IdempotencyKey = None,
    ) -> ScheduleView:
        """Let a workflow run by itself. Inputs that do not fit are refused, each one listed."""
        async with database.transaction(principal.scope) as tx:

            async def save() -> ScheduleView:
                made = await service.create(tx, engine, data, created_by=principal.user_id)
                await record(tx, acts.CREATED, principal, subject=made.name, subject_id=made.id)
                return ScheduleView.of(made)

            call = ("createSchedule", data)
            return await once(tx, principal.user_id, idempotency_key, call, effect=save, into=ScheduleView)

    @post("/preview", operation_id="previewSchedule", status_code=200, guards=[requires(Role.viewer)])
    async def preview(self, data: Preview) -> Times:
        """The next times of a timing, and what it says. Nothing is stored."""
        return service.preview(data.timing, data.count)

    @get("/{schedule_id:uuid}", operation_id="getSchedule", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database, schedule_id: UUID) -> ScheduleView:
        """A schedule, with what it did last."""
        async with database.transaction(principal.scope) as tx:
            return ScheduleView.of(await service.get(tx, schedule_id))

    @patch("/{schedule_id:uuid}", operation_id="changeSchedule", guards=[requires(Role.editor)])
    async def change(
        self,
        principal: Principal,
        database: Database,
        engine: Engine,
        schedule_id: UUID,
        data: ScheduleChange,
    ) -> ScheduleView:
        """Change a schedule, pause it or switch it on again. What it missed meanwhile is not caught up."""
        async with database.transaction(principal.scope) as tx:
            changed = await service.change(tx, engine, schedule_id, data)
            await record(
                tx, acts.CHANGED, principal, subject=changed.name, subject_id=schedule_id, fields=named(data)
            )
            return ScheduleView.of(changed)

    @delete("/{schedule_id:uuid}", operation_id="deleteSchedule", guards=[requires(Role.editor)])
    async def delete(self, principal: Principal, database: Database, schedule_id: UUID) -> None:
        """Take a schedule away. What it started goes on."""
        async with database.transaction(principal.scope) as tx:
            schedule = await service.get(tx, schedule_id)
            await service.delete(tx, schedule_id)
            await record(tx, acts.DELETED, principal, subject=schedule.name, subject_id=schedule_id)

    @post("/{schedule_id:uuid}/run", operation_id="runSchedule", guards=[requires(Role.operator)])
    async def run(
        self, principal: Principal, database: Database, engine: Engine, schedule_id: UUID
    ) -> RunView:
        """Run it now, with its inputs. Its times stay as they are."""
        async with database.transaction(principal.scope) as tx:
            run = RunView.of(await service.run_now(tx, engine, schedule_id, started_by=principal.user_id))
            schedule = await service.get(tx, schedule_id)
            await record(tx, acts.RUN, principal, subject=schedule.name, subject_id=schedule_id)
            return run

    @get("/{schedule_id:uuid}/runs", operation_id="listScheduleRuns", guards=[requires(Role.viewer)])
    async def list_runs(
        self,
        *,
        principal: Principal,
        database: Database,
        schedule_id: UUID,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Runs:
        """What a schedule did at each of its times, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_runs(tx, schedule_id, part)
            if not rows:
                await service.get(tx, schedule_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Runs(items=[RunView.of(row) for row in items], next_cursor=next_cursor)
