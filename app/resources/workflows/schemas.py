"""What travels in and out of the workflow calls."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

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


class Validate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document to look at; nothing is stored and nothing runs. Any JSON may come: that is the point."""

    definition: Any


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything wrong with a document; empty when it may be saved."""

    errors: list[Complaint]


class WorkflowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list."""

    id: UUID
    name: str
    description: str
    version: int
    is_sample: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, workflow: Workflow) -> "WorkflowSummary":
        return cls(
            id=workflow.id,
            name=workflow.name,
            description=workflow.description,
            version=workflow.latest_version,
            is_sample=workflow.is_sample,
            created_at=workflow.created_at,
            updated_at=workflow.updated_at,
        )


class WorkflowView(WorkflowSummary, frozen=True, kw_only=True):
    """A workflow with the document of its latest version."""

    version_id: UUID
    definition: Definition

    @classmethod
    def whole(cls, workflow: Workflow, version: VersionWithDefinition) -> "WorkflowView":
        return cls(
            id=workflow.id,
            name=workflow.name,
            description=workflow.description,
            version=version.number,
            is_sample=workflow.is_sample,
            created_at=workflow.created_at,
            updated_at=workflow.updated_at,
            version_id=version.id,
            definition=version.definition,
        )


class Workflows(msgspec.Struct, frozen=True, kw_only=True):
    """One page of workflows, newest first."""

    items: list[WorkflowSummary]
    next_cursor: str | None


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A version in a list."""

    id: UUID
    number: int
    note: str
    created_by: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, version: Version) -> "VersionSummary":
        return cls(
            id=version.id,
            number=version.number,
            note=version.note,
            created_by=version.created_by,
            created_at=version.created_at,
        )


class VersionView(VersionSummary, frozen=True, kw_only=True):
    """A version with its document."""

    definition: Definition

    @classmethod
    def whole(cls, version: VersionWithDefinition) -> "VersionView":
        return cls(
            id=version.id,
            number=version.number,
            note=version.note,
            created_by=version.created_by,
            created_at=version.created_at,
            definition=version.definition,
        )


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """One page of versions, newest first."""

    items: list[VersionSummary]
    next_cursor: str | None
