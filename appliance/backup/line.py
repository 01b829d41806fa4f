"""The line of a database: a base and the log after it lead to any moment, if both are of one past.

Each save carries the name of the line. A restore begins another one, and so does everything after which the
log that was kept leads to what this database never was.
"""

from uuid import uuid4

from app.kit.backups import Backups
from app.kit.log import get_logger
from appliance.files import write_atomically

log = get_logger(__name__)


def line_of(backups: Backups) -> str:
    """The life of this database; a restore gives it another, so that two pasts are never mixed."""
    path = backups.folder / "line"
    if not path.exists():
        begin_line(backups)
    return path.read_text(encoding="utf-8").strip()


def begin_line(backups: Backups) -> None:
    """From here on the database has a past of its own."""
    write_atomically(backups.folder / "line", f"line-{uuid4().hex[:12]}\n".encode())


def break_off(backups: Backups, why: str) -> None:
    """Begin a line in the middle of a life. No moment of it can be reached before a backup is made, so one is
    wished for, where they are made by themselves at all.
    """
    begin_line(backups)
    log.warning("what was kept of the log ends here: %s", why, action="line_broken_off")
    if backups.schedule().at is not None:
        backups.wish("backup")
