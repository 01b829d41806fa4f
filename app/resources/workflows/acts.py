"""What decides which document runs."""

from typing import Final

from app.resources.audit.record import Act

CREATED: Final = Act("workflow.created", "made the workflow {subject}, which runs from now on")
CHANGED: Final = Act("workflow.changed", "changed the workflow {subject}: {fields}")
DRAFTED: Final = Act("workflow.drafted", "saved version {version} of {subject} as a draft")
PUBLISHED: Final = Act("workflow.published", "let version {version} of {subject} run from now on")
DELETED: Final = Act("workflow.deleted", "deleted the workflow {subject}")
