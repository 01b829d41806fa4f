"""Files that people take away."""

from typing import Final

from app.resources.audit.record import Act

DELETED: Final = Act("file.deleted", "deleted the file {subject}")
