"""Maintenance, which everybody signed in may see coming, and lanes that are drained."""

from typing import Literal

from litestar import Controller, delete, get, post, put

from app.engine.engine import Engine
from app.flow.messages import Lane
from app.resources.accounts.guards import requires, super_admin
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.maintenance import service
from app.resources.maintenance.schemas import Lanes, Maintenance, NewDrain, NewMaintenance
from app.store.database import Database, Scope

ServedLane = Literal["cpu", "gpu"]


class MaintenanceController(Controller):
    """A time in which nothing new starts, announced before it begins."""

    path = "/api/v1/maintenance"
    tags = ("maintenance",)

    @get("/", operation_id="getMaintenance", guards=[requires(Role.viewer)])
    async def read(self, database: Database, engine: Engine) -> Maintenance:
        """Whether the box is in maintenance, or when it will be."""
        async with database.transaction(Scope.nobody()) as tx:
            return await service.maintenance(tx, engine)

    @put("/", operation_id="announceMaintenance", guards=[super_admin()])
    async def announce(
        self, principal: Principal, database: Database, engine: Engine, data: NewMaintenance
    ) -> Maintenance:
        """From then on nothing new starts. What runs ends; sign-in and results work all the time."""
        async with database.transaction(Scope.system()) as tx:
            return await service.begin_maintenance(
                tx, engine, in_s=data.in_s, message=data.message, by=principal
            )

    @delete("/", operation_id="endMaintenance", status_code=200, guards=[super_admin()])
    async def end(self, principal: Principal, database: Database, engine: Engine) -> Maintenance:
        """Over, or called off: queued steps go on at once."""
        async with database.transaction(Scope.system()) as tx:
            return await service.end_maintenance(tx, engine, by=principal)


class LanesController(Controller):
    """Letting workers run dry, one lane at a time."""

    path = "/api/v1/infrastructure/lanes"
    tags = ("infrastructure",)

    @get("/", operation_id="listLanes", guards=[super_admin()])
    async def read(self, database: Database, engine: Engine) -> Lanes:
        """Each lane: what runs and waits in it, and whether it hands out steps."""
        async with database.transaction(Scope.system()) as tx:
            return Lanes(items=await service.lanes(tx, engine))

    @post("/{lane:str}/drain", operation_id="drainLane", status_code=200, guards=[super_admin()])
    async def drain(
        self,
        principal: Principal,
        database: Database,
        engine: Engine,
        lane: ServedLane,
        data: NewDrain | None = None,
    ) -> Lanes:
        """Hand out no more steps of this lane; what its workers have begun they finish."""
        message = data.message if data else ""
        async with database.transaction(Scope.system()) as tx:
            await service.drain(tx, engine, Lane(lane), message=message, by=principal)
            return Lanes(items=await service.lanes(tx, engine))

    @post("/{lane:str}/resume", operation_id="resumeLane", status_code=200, guards=[super_admin()])
    async def resume(
        self, principal: Principal, database: Database, engine: Engine, lane: ServedLane
    ) -> Lanes:
        """Hand out its steps again."""
        async with database.transaction(Scope.system()) as tx:
            await service.resume(tx, engine, Lane(lane), by=principal)
            return Lanes(items=await service.lanes(tx, engine))
