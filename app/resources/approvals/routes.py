"""The inbox: what waits for a person, in one list."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import QueryParameter

from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.approvals import model
from app.resources.approvals.schemas import Approvals, view
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.store.database import Database

OfInstance = Annotated[
    UUID | None, QueryParameter(description="Only questions of this instance and what its steps run")
]


class ApprovalController(Controller):
    """Open questions. They are answered at their step."""

    path = "/api/v1/approvals"
    tags = ("approvals",)

    @get("/", operation_id="listApprovals", guards=[requires(Role.viewer)])
    async def list_open(
        self,
        *,
        principal: Principal,
        database: Database,
        instance_id: OfInstance = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Approvals:
        """What waits for a person, those of the newest runs first; each says whether you may answer."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_open(tx, part, instance_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Approvals(items=[view(row, principal) for row in items], next_cursor=next_cursor)
