"""What travels in and out of the workflow calls."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.flow.completion import Completion, Position
from app.kit.errors import Complaint
from app.resources.workflows.model import Version, VersionWithDefinition, Workflow

Name = Annotated[str, Meta(min_length=1, max_length=200, description="What people call it")]
Description = Annotated[str, Meta(max_length=10_000)]
Note = Annotated[str, Meta(max_length=1_000, description="What changed, in a line")]
Definition = Annotated[dict[str, Any], Meta(description="The workflow document, `schema` 1")]


class NewWorkflow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workflow to be made; without a name it takes the document's."""

    definition: Definition
    name: Name | None = None
    description: Description = ""


class WorkflowChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class NewDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next version. `base_version`: the one it was made from, so that nobody's work is written over."""

    definition: Definition
    note: Note = ""
    base_version: int | None = None
    publish: Annotated[bool, Meta(description="It runs from now on; false keeps it a draft")] = True


class Publish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words that go with the publishing; the version has its own."""

    note: Note = ""


class Restore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An old document as the newest version; without a note it says where it is from."""

    note: Note = ""
    publish: Annotated[bool, Meta(description="It runs from now on; false makes it a draft")] = False


class Validate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document to look at; nothing is stored and nothing runs. Any JSON may come: that is the point.

    `position`: where somebody writes, named as complaints name it; `scope` then tells what may stand there.
    """

    definition: Any
    position: Position | None = None


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything wrong with a document; empty when it may be saved. `scope`: of the position asked for."""

    errors: list[Complaint]
    scope: Completion | None = None


class WorkflowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list. `version` is the one that runs, `draft_version` a newer one that does not yet."""

    id: UUID
    name: str
    description: str
    version: int
    draft_version: int | None
    is_sample: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, workflow: Workflow) -> "WorkflowSummary":
        return cls(**_facts(workflow))

    @classmethod
    def plain(cls, view: "WorkflowView") -> "WorkflowSummary":
        """The same without the document."""
        return msgspec.convert(view, WorkflowSummary, from_attributes=True)


class WorkflowView(WorkflowSummary, frozen=True, kw_only=True):
    """A workflow with the document that runs; a draft's is read as that version."""

    version_id: UUID
    definition: Definition

    @classmethod
    def whole(cls, workflow: Workflow, version: VersionWithDefinition) -> "WorkflowView":
        return cls(**_facts(workflow), version_id=version.id, definition=version.definition)


class ImportedWorkflow(WorkflowView, frozen=True, kw_only=True):
    """A workflow made from a file; `brought` are those it runs that were made beside it."""

    remarks: Annotated[list[Complaint], Meta(description="What to know about it, although it may run")]
    brought: list[WorkflowSummary]


def _facts(workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "version": workflow.published_version,
        "draft_version": workflow.latest_version if workflow.has_draft else None,
        "is_sample": workflow.is_sample,
        "created_at": workflow.created_at,
        "updated_at": workflow.updated_at,
    }


class Workflows(msgspec.Struct, frozen=True, kw_only=True):
    """One page of workflows, newest first."""

    items: list[WorkflowSummary]
    next_cursor: str | None


class PublicationView(msgspec.Struct, frozen=True, kw_only=True):
    """When a version last began to run, by whom and with which words."""

    note: str
    created_by: UUID | None
    created_at: datetime


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A version in a list; `publication` is null for one that never ran."""

    id: UUID
    number: int
    note: str
    created_by: UUID | None
    created_at: datetime
    publication: PublicationView | None

    @classmethod
    def of(cls, version: Version) -> Self:
        return msgspec.convert(version, cls, from_attributes=True)


class VersionView(VersionSummary, frozen=True, kw_only=True):
    """A version with its document."""

    definition: Definition


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """One page of versions, newest first."""

    items: list[VersionSummary]
    next_cursor: str | None
