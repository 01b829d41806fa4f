"""What the programs of the box say, for whoever runs it."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from litestar import Controller, get
from litestar.params import QueryParameter

from app.kit.ring import Wanted
from app.kit.settings import Settings
from app.resources.accounts.guards import super_admin
from app.resources.logs import service
from app.resources.logs.schemas import BoxLines
from app.resources.paging import Cursor, Limit

Program = Annotated[str | None, QueryParameter(description="Such as api or postgres", max_length=60)]
Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None,
    QueryParameter(description="This and whatever is more serious"),
]
Since = Annotated[datetime | None, QueryParameter(description="Not older than this")]
Instance = Annotated[str | None, QueryParameter(description="Lines about this instance", max_length=60)]
Grep = Annotated[str | None, QueryParameter(description="Lines that hold this text", max_length=200)]


class LogsController(Controller):
    """The log of the box itself; what steps write stands with their instance."""

    path = "/api/v1/infrastructure/logs"
    tags = ("infrastructure",)

    @get("/", operation_id="listBoxLines", guards=[super_admin()])
    async def list_lines(
        self,
        *,
        settings: Settings,
        program: Program = None,
        level: Level = None,
        since: Since = None,
        instance: Instance = None,
        grep: Grep = None,
        limit: Limit = 200,
        cursor: Cursor = None,
    ) -> BoxLines:
        """The last lines of every program of the box, newest first, as far as they are kept."""
        wanted = Wanted(
            programs=frozenset({program}) if program else frozenset(),
            level=level,
            since=since,
            instance=instance or None,
            text=grep or None,
        )
        return await asyncio.to_thread(service.page, settings.logs_dir, wanted, limit, cursor)
