"""How much log waits for the next backup, at most: without one it leads nowhere and only fills the volume.

The log leads on from a backup. While backups are made, each lets go of what was before it; a long one brings
the next backup forward. Where none is made, or none succeeds, all of it is let go at a bound, and nothing
more is kept until a backup begins: the database needs none of it, only moments between backups do.
"""

import contextlib
import shutil
from datetime import UTC, datetime

from app.kit.backups import Backups, BackupStatus, LetGo
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.volume import ROOM_FILE, Reason, Room, read
from appliance.backup import wal
from appliance.backup.line import begin_line
from appliance.backup.segments import LET_GO
from appliance.backup.work import locked, note
from appliance.doctor.finding import in_words
from appliance.files import sync_folder
from appliance.postgres import Cluster
from appliance.refusal import Refusal

log = get_logger(__name__)

FEWEST_BYTES = 256 * 1024**2
SHARE = 10  # of the volume


def filled(settings: Settings) -> float:
    """How much of what the log may take is taken; at 1 it is let go. Raises OSError, Refusal."""
    backups = Backups(settings.workspace)
    if (backups.wal / LET_GO).exists():
        return 0.0
    room = read(settings.run_dir / ROOM_FILE, Room)
    total_bytes = room.total_bytes if room else shutil.disk_usage(settings.workspace).total
    allowed_bytes = max(FEWEST_BYTES, total_bytes // SHARE)
    if room is not None and room.reason is Reason.full:
        allowed_bytes = FEWEST_BYTES  # whatever can be spared
    held_bytes = wal.kept_bytes(backups.wal) + wal.waiting_bytes(Cluster(settings))
    if held_bytes >= allowed_bytes:
        with contextlib.suppress(Refusal), locked(backups):  # a backup under way lets go of it itself
            let_go(backups, held_bytes)
    return held_bytes / allowed_bytes


def let_go(backups: Backups, held_bytes: int) -> None:
    """Drop what was kept and keep nothing more, in such an order that Postgres never waits for us."""
    (backups.wal / LET_GO).touch()
    begin_line(backups)
    wal.forget_all(backups.wal)
    sentence = _sentence(backups.status(), held_bytes)
    found = LetGo(at=datetime.now(UTC), sentence=sentence)
    note(backups, let_go=found, reach_from=None, reach_until=None)
    log.warning("%s", sentence, action="log_let_go")


def take_up(backups: Backups) -> None:
    """A backup begins: from now on the log leads somewhere again."""
    if (backups.wal / LET_GO).exists():
        (backups.wal / LET_GO).unlink()
        sync_folder(backups.wal)


def _sentence(status: BackupStatus, held_bytes: int) -> str:
    if status.last_good_at is None:
        return (
            f"There is no backup that the log of the database could lead on from. It had grown to "
            f"{in_words(held_bytes)} and was let go; until there is one, nothing of it is kept."
        )
    reached = status.reach_until or status.last_good_at
    return (
        f"The log since the backup of {status.last_good_at:%d %B, %H:%M} UTC had grown to "
        f"{in_words(held_bytes)} and was let go, so that it does not fill the volume. Moments after "
        f"{reached:%d %B, %H:%M} UTC can be reached again once there is a new backup."
    )
