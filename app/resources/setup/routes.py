"""Is the box claimed; claim it once."""

from typing import Any

from litestar import Controller, Request, Response, get, post

from app.flow.catalog import Catalog
from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.resources.accounts.connection import address_of
from app.resources.accounts.guards import public
from app.resources.auth.routes import signed_in
from app.resources.auth.schemas import SignedIn
from app.resources.auth.service import open_session
from app.resources.auth.throttle import ADDRESS, SETUP, count_attempt, forgive
from app.resources.setup import service
from app.resources.setup.schemas import Claim, SetupState
from app.store.database import Database, Scope


class SetupController(Controller):
    """The first run."""

    path = "/api/v1/setup"
    tags = ("setup",)

    @get("/", operation_id="getSetup", guards=[public()])
    async def read(self, database: Database) -> SetupState:
        """Whether somebody runs this box already."""
        return SetupState(claimed=await service.is_claimed(database))

    @post("/", operation_id="claimBox", guards=[public()])
    async def claim(
        self,
        *,
        request: Request[Any, Any, Any],
        data: Claim,
        database: Database,
        settings: Settings,
        blobs: BlobFolder,
        catalog: Catalog,
    ) -> Response[SignedIn]:
        """Claim the box with its setup token: become its super admin, with an organization and a sample."""
        address = address_of(request)
        await count_attempt(database, settings, (SETUP, address))
        founder = service.Founder(
            email=data.email, password=data.password, name=data.name, organization=data.organization
        )
        user = await service.claim(database, settings, blobs, catalog, founder=founder, token=data.token)
        await forgive(database, settings, (SETUP, address), (ADDRESS, address))
        async with database.transaction(Scope.system()) as tx:
            tokens = await open_session(tx, settings, request, user)
        return signed_in(request, tokens, 201)
