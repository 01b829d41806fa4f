"""What commands that touch the database work with, opened and closed around them."""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from app.engine.callbacks import Callbacks
from app.engine.engine import Engine
from app.kit.blobs import BlobFolder
from app.kit.errors import StudioError
from app.kit.log import configure
from app.kit.settings import Settings, SettingsFaults, load_settings
from app.resources.assets.service import StepFiles
from app.resources.audit.record import Actor
from app.steps.discovery import catalog, step_types
from app.store.bus import Bus
from app.store.database import Database
from app.store.queue import Bells


class Tools(msgspec.Struct, frozen=True):
    """The box from inside, without its API."""

    settings: Settings
    database: Database
    engine: Engine
    blobs: BlobFolder


def whoever() -> Actor:
    """Whom the page, the log and the audit name for what is done at the command line."""
    return Actor(id=None, name=f"{getpass.getuser()} on the box")


def with_tools(name: str, act: Callable[[Tools], Awaitable[int | None]]) -> int:
    """Run a command's work; its exit code, or 1 with a sentence when the box cannot be used."""
    try:
        settings = load_settings()
        # Standard output is for the answer.
        configure(name, msgspec.structs.replace(settings.log, level="ERROR"))
        return asyncio.run(_act(settings, name, act)) or 0
    except (SettingsFaults, StudioError, KeyError) as exc:
        sys.stderr.write(f"{exc.args[0] if isinstance(exc, KeyError) else exc}\n")
        return 1


async def _act(settings: Settings, name: str, act: Callable[[Tools], Awaitable[int | None]]) -> int | None:
    async with _tools(settings, name) as tools:
        return await act(tools)


@asynccontextmanager
async def _tools(settings: Settings, name: str) -> AsyncIterator[Tools]:
    database = Database.open(settings, name, pool_size=2)
    bus = Bus.open(settings.redis.url)
    blobs = BlobFolder(settings.blobs_dir, settings.tmp_dir)
    engine = Engine(
        database,
        catalog(),
        Bells(bus.redis),
        bus,
        steps=step_types(),
        assets=StepFiles(blobs),
        callbacks=Callbacks.of(settings),
    )
    try:
        yield Tools(settings, database, engine, blobs)
    finally:
        await bus.close()
        await database.close()
