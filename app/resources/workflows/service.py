"""Saving workflows and saying which version runs. A document is checked whole before anything is written."""

from itertools import islice
from typing import Any, Final
from uuid import UUID

from app.flow.catalog import Catalog
from app.flow.check import check, signature_of
from app.flow.completion import complete
from app.flow.signatures import Called, Signature, Signatures, calls_of
from app.kit.codec import encode
from app.kit.errors import Complaint, Conflict, Invalid, NotFound
from app.kit.ids import new_id
from app.resources.workflows import model
from app.resources.workflows.model import VersionWithDefinition, Workflow
from app.resources.workflows.schemas import (
    NewDefinition,
    NewWorkflow,
    Publish,
    Restore,
    Validate,
    Validation,
    WorkflowChange,
    WorkflowView,
)
from app.store.database import Transaction

MAX_CALLS: Final = 200  # different workflows that one document runs


class DefinitionInvalid(Invalid):
    """The workflow document has mistakes; each complaint names node and field."""


class WorkflowNotFound(NotFound):
    """There is no such workflow, or it belongs to another organization."""


class VersionNotFound(NotFound):
    """This workflow has no version of this number."""


class WorkflowMovedOn(Conflict):
    """Someone saved a newer version meanwhile; load it and bring your changes over."""


class NothingToPublish(Invalid):
    """This document has no steps, so nothing would run; add one, or save it as a draft."""


class NamelessWorkflow(Invalid):
    """A workflow needs a name of 1 to 200 letters."""


async def look_at(tx: Transaction, data: Validate, catalog: Catalog) -> Validation:
    """Everything wrong with a document, and what may be written where somebody writes."""
    known = await signatures(tx, data.definition, catalog)
    return Validation(
        errors=check(data.definition, catalog, known),
        scope=None if data.position is None else complete(data.definition, catalog, data.position, known),
    )


async def mistakes(tx: Transaction, definition: Any, catalog: Catalog) -> list[Complaint]:
    """Everything wrong with a document, the workflows it runs looked up in this organization."""
    return check(definition, catalog, await signatures(tx, definition, catalog))


async def signatures(tx: Transaction, definition: Any, catalog: Catalog) -> Signatures:
    """What the workflows that a document runs take and give; those that are not there are left out."""
    wanted = list(dict.fromkeys(islice(calls_of(definition, catalog), MAX_CALLS)))
    found: dict[Called, Signature] = {}
    for called in wanted:
        workflow = await model.find_called(tx, called)
        if workflow is not None:
            found[called] = signature_of(workflow.definition, catalog)
    return found


async def refuse_mistakes(
    tx: Transaction, definition: Any, catalog: Catalog, outcome: str = "nothing was saved"
) -> None:
    """Raises DefinitionInvalid with every complaint."""
    complaints = await mistakes(tx, definition, catalog)
    if complaints:
        count = "a mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        raise DefinitionInvalid(f"The workflow document has {count}; {outcome}.", complaints=complaints)


def refuse_emptiness(definition: dict[str, Any]) -> None:
    """A draft may be empty, and so may a new workflow; what runs already is not replaced by nothing.

    Raises NothingToPublish.
    """
    if not definition.get("nodes"):
        sentence = "There is no step here. Add one, or save this as a draft (publish: false)."
        raise NothingToPublish(complaints=[Complaint(field="nodes", message=sentence)])


async def create(
    tx: Transaction,
    catalog: Catalog,
    new: NewWorkflow,
    *,
    created_by: UUID | None,
    is_sample: bool = False,
) -> WorkflowView:
    """A new workflow with version 1, which runs at once."""
    await refuse_mistakes(tx, new.definition, catalog)
    name = named(new.name or str(new.definition.get("name") or ""))
    workflow_id = await add(
        tx,
        new_id(),
        new.definition,
        name=name,
        description=new.description,
        created_by=created_by,
        is_sample=is_sample,
    )
    return await get(tx, workflow_id)


async def add(
    tx: Transaction,
    workflow_id: UUID,
    definition: dict[str, Any],
    *,
    name: str,
    description: str,
    created_by: UUID | None,
    is_sample: bool = False,
    note: str = "",
) -> UUID:
    """Write a workflow whose document was checked, with version 1 that runs at once; its id."""
    workflow = await model.add_workflow(
        tx,
        workflow_id=workflow_id,
        name=name,
        description=description,
        is_sample=is_sample,
        created_by=created_by,
    )
    await model.add_version(tx, workflow.id, 1, definition, note=note, created_by=created_by)
    await model.publish(tx, workflow.id, 1, note="", created_by=created_by)
    return workflow.id


def named(text: str) -> str:
    """A name without the space around it. Raises NamelessWorkflow."""
    name = text.strip()
    if not 1 <= len(name) <= 200:
        raise NamelessWorkflow(complaints=[Complaint(field="name", message="write 1 to 200 letters")])
    return name


async def get(tx: Transaction, workflow_id: UUID) -> WorkflowView:
    """A workflow with the document that runs. Raises WorkflowNotFound."""
    workflow = await find(tx, workflow_id)
    return WorkflowView.whole(workflow, await get_version(tx, workflow_id, workflow.published_version))


async def get_version(tx: Transaction, workflow_id: UUID, number: int) -> VersionWithDefinition:
    """One version with its document; also of a deleted workflow, whose instances show it still."""
    version = await model.find_version(tx, workflow_id, number)
    if version is None:
        raise VersionNotFound
    return version


async def define(
    tx: Transaction, catalog: Catalog, workflow_id: UUID, new: NewDefinition, *, created_by: UUID
) -> WorkflowView:
    """Save the next version and, unless it is to be a draft, let it run from now on.

    A document equal to the newest one is saved already. Raises DefinitionInvalid, NothingToPublish,
    WorkflowNotFound, WorkflowMovedOn.
    """
    await refuse_mistakes(tx, new.definition, catalog)
    if new.publish:
        refuse_emptiness(new.definition)
    workflow = await find(tx, workflow_id, lock=True)
    if new.base_version is not None and new.base_version != workflow.latest_version:
        raise WorkflowMovedOn(version=workflow.latest_version)
    number = await _keep(tx, workflow, new.definition, note=new.note, created_by=created_by)
    if new.publish and number != workflow.published_version:
        await model.publish(tx, workflow_id, number, note="", created_by=created_by)
    return await get(tx, workflow_id)


async def publish(
    tx: Transaction, catalog: Catalog, workflow_id: UUID, number: int, wish: Publish, *, created_by: UUID
) -> WorkflowView:
    """Let this version run from now on; the one that runs already stays as it is.

    It is checked again: the step types may have changed since it was saved. Raises WorkflowNotFound,
    VersionNotFound, DefinitionInvalid, NothingToPublish.
    """
    workflow = await find(tx, workflow_id, lock=True)
    version = await get_version(tx, workflow_id, number)
    if number != workflow.published_version:
        await refuse_mistakes(tx, version.definition, catalog, "it was not published")
        refuse_emptiness(version.definition)
        await model.publish(tx, workflow_id, number, note=wish.note, created_by=created_by)
    return await get(tx, workflow_id)


async def restore(
    tx: Transaction, catalog: Catalog, workflow_id: UUID, number: int, wish: Restore, *, created_by: UUID
) -> WorkflowView:
    """Write an old document once more, as the newest version. Raises as `define`, and VersionNotFound."""
    await refuse_unknown(tx, workflow_id)
    version = await get_version(tx, workflow_id, number)
    again = NewDefinition(
        definition=version.definition,
        note=wish.note or f"As in version {number}",
        publish=wish.publish,
    )
    return await define(tx, catalog, workflow_id, again, created_by=created_by)


async def _keep(
    tx: Transaction, workflow: Workflow, definition: dict[str, Any], *, note: str, created_by: UUID
) -> int:
    """The number of the newest version, after this document has become it."""
    newest = await get_version(tx, workflow.id, workflow.latest_version)
    if encode(newest.definition) == encode(definition):
        return newest.number
    number = workflow.latest_version + 1
    await model.add_version(tx, workflow.id, number, definition, note=note, created_by=created_by)
    return number


async def change(tx: Transaction, workflow_id: UUID, wish: WorkflowChange) -> WorkflowView:
    """Rename or describe. Raises WorkflowNotFound."""
    workflow = await find(tx, workflow_id, lock=True)
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
    await find(tx, workflow_id)


async def find(tx: Transaction, workflow_id: UUID, *, lock: bool = False) -> Workflow:
    """A workflow without its document. Raises WorkflowNotFound."""
    workflow = await model.find_workflow(tx, workflow_id, lock=lock)
    if workflow is None:
        raise WorkflowNotFound
    return workflow
