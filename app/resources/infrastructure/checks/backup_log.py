"""The log of the database is kept, so that any second since the last backup can be reached."""

from typing import Any

from app.kit.errors import Unavailable
from app.resources.infrastructure.backups import MAKE_ONE, backup_facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy, unknown
from app.store.database import Scope

_FAILING = """
SELECT last_failed_wal, last_failed_time FROM pg_stat_archiver
 WHERE last_failed_time > coalesce(last_archived_time, '-infinity')
"""


async def look(box: Box) -> Finding | None:
    """Whether it was let go at its bound, and whether Postgres can put it where it is kept."""
    if not box.settings.database.embedded:
        return None  # its provider keeps it
    found = await box.see(backup_facts)
    if found.status.let_go is not None:
        return degraded(found.status.let_go.sentence, MAKE_ONE)
    try:
        failing = await box.see(failing_segment)
    except Unavailable:
        return unknown("The database does not answer.", "See the check of the database.")
    if failing is not None:
        return degraded(
            f"The segment {failing['last_failed_wal']} of the log cannot be kept, tried last at "
            f"{failing['last_failed_time']:%H:%M} UTC, and Postgres holds back all that follows.",
            "Make a backup: studio backup clears away what another past left. If that does not help, look at "
            "space and rights of backups/wal; studio logs --program postgres says why.",
        )
    return healthy("The log is kept.")


async def failing_segment(box: Box) -> dict[str, Any] | None:
    """The segment at which keeping fails; None while it works."""
    async with box.database.transaction(Scope.nobody()) as tx:
        row = await tx.fetch_one(_FAILING)
    return dict(row) if row else None


CHECK = Check(name="backup_log", look=look)
