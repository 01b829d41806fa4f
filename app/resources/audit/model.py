"""Audit entries as rows. They are added and, when they are old enough, removed; nothing changes one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.kit.ids import first_id_at, new_id
from app.resources.paging import Page
from app.store.database import Transaction, jsonb


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to which thing, when and from where. `words`: what the actor did, to be read after the
    name.
    """

    id: UUID
    action: str
    words: str
    actor_id: UUID | None
    actor_name: str
    subject_id: UUID | None
    subject_name: str
    details: dict[str, Any]
    address: str | None
    at: datetime


_ENTRY = "id, action, words, actor_id, actor_name, subject_id, subject_name, details, address, at"


async def add(
    tx: Transaction,
    *,
    organization_id: UUID,
    action: str,
    words: str,
    actor_id: UUID | None,
    actor_name: str,
    subject_id: UUID | None,
    subject_name: str,
    address: str | None,
    details: Mapping[str, Any],
) -> None:
    """One more entry."""
    await tx.execute(
        "INSERT INTO audit_entries (id, organization_id, action, words, actor_id, actor_name, subject_id, "
        "subject_name, address, details) "
        "VALUES (%(id)s, %(organization_id)s, %(action)s, %(words)s, %(actor_id)s, %(actor_name)s, "
        "%(subject_id)s, %(subject_name)s, %(address)s, %(details)s)",
        {
            "id": new_id(),
            "organization_id": organization_id,
            "action": action,
            "words": words,
            "actor_id": actor_id,
            "actor_name": actor_name,
            "subject_id": subject_id,
            "subject_name": subject_name,
            "address": address,
            "details": jsonb(dict(details)),
        },
    )


async def list_entries(
    tx: Transaction, page: Page, *, action: str | None, actor_id: UUID | None
) -> list[Entry]:
    """One page and one row more, newest first; perhaps of one action, or of what one person did."""
    wishes = (("action = %(action)s", action), ("actor_id = %(actor)s", actor_id))
    narrowed = " AND ".join(["true", *(part for part, wanted in wishes if wanted)])
    rows = await tx.fetch_all(
        f"SELECT {_ENTRY} FROM audit_entries WHERE organization_id = %(organization)s "  # noqa: S608  constants
        f"AND id < %(before)s AND {narrowed} ORDER BY id DESC LIMIT %(rows)s",
        {"organization": tx.organization_id, "action": action, "actor": actor_id, **page.params},
    )
    return [msgspec.convert(row, Entry) for row in rows]


async def count_old(tx: Transaction, organization_id: UUID, before: datetime) -> int:
    """How many entries are older than this."""
    return int(
        await tx.fetch_value(
            "SELECT count(*) FROM audit_entries WHERE organization_id = %(organization)s AND id < %(first)s",
            {"organization": organization_id, "first": first_id_at(before)},
        )
    )


async def forget_old(tx: Transaction, organization_id: UUID, before: datetime, limit: int) -> int:
    """Remove the oldest entries from before this; how many. Ids are in the order of time."""
    return await tx.execute(
        "DELETE FROM audit_entries WHERE id IN (SELECT id FROM audit_entries "
        "WHERE organization_id = %(organization)s AND id < %(first)s ORDER BY id LIMIT %(limit)s)",
        {"organization": organization_id, "first": first_id_at(before), "limit": limit},
    )
