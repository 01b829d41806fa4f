"""Workflows, their versions and what was published when, as rows.

A version never changes. A workflow points at its newest version and at the published one, which is what runs;
they differ while somebody works on a draft, or after an older version was published again.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from app.flow.signatures import Called
from app.kit.ids import UserId, VersionId, WorkflowId, new_id
from app.resources.assets.service import note_uses
from app.resources.paging import Page
from app.store.database import Transaction


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A named workflow, without its document."""

    id: WorkflowId
    name: str
    description: str
    latest_version: int
    published_version: int
    is_sample: bool
    created_at: datetime
    updated_at: datetime

    @property
    def has_draft(self) -> bool:
        """Whether the newest version is newer than the one that runs."""
        return self.latest_version > self.published_version


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """When a version began to run, by whom and with which words."""

    note: str
    created_by: UserId | None
    created_at: datetime


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered document of a workflow; `publication` is its latest, None for one that never ran."""

    id: VersionId
    number: int
    note: str
    created_by: UserId | None
    created_at: datetime
    publication: Publication | None


class VersionWithDefinition(Version, frozen=True, kw_only=True):
    """A version and what stands in it."""

    definition: dict[str, Any]


_WORKFLOW = "id, name, description, latest_version, published_version, is_sample, created_at, updated_at"
_VERSION = """
    v.id, v.number, v.note, v.created_by, v.created_at,
    (SELECT json_build_object('note', p.note, 'created_by', p.created_by, 'created_at', p.created_at)
       FROM publications p WHERE p.workflow_id = v.workflow_id AND p.number = v.number
      ORDER BY p.id DESC LIMIT 1) AS publication
"""


async def list_workflows(tx: Transaction, page: Page) -> list[Workflow]:
    """One page and one row more, newest first."""
    rows = await tx.fetch_all(
        f"SELECT {_WORKFLOW} FROM workflows "  # noqa: S608  a constant column list
        "WHERE organization_id = %(organization_id)s AND deleted_at IS NULL AND id < %(before)s "
        "ORDER BY id DESC LIMIT %(rows)s",
        {"organization_id": tx.organization_id, **page.params},
    )
    return [msgspec.convert(row, Workflow) for row in rows]


async def find_workflow(tx: Transaction, workflow_id: UUID, *, lock: bool = False) -> Workflow | None:
    """A workflow that is not deleted; `lock` holds it until the end of the transaction."""
    row = await tx.fetch_one(
        f"SELECT {_WORKFLOW} FROM workflows "  # noqa: S608  a constant column list
        f"WHERE id = %(id)s AND organization_id = %(organization_id)s AND deleted_at IS NULL "
        f"{'FOR UPDATE' if lock else ''}",
        {"id": workflow_id, "organization_id": tx.organization_id},
    )
    return None if row is None else msgspec.convert(row, Workflow)


async def add_workflow(
    tx: Transaction,
    *,
    workflow_id: UUID,
    name: str,
    description: str,
    is_sample: bool,
    created_by: UUID | None,
) -> Workflow:
    """A workflow that still needs its first version."""
    row = await tx.fetch_one(
        "INSERT INTO workflows (id, organization_id, name, description, is_sample, created_by) "  # noqa: S608
        "VALUES (%(id)s, %(organization_id)s, %(name)s, %(description)s, %(is_sample)s, %(created_by)s) "
        f"RETURNING {_WORKFLOW}",
        {
            "id": workflow_id,
            "organization_id": tx.organization_id,
            "name": name,
            "description": description,
            "is_sample": is_sample,
            "created_by": created_by,
        },
    )
    return msgspec.convert(row, Workflow)


async def add_version(
    tx: Transaction,
    workflow_id: UUID,
    number: int,
    definition: dict[str, Any],
    *,
    note: str,
    created_by: UUID | None,
) -> None:
    """Write the newest version; the caller holds the workflow's row."""
    version_id = new_id()
    await tx.execute(
        "INSERT INTO workflow_versions "
        "(id, organization_id, workflow_id, number, definition, note, created_by) "
        "VALUES (%(id)s, %(organization_id)s, %(workflow_id)s, %(number)s, %(definition)s, %(note)s, "
        "%(created_by)s)",
        {
            "id": version_id,
            "organization_id": tx.organization_id,
            "workflow_id": workflow_id,
            "number": number,
            "definition": Json(definition),
            "note": note,
            "created_by": created_by,
        },
    )
    await note_uses(tx, definition, version_id)
    await tx.execute(
        "UPDATE workflows SET latest_version = %(number)s, updated_at = now() WHERE id = %(id)s",
        {"id": workflow_id, "number": number},
    )


async def publish(
    tx: Transaction, workflow_id: UUID, number: int, *, note: str, created_by: UUID | None
) -> None:
    """From now on this version runs; the caller holds the workflow's row."""
    await tx.execute(
        "INSERT INTO publications (id, organization_id, workflow_id, number, note, created_by) "
        "VALUES (%(id)s, %(organization_id)s, %(workflow_id)s, %(number)s, %(note)s, %(created_by)s)",
        {
            "id": new_id(),
            "organization_id": tx.organization_id,
            "workflow_id": workflow_id,
            "number": number,
            "note": note,
            "created_by": created_by,
        },
    )
    await tx.execute(
        "UPDATE workflows SET published_version = %(number)s, updated_at = now() WHERE id = %(id)s",
        {"id": workflow_id, "number": number},
    )


async def find_version(tx: Transaction, workflow_id: UUID, number: int) -> VersionWithDefinition | None:
    """One version with its document."""
    row = await tx.fetch_one(
        f"SELECT {_VERSION}, v.definition FROM workflow_versions v "  # noqa: S608  a constant column list
        "WHERE v.workflow_id = %(workflow_id)s AND v.organization_id = %(organization_id)s "
        "AND v.number = %(number)s",
        {"workflow_id": workflow_id, "organization_id": tx.organization_id, "number": number},
    )
    return None if row is None else msgspec.convert(row, VersionWithDefinition)


class CalledWorkflow(msgspec.Struct, frozen=True):
    """What a step would run."""

    name: str
    description: str
    definition: dict[str, Any]


async def find_called(tx: Transaction, called: Called) -> CalledWorkflow | None:
    """What a step would run; None when the workflow or the version is not there."""
    try:
        workflow_id = UUID(called.workflow)
    except ValueError:
        return None
    row = await tx.fetch_one(
        "SELECT w.name, w.description, v.definition "
        "FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id "
        "AND v.number = coalesce(%(version)s::integer, w.published_version) "
        "WHERE w.id = %(id)s AND w.organization_id = %(organization_id)s AND w.deleted_at IS NULL",
        {"id": workflow_id, "organization_id": tx.organization_id, "version": called.version},
    )
    return None if row is None else msgspec.convert(row, CalledWorkflow)


async def list_versions(tx: Transaction, workflow_id: UUID, page: Page) -> list[Version]:
    """One page of versions and one row more, newest first."""
    rows = await tx.fetch_all(
        f"SELECT {_VERSION} FROM workflow_versions v "  # noqa: S608  a constant column list
        "WHERE v.workflow_id = %(workflow_id)s AND v.organization_id = %(organization_id)s "
        "AND v.id < %(before)s ORDER BY v.id DESC LIMIT %(rows)s",
        {"workflow_id": workflow_id, "organization_id": tx.organization_id, **page.params},
    )
    return [msgspec.convert(row, Version) for row in rows]


async def rename(tx: Transaction, workflow_id: UUID, *, name: str, description: str) -> Workflow:
    """Change what stands on the door; the versions stay."""
    row = await tx.fetch_one(
        "UPDATE workflows SET name = %(name)s, description = %(description)s, updated_at = now() "  # noqa: S608
        f"WHERE id = %(id)s RETURNING {_WORKFLOW}",
        {"id": workflow_id, "name": name, "description": description},
    )
    return msgspec.convert(row, Workflow)


async def mark_deleted(tx: Transaction, workflow_id: UUID) -> bool:
    """Take it out of sight; its instances keep their version. False when it is not there."""
    return bool(
        await tx.execute(
            "UPDATE workflows SET deleted_at = now() "
            "WHERE id = %(id)s AND organization_id = %(organization_id)s AND deleted_at IS NULL",
            {"id": workflow_id, "organization_id": tx.organization_id},
        )
    )
