"""What was done in an organization, for those who answer for it."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.params import QueryParameter

from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit import model
from app.resources.audit.model import Entry
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.store.database import Database

OfAction = Annotated[
    str | None, QueryParameter(max_length=100, description="Only this action, such as member.role_changed")
]
OfActor = Annotated[UUID | None, QueryParameter(description="Only what this person did")]


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """One page of audit entries, newest first."""

    items: list[Entry]
    next_cursor: str | None


class AuditController(Controller):
    """Who did what."""

    path = "/api/v1/audit"
    tags = ("audit",)

    @get("/", operation_id="listAuditEntries", guards=[requires(Role.admin)])
    async def list_entries(
        self,
        *,
        principal: Principal,
        database: Database,
        action: OfAction = None,
        actor_id: OfActor = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Entries:
        """Who did what to which thing, when and from where; newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_entries(tx, part, action=action, actor_id=actor_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Entries(items=items, next_cursor=next_cursor)
