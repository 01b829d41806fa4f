"""Puts the web application together: rooms, parts of the box, error answers, the UI."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State

from app.engine.callbacks import Callbacks
from app.engine.engine import Engine
from app.kit.backups import Backups
from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.kit.tally import Tally
from app.kit.volume import Watch
from app.resources.assets.service import StepFiles
from app.resources.discovery import route_handlers
from app.resources.injection import dependencies
from app.server.docs import DocsController
from app.server.edge import Edge
from app.server.problems import answer
from app.server.ui_files import UiFiles
from app.steps.discovery import catalog, offered
from app.store.bus import Bus
from app.store.counts import HAND_IN_S, hand_in, hand_in_last
from app.store.database import Database
from app.store.queue import Bells
from app.store.vault import Vault

UI_FOLDER = Path(__file__).parents[1] / "ui" / "dist"

# One definition, one page of JSON; uploads lift it for themselves and count their own bytes.
BODY_MAX_BYTES = 16 * 1024 * 1024


def create_app(settings: Settings) -> Edge:
    """The web application; connections are made by its lifespan and at first use."""
    api = Litestar(
        route_handlers=[*route_handlers(), DocsController],
        dependencies=dependencies(),
        exception_handlers={Exception: answer},
        state=State(_parts(settings)),
        lifespan=[_lifespan],
        cors_config=_cors(settings),
        request_max_body_size=BODY_MAX_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return Edge(api, UiFiles(UI_FOLDER), api.state.tally)


def _parts(settings: Settings) -> dict[str, object]:
    """What handlers may ask for by name; nothing connects yet."""
    database = Database.open(settings, "studio-api")
    bus = Bus.open(settings.redis.url)
    bells = Bells(bus.redis)
    blobs = BlobFolder(settings.blobs_dir, settings.tmp_dir)
    tally = Tally()
    watch = Watch(settings.run_dir)
    engine = Engine(
        database,
        catalog(),
        bells,
        bus,
        assets=StepFiles(blobs),
        callbacks=Callbacks.of(settings),
        tally=tally,
        watch=watch,
    )
    return {
        "settings": settings,
        "database": database,
        "bus": bus,
        "bells": bells,
        "blobs": blobs,
        "backups": Backups(settings.workspace),
        "engine": engine,
        "tally": tally,
        "watch": watch,
        "catalog": offered(hidden=settings.debug_steps),
        "vault": Vault(settings.keys),
        # Set when the server begins to stop: answers that never end by themselves end then.
        "closing": asyncio.Event(),
    }


@asynccontextmanager
async def _lifespan(api: Litestar) -> AsyncIterator[None]:
    counting = asyncio.create_task(_hand_in_for_ever(api))
    try:
        yield
    finally:
        counting.cancel()
        await api.state.database.end_aftermath()
        await hand_in_last(api.state.bus.redis, api.state.tally)
        await api.state.bus.close()
        await api.state.database.close()


async def _hand_in_for_ever(api: Litestar) -> None:
    """Add what this process counts to what the others do, now and then."""
    while True:
        await asyncio.sleep(HAND_IN_S)
        await hand_in(api.state.bus.redis, api.state.tally)


def _cors(settings: Settings) -> CORSConfig | None:
    """Closed unless origins are named; `*` never together with cookies."""
    if not settings.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(settings.cors_origins),
        allow_credentials="*" not in settings.cors_origins,
        allow_headers=[
            "authorization",
            "content-type",
            "idempotency-key",
            "studio-organization",
            "upload-offset",
        ],
        expose_headers=["x-request-id", "retry-after", "content-range", "accept-ranges", "etag"],
    )
