"""What starts by itself."""

from typing import Final

from app.resources.audit.record import Act

CREATED: Final = Act("schedule.created", "made the schedule {subject}")
CHANGED: Final = Act("schedule.changed", "changed the schedule {subject}: {fields}")
RUN: Final = Act("schedule.run", "let the schedule {subject} run now")
DELETED: Final = Act("schedule.deleted", "deleted the schedule {subject}")
