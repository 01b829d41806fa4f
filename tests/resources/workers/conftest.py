"""The room of workers, empty, and workers to fill it with."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest_asyncio

from app.engine.engine import Engine
from app.flow.messages import Gpu, Lane, LaneSlots, Register, Registered
from app.kit.settings import Settings
from app.resources.workers import service
from app.server.edge import Edge
from app.store.database import Database, Scope


def introduction(**changes: object) -> Register:
    """A worker with a card."""
    card = Gpu(index=0, name="NVIDIA L4", memory_total_bytes=24_000_000_000, memory_used_bytes=1)
    worker = Register(
        name="gpu@host", host="elsewhere", pid=1, version="1.2.3", lanes=[LaneSlots(Lane.cpu, 2)], gpus=[card]
    )
    return msgspec.structs.replace(worker, **changes)


class Hall:
    """The room of workers on the test's database."""

    def __init__(self, app: Edge, database: Database, settings: Settings) -> None:
        self.engine: Engine = app.litestar.state["engine"]
        self.database = database
        self.settings = settings

    async def register(self, **changes: object) -> Registered:
        """One more worker."""
        return await service.register(self.database, self.engine, self.settings, introduction(**changes))

    async def age(self, worker_id: UUID, seconds: float) -> None:
        """Let it be silent for so long."""
        async with self.database.transaction(Scope.system()) as tx:
            await tx.execute(
                "UPDATE workers SET last_seen_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
                {"s": seconds, "id": worker_id},
            )


@pytest_asyncio.fixture
async def hall(app: Edge, database: Database, settings: Settings) -> AsyncIterator[Hall]:
    """A box without workers and instances."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM workers")
        await tx.execute("DELETE FROM instances")
    yield Hall(app, database, settings)
