"""The organizations of the box, for those who run it."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, patch
from msgspec import Meta

from app.kit.errors import NotFound
from app.resources.accounts.guards import super_admin
from app.resources.accounts.principal import Principal
from app.resources.audit.record import record
from app.resources.organizations import acts, model
from app.resources.organizations.model import Organization
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.store.database import Database, Scope


class OrganizationNotFound(NotFound):
    """There is no such organization on this box."""


class Organizations(msgspec.Struct, frozen=True, kw_only=True):
    """One page of organizations, newest first."""

    items: list[Organization]
    next_cursor: str | None


class OrganizationLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the box an organization may take; null: any."""

    max_running_steps: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None, Meta(description="Steps on workers at once")
    ]


class OrganizationController(Controller):
    """Whom this box works for."""

    path = "/api/v1/organizations"
    tags = ("organizations",)

    @get("/", operation_id="listOrganizations", guards=[super_admin()])
    async def list_organizations(
        self, database: Database, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Organizations:
        """Every organization, newest first, with its limits and how much it runs now."""
        part = page(limit, cursor)
        async with database.transaction(Scope.system()) as tx:
            rows = await model.list_organizations(tx, part)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Organizations(items=items, next_cursor=next_cursor)

    @patch("/{organization_id:uuid}", operation_id="limitOrganization", guards=[super_admin()])
    async def limit(
        self, principal: Principal, database: Database, organization_id: UUID, data: OrganizationLimits
    ) -> Organization:
        """Give an organization a limit. What runs beyond it ends by itself; nothing new begins until then."""
        async with database.transaction(Scope.system()) as tx:
            changed = await model.limit(tx, organization_id, data.max_running_steps)
            if changed is None:
                raise OrganizationNotFound
            limit = "any" if changed.max_running_steps is None else changed.max_running_steps
            await record(tx, acts.LIMITED, principal, organization_id=changed.id, limit=limit)
        return changed
