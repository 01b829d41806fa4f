"""Versions of the box for whoever runs it: read here, made by the boot, and marked as healthy by a wish."""

from litestar import Controller, get, post
from litestar.status_codes import HTTP_202_ACCEPTED

from app.kit.backups import Backups
from app.kit.errors import Conflict
from app.kit.settings import Settings
from app.resources.accounts.guards import super_admin
from app.resources.accounts.principal import Principal
from app.resources.backups.wishes import ask_root
from app.resources.upgrades import service
from app.resources.upgrades.schemas import UpgradesView
from app.store.database import Database


class NothingToBelieve(Conflict):
    """No version of this volume waits for somebody to say that it works."""


class UpgradesController(Controller):
    """Which versions had this volume, and how they went."""

    path = "/api/v1/infrastructure/upgrades"
    tags = ("infrastructure",)

    @get("/", operation_id="getUpgrades", guards=[super_admin()])
    async def read(self, database: Database, settings: Settings, backups: Backups) -> UpgradesView:
        """The version that runs, those before it, the way back and what it would lose, and rehearsals."""
        return await service.view(database, settings, backups)

    @post("/healthy", operation_id="markHealthy", status_code=HTTP_202_ACCEPTED, guards=[super_admin()])
    async def mark_healthy(
        self, database: Database, settings: Settings, backups: Backups, principal: Principal
    ) -> UpgradesView:
        """Say that this version works here, where its canary could not try everything."""
        found = await service.view(database, settings, backups)
        if not found.seen or found.seen[0].outcome in {"healthy", "undone"}:
            raise NothingToBelieve
        await ask_root(backups, database, principal, "healthy")
        return await service.view(database, settings, backups)
