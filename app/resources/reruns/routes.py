"""Running an instance again over HTTP: from what failed, from a step, on other values; each is a new one."""

from uuid import UUID

from litestar import Controller, post

from app.engine.engine import Engine
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.idempotency import IdempotencyKey
from app.resources.instances.schemas import InstanceView
from app.resources.reruns import service
from app.resources.reruns.schemas import Rerun, RerunPlan, Retry, StepRerun
from app.store.database import Database
from app.store.idempotency import once


class RerunController(Controller):
    """New instances that go on from one that has ended."""

    path = "/api/v1/instances/{instance_id:uuid}"
    tags = ("instances",)

    @post("/retry", operation_id="retryInstance", guards=[requires(Role.operator)])
    async def retry(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        data: Retry | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> InstanceView:
        """Go on from what failed, in a new instance that keeps what ended well."""
        wanted = data or Retry()
        async with database.transaction(principal.scope) as tx:
            return await once(
                tx,
                principal.user_id,
                idempotency_key,
                ("retryInstance", instance_id, wanted),
                effect=lambda: service.retry(tx, engine, principal, instance_id, wanted),
                into=InstanceView,
            )

    @post("/rerun", operation_id="rerunInstance", guards=[requires(Role.operator)])
    async def rerun(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        data: Rerun | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> InstanceView:
        """Run again in a new instance: everything, or some steps with the rest kept.

        Giving values by hand, inputs of a step or outputs, needs the role editor.
        """
        wanted = data or Rerun()
        async with database.transaction(principal.scope) as tx:
            return await once(
                tx,
                principal.user_id,
                idempotency_key,
                ("rerunInstance", instance_id, wanted),
                effect=lambda: service.rerun(tx, engine, principal, instance_id, wanted),
                into=InstanceView,
            )

    @post("/rerun/plan", operation_id="planRerun", status_code=200, guards=[requires(Role.operator)])
    async def plan(
        self,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        data: Rerun | None = None,
    ) -> RerunPlan:
        """What running again would keep and what it would run. Nothing begins."""
        async with database.transaction(principal.scope) as tx:
            return await service.plan(tx, engine, principal, instance_id, data or Rerun())

    @post("/steps/{step_id:uuid}/rerun", operation_id="rerunStep", guards=[requires(Role.operator)])
    async def rerun_step(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        instance_id: UUID,
        step_id: UUID,
        data: StepRerun | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> InstanceView:
        """Run one step or item again, and what depends on it, in a new instance that keeps the rest.

        Giving values by hand, `with` or `outputs`, needs the role editor.
        """
        wanted = data or StepRerun()

        async def effect() -> InstanceView:
            wish = await service.of_step(tx, instance_id, step_id, wanted)
            return await service.rerun(tx, engine, principal, instance_id, wish)

        async with database.transaction(principal.scope) as tx:
            call = ("rerunStep", instance_id, step_id, wanted)
            return await once(tx, principal.user_id, idempotency_key, call, effect=effect, into=InstanceView)
