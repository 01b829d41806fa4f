"""Is the box well: three public answers for probes, and the facts for its super admin."""

from litestar import Controller, get
from litestar.di import Provide

from app.kit.settings import Settings
from app.kit.tally import Tally
from app.resources import exposition
from app.resources.accounts.guards import public, scrape, super_admin
from app.resources.infrastructure import service
from app.resources.infrastructure.looking import Box
from app.resources.infrastructure.schemas import Alive, FullHealth, Health, RedisHealth, Simple, WorkersHealth
from app.store.bus import Bus
from app.store.database import Database


def provide_box(settings: Settings, database: Database, bus: Bus) -> Box:
    """One look at this box."""
    return Box(settings, database, bus.redis)


class ProbeController(Controller):
    """For load balancers, the container's HEALTHCHECK and the boot."""

    path = "/"
    tags = ("infrastructure",)
    dependencies = {"box": Provide(provide_box, sync_to_thread=False)}  # noqa: RUF012  Litestar's own

    @get("/health", operation_id="getHealth", guards=[public()])
    async def health(self, box: Box) -> Simple:
        """Healthy, having asked the database; 503 with the reason otherwise."""
        await service.refuse_unhealthy(box)
        return Simple("healthy")

    @get("/livez", operation_id="getLiveness", guards=[public()])
    async def livez(self) -> Alive:
        """The process answers; asks nobody else, so that a restart is never ordered for another's fault."""
        return Alive("alive")

    @get("/readyz", operation_id="getReadiness", guards=[public()])
    async def readyz(self, box: Box) -> Health:
        """Ready to serve people; 503 with every reason otherwise."""
        return await service.readiness(box)


class MetricsController(Controller):
    """For Prometheus."""

    path = "/metrics"
    dependencies = {"box": Provide(provide_box, sync_to_thread=False)}  # noqa: RUF012  Litestar's own
    include_in_schema = False

    @get("/", guards=[scrape()], media_type=exposition.MEDIA_TYPE)
    async def metrics(self, box: Box, tally: Tally) -> str:
        """Everything the box counts and measures, in Prometheus' text format."""
        return await service.metrics(box, tally)


class InfrastructureController(Controller):
    """The box from inside."""

    path = "/api/v1/infrastructure/health"
    tags = ("infrastructure",)
    dependencies = {"box": Provide(provide_box, sync_to_thread=False)}  # noqa: RUF012  Litestar's own

    @get("/", operation_id="getBoxHealth", guards=[super_admin()])
    async def health(self, box: Box) -> Health:
        """Every part with a sentence."""
        return await service.health(box)

    @get("/redis", operation_id="getRedisHealth", guards=[super_admin()])
    async def redis(self, box: Box) -> RedisHealth:
        """Redis: memory, clients, uptime."""
        return await service.redis_health(box)

    @get("/workers", operation_id="getWorkersHealth", guards=[super_admin()])
    async def workers(self, box: Box) -> WorkersHealth:
        """Workers with their lanes and cards, what they do, and what waits for them."""
        return await service.workers_health(box)

    @get("/full", operation_id="getFullHealth", guards=[super_admin()])
    async def full(self, box: Box) -> FullHealth:
        """Every fact about the box at once."""
        return await service.full(box)
