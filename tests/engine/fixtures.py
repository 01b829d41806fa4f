"""An engine on the real database and Redis, and an organization with nothing in it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.engine.engine import Engine
from app.flow.catalog import Catalog
from app.kit.ids import OrganizationId, new_id
from app.kit.settings import Settings
from app.steps.discovery import AnyStepType, spec, step_types
from app.store.bus import Bus
from app.store.database import Database, Scope
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, Shelf, World


@pytest_asyncio.fixture
async def bus(settings: Settings) -> AsyncIterator[Bus]:
    """The bus on the session's Redis, emptied."""
    bus = Bus.open(settings.redis.url)
    await bus.redis.flushdb()
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def world(database: Database, bus: Bus) -> World:
    """A fresh organization on a box without instances: a claim sees the whole box's queue."""
    return await make_world(database, bus)


async def make_world(database: Database, bus: Bus, *more: AnyStepType) -> World:
    """The same, on a box that has some step types more."""
    await database.settled()
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM instances")
        await tx.execute("DELETE FROM step_results")
    types = {**step_types(), **{one.kind: one for one in more}}
    known = Catalog(map(spec, types.values()))
    shelf = Shelf()
    engine = Engine(database, known, Bells(bus.redis), bus, assets=shelf, callbacks=ADDRESSES, steps=types)
    return World(database, engine, await new_organization(database), shelf)


async def new_organization(database: Database) -> OrganizationId:
    """An organization with nothing in it."""
    organization = OrganizationId(new_id())
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            "INSERT INTO organizations (id, name, slug) VALUES (%(id)s, 'Test', %(slug)s)",
            {"id": organization, "slug": str(organization)},
        )
    return organization
