"""Workflows over HTTP: list, make, read, rename, delete, their versions, and a look at a document."""

from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post, put
from litestar.params import Parameter

from app.flow.catalog import Catalog
from app.flow.difference import Difference, difference
from app.flow.portable import Portable, unpack
from app.kit.codec import encode
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import Act, named, record
from app.resources.idempotency import IdempotencyKey
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.resources.workflows import acts, model, service, transfer
from app.resources.workflows.schemas import (
    ImportedWorkflow,
    NewDefinition,
    NewWorkflow,
    Publish,
    Restore,
    Validate,
    Validation,
    Versions,
    VersionSummary,
    VersionView,
    WorkflowChange,
    Workflows,
    WorkflowSummary,
    WorkflowView,
)
from app.store.database import Database, Transaction
from app.store.idempotency import once

OfVersion = Annotated[
    int | None, Parameter(ge=1, description="Which version; the published one when left out")
]


class WorkflowController(Controller):
    """What people build."""

    path = "/api/v1/workflows"
    tags = ("workflows",)

    @get("/", operation_id="listWorkflows", guards=[requires(Role.viewer)])
    async def list_workflows(
        self, principal: Principal, database: Database, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Workflows:
        """The organization's workflows, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_workflows(tx, part)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Workflows(items=[WorkflowSummary.of(row) for row in items], next_cursor=next_cursor)

    @post("/", operation_id="createWorkflow", guards=[requires(Role.editor)])
    async def create(
        self,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        data: NewWorkflow,
        idempotency_key: IdempotencyKey = None,
    ) -> WorkflowView:
        """Save a new workflow as version 1. A document with mistakes is refused, each one listed."""
        async with database.transaction(principal.scope) as tx:

            async def make() -> WorkflowView:
                made = await service.create(tx, catalog, data, created_by=principal.user_id)
                await record(tx, acts.CREATED, principal, subject=made.name, subject_id=made.id)
                return made

            return await once(
                tx,
                principal.user_id,
                idempotency_key,
                ("createWorkflow", data),
                effect=make,
                into=WorkflowView,
            )

    @post("/validate", operation_id="validateWorkflow", status_code=200, guards=[requires(Role.viewer)])
    async def validate(
        self, data: Validate, principal: Principal, database: Database, catalog: Catalog
    ) -> Validation:
        """Every mistake in a document, and what may be written at a position. Nothing is stored or runs."""
        async with database.transaction(principal.scope) as tx:
            return await service.look_at(tx, data, catalog)

    @post("/import", operation_id="importWorkflow", guards=[requires(Role.editor)])
    async def import_(
        self,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        data: dict[str, Any],
        idempotency_key: IdempotencyKey = None,
    ) -> ImportedWorkflow:
        """Make a workflow from an exported file, or from a bare definition, with those it brings along.

        A file with mistakes, or with step types that are not here, is refused with each one listed.
        """
        portable = unpack(data)
        async with database.transaction(principal.scope) as tx:

            async def bring() -> ImportedWorkflow:
                made = await transfer.import_(tx, catalog, portable, created_by=principal.user_id)
                for one in (made, *made.brought):
                    await record(tx, acts.CREATED, principal, subject=one.name, subject_id=one.id)
                return made

            return await once(
                tx,
                principal.user_id,
                idempotency_key,
                ("importWorkflow", data),
                effect=bring,
                into=ImportedWorkflow,
            )

    @get("/{workflow_id:uuid}", operation_id="getWorkflow", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database, workflow_id: UUID) -> WorkflowView:
        """A workflow with the document that runs."""
        async with database.transaction(principal.scope) as tx:
            return await service.get(tx, workflow_id)

    @patch("/{workflow_id:uuid}", operation_id="changeWorkflow", guards=[requires(Role.editor)])
    async def change(
        self, principal: Principal, database: Database, workflow_id: UUID, data: WorkflowChange
    ) -> WorkflowView:
        """Rename or describe a workflow."""
        async with database.transaction(principal.scope) as tx:
            changed = await service.change(tx, workflow_id, data)
            fields = named(data)
            await record(
                tx, acts.CHANGED, principal, subject=changed.name, subject_id=changed.id, fields=fields
            )
            return changed

    @delete("/{workflow_id:uuid}", operation_id="deleteWorkflow", guards=[requires(Role.editor)])
    async def delete(self, principal: Principal, database: Database, workflow_id: UUID) -> None:
        """Take a workflow away. Its instances and what they made stay."""
        async with database.transaction(principal.scope) as tx:
            workflow = await service.get(tx, workflow_id)
            await service.delete(tx, workflow_id)
            await record(tx, acts.DELETED, principal, subject=workflow.name, subject_id=workflow_id)

    @put("/{workflow_id:uuid}/definition", operation_id="defineWorkflow", guards=[requires(Role.editor)])
    async def define(
        self,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        workflow_id: UUID,
        data: NewDefinition,
    ) -> WorkflowView:
        """Save the next version, which runs from now on unless it is to stay a draft.

        Instances under way keep the version they were started with.
        """
        async with database.transaction(principal.scope) as tx:
            saved = await service.define(tx, catalog, workflow_id, data, created_by=principal.user_id)
            if data.publish or saved.draft_version is not None:
                await _record_saved(tx, principal, saved)
            return saved

    @get("/{workflow_id:uuid}/export", operation_id="exportWorkflow", guards=[requires(Role.viewer)])
    async def export(
        self,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        workflow_id: UUID,
        version: OfVersion = None,
    ) -> Response[Portable]:
        """A workflow as one file, with those it runs and what it needs; never with a secret."""
        async with database.transaction(principal.scope) as tx:
            portable = await transfer.export(tx, catalog, workflow_id, version)
        # Indented, for people who keep their workflows in git.
        text = cast("Portable", msgspec.json.format(encode(portable), indent=2))
        name = transfer.file_name(portable.name)
        return Response(
            text,
            media_type="application/json",
            headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
        )

    @get("/{workflow_id:uuid}/versions", operation_id="listVersions", guards=[requires(Role.viewer)])
    async def list_versions(
        self,
        principal: Principal,
        database: Database,
        workflow_id: UUID,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Versions:
        """The versions of a workflow, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            await service.refuse_unknown(tx, workflow_id)
            rows = await model.list_versions(tx, workflow_id, part)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Versions(items=[VersionSummary.of(row) for row in items], next_cursor=next_cursor)

    @get(
        "/{workflow_id:uuid}/versions/{number:int}",
        operation_id="getVersion",
        guards=[requires(Role.viewer)],
    )
    async def read_version(
        self, principal: Principal, database: Database, workflow_id: UUID, number: int
    ) -> VersionView:
        """One version with its document."""
        async with database.transaction(principal.scope) as tx:
            return VersionView.of(await service.get_version(tx, workflow_id, number))

    @post(
        "/{workflow_id:uuid}/versions/{number:int}/publish",
        operation_id="publishVersion",
        status_code=200,
        guards=[requires(Role.editor)],
    )
    async def publish(
        self,
        *,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        workflow_id: UUID,
        number: int,
        data: Publish | None = None,
    ) -> WorkflowView:
        """Let this version run from now on: a draft, or an older one again."""
        wish = data or Publish()
        async with database.transaction(principal.scope) as tx:
            published = await service.publish(
                tx, catalog, workflow_id, number, wish, created_by=principal.user_id
            )
            await _record_saved(tx, principal, published, acts.PUBLISHED)
            return published

    @post(
        "/{workflow_id:uuid}/versions/{number:int}/restore",
        operation_id="restoreVersion",
        status_code=200,
        guards=[requires(Role.editor)],
    )
    async def restore(
        self,
        *,
        principal: Principal,
        database: Database,
        catalog: Catalog,
        workflow_id: UUID,
        number: int,
        data: Restore | None = None,
    ) -> WorkflowView:
        """Write this version's document once more, as the newest version. It becomes a draft."""
        wish = data or Restore()
        async with database.transaction(principal.scope) as tx:
            restored = await service.restore(
                tx, catalog, workflow_id, number, wish, created_by=principal.user_id
            )
            if wish.publish or restored.draft_version is not None:
                await _record_saved(tx, principal, restored)
            return restored

    @get(
        "/{workflow_id:uuid}/versions/{number:int}/diff/{other:int}",
        operation_id="compareVersions",
        guards=[requires(Role.viewer)],
    )
    async def compare(
        self, principal: Principal, database: Database, workflow_id: UUID, number: int, other: int
    ) -> Difference:
        """What changed from one version to another, field by field."""
        async with database.transaction(principal.scope) as tx:
            before = await service.get_version(tx, workflow_id, number)
            after = await service.get_version(tx, workflow_id, other)
        return difference(before.definition, after.definition)


async def _record_saved(
    tx: Transaction, principal: Principal, workflow: WorkflowView, act: Act | None = None
) -> None:
    draft = None if act else workflow.draft_version
    await record(
        tx,
        act or (acts.PUBLISHED if draft is None else acts.DRAFTED),
        principal,
        subject=workflow.name,
        subject_id=workflow.id,
        version=workflow.version if draft is None else draft,
    )
