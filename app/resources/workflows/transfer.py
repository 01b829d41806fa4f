"""Workflows out of a box as one file, and into one.

An export brings along every workflow that the document runs, and those that they run. An import makes new
workflows of them, except where this organization has the very same one already; references follow.
"""

import re
from typing import Any, Final
from uuid import UUID

import msgspec

from app.flow.catalog import Catalog
from app.flow.check import check, signature_of
from app.flow.complaints import MAX_COMPLAINTS
from app.flow.portable import MAX_EMBEDDED, Embedded, Portable, pack, redirected, remarks
from app.flow.signatures import Called, Signature, calls_of
from app.kit.codec import encode
from app.kit.errors import Complaint, Conflict
from app.kit.ids import new_id
from app.kit.version import studio_version
from app.resources.workflows import model, service
from app.resources.workflows.schemas import ImportedWorkflow, WorkflowSummary
from app.resources.workflows.service import DefinitionInvalid
from app.store.database import Transaction

NOTE: Final = "Imported"


class TooEntangled(Conflict):
    """This workflow runs too many others to fit into one file."""


async def export(tx: Transaction, catalog: Catalog, workflow_id: UUID, number: int | None) -> Portable:
    """The file of one version, the published one without a number.

    Raises WorkflowNotFound, VersionNotFound, TooEntangled.
    """
    workflow = await service.find(tx, workflow_id)
    version = await service.get_version(tx, workflow_id, number or workflow.published_version)
    root = Embedded(
        id=str(workflow.id),
        version=version.number,
        name=workflow.name,
        description=workflow.description,
        definition=version.definition,
    )
    known = {root.called}
    if version.number == workflow.published_version:
        known.add(Called(root.id))
    others: list[Embedded] = []
    open_calls = list(calls_of(root.definition, catalog))
    while open_calls:
        called = open_calls.pop(0)
        found = None if called in known else await model.find_called(tx, called)
        if found is None:
            continue  # here already, or taken away: the document says its id, and an import will complain
        if len(others) == MAX_EMBEDDED:
            raise TooEntangled(
                f"This workflow runs more than {MAX_EMBEDDED} others; export them by themselves."
            )
        known.add(called)
        others.append(
            Embedded(
                id=called.workflow,
                version=called.version,
                name=found.name,
                description=found.description,
                definition=found.definition,
            )
        )
        open_calls += calls_of(found.definition, catalog)
    return pack(root, tuple(others), catalog, studio_version())


async def import_(
    tx: Transaction, catalog: Catalog, portable: Portable, *, created_by: UUID
) -> ImportedWorkflow:
    """Make the workflow of a file, and those it brings along. Raises DefinitionInvalid, NamelessWorkflow."""
    name = service.named(portable.name)
    arrivals = await _arrivals(tx, catalog, portable)
    await _refuse_mistakes(tx, catalog, arrivals)
    for arrival in arrivals:
        await service.add(
            tx,
            arrival.id,
            arrival.definition,
            name=arrival.name.strip() or name,
            description=arrival.description,
            created_by=created_by,
            note=NOTE,
        )
    made, *brought = [await service.get(tx, arrival.id) for arrival in arrivals]
    return ImportedWorkflow(
        **msgspec.structs.asdict(made),
        remarks=remarks(portable.needs, catalog),
        brought=[WorkflowSummary.plain(one) for one in brought],
    )


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow about to be made, its references already pointing to the others."""

    id: UUID
    name: str
    description: str
    definition: dict[str, Any]


async def _arrivals(tx: Transaction, catalog: Catalog, portable: Portable) -> list[Arrival]:
    """The workflow of the file first, then those it brings along."""
    root = Embedded(
        id=portable.id,
        version=portable.version,
        name=portable.name,
        description=portable.description,
        definition=portable.definition,
    )
    staying = await _staying(tx, catalog, portable.workflows)
    coming = [root, *(one for one in portable.workflows if one.called not in staying)]
    ids = {one.called: new_id() for one in coming}
    ids.setdefault(Called(root.id), ids[root.called])

    def target(called: Called) -> Called | None:
        new = ids.get(called)
        return None if new is None else Called(str(new), None if called.version is None else 1)

    return [
        Arrival(
            id=ids[one.called],
            name=one.name,
            description=one.description,
            definition=redirected(one.definition, catalog, target),
        )
        for one in coming
    ]


async def _staying(tx: Transaction, catalog: Catalog, brought: tuple[Embedded, ...]) -> set[Called]:
    """Those that are here already, the same down to every workflow they run themselves."""
    same = set()
    for one in brought:
        here = await model.find_called(tx, one.called)
        if here is not None and encode(here.definition) == encode(one.definition):
            same.add(one.called)
    coming = {one.called for one in brought} - same
    while True:
        leaning = {
            one.called
            for one in brought
            if one.called in same and coming & set(calls_of(one.definition, catalog))
        }
        if not leaning:
            return same
        same -= leaning
        coming |= leaning


async def _refuse_mistakes(tx: Transaction, catalog: Catalog, arrivals: list[Arrival]) -> None:
    """Raises DefinitionInvalid with the complaints about every workflow of the file."""
    own: dict[Called, Signature] = {}
    for arrival in arrivals:
        signature = signature_of(arrival.definition, catalog)
        own |= dict.fromkeys((Called(str(arrival.id)), Called(str(arrival.id), 1)), signature)
    complaints: list[Complaint] = []
    for place, arrival in enumerate(arrivals):
        known = {**await service.signatures(tx, arrival.definition, catalog), **own}
        for complaint in check(arrival.definition, catalog, known):
            words = f"In “{arrival.name}”: {complaint.message}" if place else complaint.message
            complaints.append(msgspec.structs.replace(complaint, message=words))
        if len(complaints) >= MAX_COMPLAINTS:
            break
    if complaints:
        count = "a mistake" if len(complaints) == 1 else f"{len(complaints)} mistakes"
        raise DefinitionInvalid(
            f"The workflow file has {count}; nothing was imported.", complaints=complaints
        )


def file_name(name: str) -> str:
    """`Picture story` → `picture-story.studio.json`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return f"{slug or 'workflow'}.studio.json"
