"""What the box knows of its backups, for the checks, the rules and the metrics that judge it."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.kit.backups import BACKUP_MAX_AGE_S, PROOF_MAX_AGE_S, Backups, BackupSchedule, BackupStatus, Drill
from app.kit.clock import now
from app.resources.infrastructure.looking import Box

STALE: Final = timedelta(seconds=BACKUP_MAX_AGE_S)
UNPROVED: Final = timedelta(seconds=PROOF_MAX_AGE_S)
MAKE_ONE: Final = "Make one now: studio backup. Why the last was not made: studio logs --grep backup."
PROVE_IT: Final = "Prove the newest: studio backup drill. Until then nobody knows whether it can be restored."


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was made and proved. `since`: when the volume was made, for a box that has none yet."""

    status: BackupStatus
    schedule: BackupSchedule
    since: datetime

    @property
    def is_stale(self) -> bool:
        """Whether the newest backup is older than a night and some hours."""
        return self.schedule.at is not None and now() - (self.status.last_good_at or self.since) > STALE

    @property
    def is_unproved(self) -> bool:
        """Whether nobody has restored one for more than a week."""
        return now() - (self.status.last_proved_at or self.since) > UNPROVED

    @property
    def last_drill(self) -> Drill | None:
        """The newest rehearsal, however it went."""
        return self.status.drills[0] if self.status.drills else None


class _Passport(msgspec.Struct):
    created_at: datetime


async def backup_facts(box: Box) -> BackupFacts:
    """As the volume tells it, wherever the database is: a backup holds both."""
    backups = Backups(box.settings.workspace)
    status, schedule = await asyncio.to_thread(lambda: (backups.status(), backups.schedule()))
    return BackupFacts(status=status, schedule=schedule, since=_made_at(box))


def _made_at(box: Box) -> datetime:
    """When the volume was made; one that does not tell is as old as can be."""
    try:
        raw = (box.settings.workspace / "studio.json").read_bytes()
        return msgspec.json.decode(raw, type=_Passport).created_at
    except (OSError, msgspec.MsgspecError):
        return now() - 2 * UNPROVED
