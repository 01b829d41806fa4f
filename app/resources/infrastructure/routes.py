"""Is the box well: three public answers for probes, and the facts for its super admin."""

from litestar import Controller, get

from app.kit.settings import Settings
from app.resources.accounts.guards import public, super_admin
from app.resources.infrastructure import service
from app.resources.infrastructure.schemas import Alive, FullHealth, Health, RedisHealth, Simple, WorkersHealth
from app.store.bus import Bus
from app.store.database import Database


class ProbeController(Controller):
    """For load balancers, the container's HEALTHCHECK and the boot."""

    path = "/"
    tags = ("infrastructure",)

    @get("/health", operation_id="getHealth", guards=[public()])
    async def health(self, database: Database) -> Simple:
        """Healthy, having asked the database; 503 with the reason otherwise."""
        await service.refuse_unhealthy(database)
        return Simple("healthy")

    @get("/livez", operation_id="getLiveness", guards=[public()])
    async def livez(self) -> Alive:
        """The process answers; asks nobody else, so that a restart is never ordered for another's fault."""
        return Alive("alive")

    @get("/readyz", operation_id="getReadiness", guards=[public()])
    async def readyz(self, database: Database, bus: Bus) -> Health:
        """Ready to serve people; 503 with every reason otherwise."""
        return await service.readiness(database, bus.redis)


class InfrastructureController(Controller):
    """The box from inside."""

    path = "/api/v1/infrastructure/health"
    tags = ("infrastructure",)

    @get("/", operation_id="getBoxHealth", guards=[super_admin()])
    async def health(self, database: Database, bus: Bus, settings: Settings) -> Health:
        """Every part with a sentence."""
        found = await service.full(database, bus.redis, settings)
        return Health(status=found.status, checks=found.checks)

    @get("/redis", operation_id="getRedisHealth", guards=[super_admin()])
    async def redis(self, bus: Bus) -> RedisHealth:
        """Redis: memory, clients, uptime."""
        return await service.redis_health(bus.redis)

    @get("/workers", operation_id="getWorkersHealth", guards=[super_admin()])
    async def workers(self, database: Database) -> WorkersHealth:
        """Workers with their lanes and cards, and what waits for them."""
        return await service.workers_health(database)

    @get("/full", operation_id="getFullHealth", guards=[super_admin()])
    async def full(self, database: Database, bus: Bus, settings: Settings) -> FullHealth:
        """Every fact about the box at once."""
        return await service.full(database, bus.redis, settings)
