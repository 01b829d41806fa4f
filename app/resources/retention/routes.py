"""How long what has ended is kept: the terms of an organization, what they would take, and the whole box."""

from datetime import datetime

import msgspec
from litestar import Controller, get, post, put

from app.engine.engine import Engine
from app.flow.wording import size
from app.kit.blobs import BlobFolder
from app.kit.ids import OrganizationId
from app.kit.settings import Settings
from app.resources.accounts.guards import requires, super_admin
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.assets import collection
from app.resources.assets.collection import Freed, Outlook
from app.resources.audit.record import record
from app.resources.paging import Cursor, Limit, page
from app.resources.retention import acts, model, service
from app.resources.retention.model import DEFAULTS, Terms
from app.resources.retention.service import Cleared, RetentionPreview
from app.store.database import Database, Scope

AT_ONCE_S = 20.0  # a run that a person waits for; what is left goes with the next


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of an organization. `chosen_at`: when somebody chose them; null: they are the defaults."""

    terms: Terms
    defaults: Terms
    chosen_at: datetime | None


class OrganizationRetention(msgspec.Struct, frozen=True, kw_only=True):
    """One organization as the super admin sees it: its terms, and what would go now."""

    id: OrganizationId
    name: str
    chosen_at: datetime | None
    preview: RetentionPreview


class OrganizationRetentions(msgspec.Struct, frozen=True, kw_only=True):
    """One page of organizations, newest first."""

    items: list[OrganizationRetention]
    next_cursor: str | None


class RetentionController(Controller):
    """What an organization keeps of what has ended."""

    path = "/api/v1/retention"
    tags = ("retention",)

    @get("/", operation_id="getRetention", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database) -> Retention:
        """How long runs, and their events and log lines, are kept."""
        async with database.transaction(principal.scope) as tx:
            kept = await model.find(tx, principal.organization_id)
        return Retention(terms=kept.terms, defaults=DEFAULTS, chosen_at=kept.chosen_at)

    @put("/", operation_id="chooseRetention", guards=[requires(Role.admin)])
    async def choose(self, principal: Principal, database: Database, data: Terms) -> Retention:
        """Keep what has ended for another time from now on. Look at the preview first."""
        service.refuse_unfit(data)
        async with database.transaction(principal.scope) as tx:
            await model.choose(tx, data)
            await record(
                tx,
                acts.CHOSEN,
                principal,
                runs=_in_words(data.instances_days),
                details=_in_words(data.details_days),
                audit=data.audit_days,
            )
            kept = await model.find(tx, principal.organization_id)
        return Retention(terms=kept.terms, defaults=DEFAULTS, chosen_at=kept.chosen_at)

    @post("/preview", operation_id="previewRetention", status_code=200, guards=[requires(Role.admin)])
    async def preview(
        self, principal: Principal, database: Database, engine: Engine, data: Terms | None = None
    ) -> RetentionPreview:
        """What would go now on these terms, or on those that are kept. Nothing is written."""
        if data is not None:
            service.refuse_unfit(data)
        async with database.transaction(principal.scope) as tx:
            terms = data or (await model.find(tx, principal.organization_id)).terms
            return await service.preview(tx, engine, principal.organization_id, terms)

    @post("/run", operation_id="runRetention", status_code=200, guards=[requires(Role.admin)])
    async def run(self, principal: Principal, database: Database, engine: Engine) -> Cleared:
        """Let go now what the daemon would let go within a quarter of an hour."""
        async with database.transaction(principal.scope) as tx:
            terms = (await model.find(tx, principal.organization_id)).terms
        cleared = await service.clear(database, engine, principal.organization_id, terms, most_s=AT_ONCE_S)
        # Many small transactions: one entry tells of all of them when they are done.
        async with database.transaction(principal.scope) as tx:
            await record(tx, acts.RUN, principal, runs=cleared.gone.instances, events=cleared.gone.events)
        return cleared


class BoxRetentionController(Controller):
    """The same for everybody on this box, and the bytes that nothing names any more."""

    path = "/api/v1/retention"
    tags = ("retention",)

    @get("/organizations", operation_id="listRetention", guards=[super_admin()])
    async def organizations(
        self, database: Database, engine: Engine, limit: Limit = 20, cursor: Cursor = None
    ) -> OrganizationRetentions:
        """Every organization with its terms and what would go of it now, newest first."""
        part = page(limit, cursor)
        async with database.transaction(Scope.system()) as tx:
            rows = await model.list_organizations(tx, part)
        found, next_cursor = part.cut(rows, lambda row: row.organization_id)
        items = []
        for one in found:
            async with database.transaction(Scope.organization(one.organization_id)) as tx:
                preview = await service.preview(tx, engine, one.organization_id, one.terms)
            items.append(
                OrganizationRetention(
                    id=one.organization_id, name=one.name, chosen_at=one.chosen_at, preview=preview
                )
            )
        return OrganizationRetentions(items=items, next_cursor=next_cursor)

    @get("/bytes", operation_id="getUnusedBytes", guards=[super_admin()])
    async def unused(self, database: Database, blobs: BlobFolder, settings: Settings) -> Outlook:
        """Stored bytes that no file names: what goes now, what goes later, and what holds it up."""
        async with database.transaction(Scope.system()) as tx:
            return await collection.outlook(tx, blobs, settings.collect_after_s)

    @post("/bytes/collect", operation_id="collectBytes", status_code=200, guards=[super_admin()])
    async def collect(
        self, principal: Principal, database: Database, blobs: BlobFolder, settings: Settings
    ) -> Freed:
        """Delete now what the daemon would delete within the hour; nothing while a backup holds it."""
        freed = await collection.collect(database, blobs, settings.collect_after_s)
        async with database.transaction(principal.scope) as tx:
            await record(tx, acts.COLLECTED, principal, files=freed.files, size=size(freed.bytes))
        return freed


def _in_words(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"
