"""Saving workflows: a document is checked whole before anything is written."""

from typing import Any
from uuid import UUID

from app.flow.catalog import Catalog
from app.flow.check import check
from app.kit.errors import Complaint, Conflict, Invalid, NotFound
from app.resources.workflows import model
from app.resources.workflows.model import VersionWithDefinition, Workflow
from app.resources.workflows.schemas import NewDefinition, NewWorkflow, WorkflowChange, WorkflowView
from app.store.database import Transaction


class DefinitionInvalid(Invalid):
    """The workflow document has mistakes; each complaint names node and field."""


class WorkflowNotFound(NotFound):
    """There is no such workflow, or it belongs to another organization."""


class VersionNotFound(NotFound):
    """This workflow has no version of this number."""


class WorkflowMovedOn(Conflict):
    """Someone saved a newer version meanwhile; load it and bring your changes over."""


class NamelessWorkflow(Invalid):
    """A workflow needs a name of 1 to 200 letters."""


def refuse_mistakes(definition: Any, catalog: Catalog) -> None:
    """Raises DefinitionInvalid with every complaint."""
    complaints = check(definition, catalog)
    if complaints:
        count = "a mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        raise DefinitionInvalid(
            f"The workflow document has {count}; nothing was saved.", complaints=complaints
        )


async def create(
    tx: Transaction,
    catalog: Catalog,
    new: NewWorkflow,
    *,
    created_by: UUID | None,
    is_sample: bool = False,
) -> WorkflowView:
    """A new workflow with version 1."""
    refuse_mistakes(new.definition, catalog)
    name = (new.name or str(new.definition.get("name") or "")).strip()
    if not 1 <= len(name) <= 200:
        raise NamelessWorkflow(complaints=[Complaint(field="name", message="write 1 to 200 letters")])
    workflow = await model.add_workflow(
        tx, name=name, description=new.description, is_sample=is_sample, created_by=created_by
    )
    version = await model.add_version(tx, workflow.id, 1, new.definition, note="", created_by=created_by)
    return WorkflowView.whole(workflow, version)


async def get(tx: Transaction, workflow_id: UUID) -> WorkflowView:
    """A workflow with its latest document. Raises WorkflowNotFound."""
    workflow = await _find(tx, workflow_id)
    return WorkflowView.whole(workflow, await get_version(tx, workflow_id, workflow.latest_version))


async def get_version(tx: Transaction, workflow_id: UUID, number: int) -> VersionWithDefinition:
    """One version with its document; also of a deleted workflow, whose instances show it still."""
    version = await model.find_version(tx, workflow_id, number)
    if version is None:
        raise VersionNotFound
    return version


async def define(
    tx: Transaction, catalog: Catalog, workflow_id: UUID, new: NewDefinition, *, created_by: UUID
) -> WorkflowView:
    """Save the next version; a document equal to the latest one is saved already.

    Raises DefinitionInvalid, WorkflowNotFound, WorkflowMovedOn.
    """
    refuse_mistakes(new.definition, catalog)
    workflow = await _find(tx, workflow_id, lock=True)
    if new.base_version is not None and new.base_version != workflow.latest_version:
        raise WorkflowMovedOn(version=workflow.latest_version)
    latest = await get_version(tx, workflow_id, workflow.latest_version)
    if latest.definition == new.definition:
        return WorkflowView.whole(workflow, latest)
    await model.add_version(
        tx, workflow_id, workflow.latest_version + 1, new.definition, note=new.note, created_by=created_by
    )
    return await get(tx, workflow_id)


async def change(tx: Transaction, workflow_id: UUID, wish: WorkflowChange) -> WorkflowView:
    """Rename or describe. Raises WorkflowNotFound."""
    workflow = await _find(tx, workflow_id, lock=True)
    await model.rename(
        tx,
        workflow_id,
        name=wish.name if isinstance(wish.name, str) else workflow.name,
        description=wish.description if isinstance(wish.description, str) else workflow.description,
    )
    return await get(tx, workflow_id)


async def delete(tx: Transaction, workflow_id: UUID) -> None:
    """Take a workflow away; what it made stays. Raises WorkflowNotFound."""
    if not await model.mark_deleted(tx, workflow_id):
        raise WorkflowNotFound


async def refuse_unknown(tx: Transaction, workflow_id: UUID) -> None:
    """Raises WorkflowNotFound."""
    await _find(tx, workflow_id)


async def _find(tx: Transaction, workflow_id: UUID, *, lock: bool = False) -> Workflow:
    workflow = await model.find_workflow(tx, workflow_id, lock=lock)
    if workflow is None:
        raise WorkflowNotFound
    return workflow
