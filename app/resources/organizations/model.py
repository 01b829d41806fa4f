"""Organizations as the super admin sees them; every statement needs the system's scope."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from app.kit.ids import OrganizationId
from app.resources.paging import Page
from app.store.database import Transaction


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """An organization, its limits and what it runs now."""

    id: OrganizationId
    name: str
    slug: str
    max_running_steps: int | None
    running_steps: int
    created_at: datetime


_ORGANIZATION: Final = (
    "o.id, o.name, o.slug, o.max_running_steps, o.created_at, "
    "(SELECT count(*) FROM attempts a WHERE a.status = 'leased' AND a.organization_id = o.id) "
    "AS running_steps"
)


async def list_organizations(tx: Transaction, page: Page) -> list[Organization]:
    """One page and one row more, newest first."""
    rows = await tx.fetch_all(
        f"SELECT {_ORGANIZATION} FROM organizations o WHERE o.id < %(before)s "  # noqa: S608  a constant list
        "ORDER BY o.id DESC LIMIT %(rows)s",
        page.params,
    )
    return [msgspec.convert(row, Organization) for row in rows]


async def limit(tx: Transaction, organization_id: UUID, max_running_steps: int | None) -> Organization | None:
    """The organization with its new limit; None when there is none."""
    row = await tx.fetch_one(
        "UPDATE organizations o SET max_running_steps = %(limit)s WHERE o.id = %(id)s "  # noqa: S608  constant
        f"RETURNING {_ORGANIZATION}",
        {"id": organization_id, "limit": max_running_steps},
    )
    return None if row is None else msgspec.convert(row, Organization)
