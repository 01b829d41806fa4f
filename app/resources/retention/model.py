"""How long organizations keep what has ended, as rows; one without a row keeps the defaults."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from app.kit.ids import OrganizationId
from app.resources.paging import Page
from app.store.database import Transaction

Days = Annotated[int, Meta(ge=1, le=36_500)]


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what has ended is kept; null: for ever. The details, events and log lines, go sooner.

    Audit entries always end, and never before a month.
    """

    instances_days: Annotated[Days | None, Meta(description="Runs with all that belongs to them")]
    details_days: Annotated[Days | None, Meta(description="Their events and log lines")]
    audit_days: Annotated[
        Annotated[int, Meta(ge=30, le=36_500)], Meta(description="Who did what; never less than 30")
    ] = 365

    def instances_before(self, moment: datetime) -> datetime | None:
        """Instances that ended before this may go."""
        return None if self.instances_days is None else moment - timedelta(days=self.instances_days)

    def details_before(self, moment: datetime) -> datetime | None:
        """Of instances that ended before this, events and log lines may go."""
        return None if self.details_days is None else moment - timedelta(days=self.details_days)

    def audit_before(self, moment: datetime) -> datetime:
        """Audit entries from before this may go."""
        return moment - timedelta(days=self.audit_days)


# A year of runs is what people look back at; what happened second by second interests for a month.
DEFAULTS: Final = Terms(instances_days=365, details_days=30)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of one organization. `chosen_at`: when somebody chose them; null: they are the defaults."""

    organization_id: OrganizationId
    name: str
    terms: Terms
    chosen_at: datetime | None


_KEPT: Final = (
    "SELECT o.id, o.name, r.instances_days, r.details_days, r.audit_days, r.updated_at "
    "FROM organizations o LEFT JOIN retention r ON r.organization_id = o.id"
)


async def find(tx: Transaction, organization_id: UUID) -> Kept:
    """The terms of an organization that is known to exist."""
    return _read(await tx.fetch_all(f"{_KEPT} WHERE o.id = %(id)s", {"id": organization_id}))[0]


async def list_organizations(tx: Transaction, page: Page) -> list[Kept]:
    """One page of organizations and one more, newest first; needs the system scope."""
    return _read(
        await tx.fetch_all(f"{_KEPT} WHERE o.id < %(before)s ORDER BY o.id DESC LIMIT %(rows)s", page.params)
    )


async def every_organization(tx: Transaction) -> list[Kept]:
    """All of them; needs the system scope."""
    return _read(await tx.fetch_all(f"{_KEPT} ORDER BY o.id"))


async def choose(tx: Transaction, terms: Terms) -> None:
    """Keep these terms for the transaction's organization."""
    await tx.execute(
        "INSERT INTO retention (organization_id, instances_days, details_days, audit_days) "
        "VALUES (%(id)s, %(instances_days)s, %(details_days)s, %(audit_days)s) "
        "ON CONFLICT (organization_id) DO UPDATE SET instances_days = excluded.instances_days, "
        "details_days = excluded.details_days, audit_days = excluded.audit_days, updated_at = now()",
        {"id": tx.organization_id, **msgspec.structs.asdict(terms)},
    )


def _read(rows: Sequence[dict[str, object]]) -> list[Kept]:
    return [
        msgspec.convert(
            {
                "organization_id": row["id"],
                "name": row["name"],
                "terms": DEFAULTS
                if row["updated_at"] is None
                else {name: row[name] for name in Terms.__struct_fields__},
                "chosen_at": row["updated_at"],
            },
            Kept,
        )
        for row in rows
    ]
