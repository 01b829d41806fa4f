"""What the box knows of its backups, for the checks, the rules and the metrics that judge it."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from app.kit.backups import BACKUP_MAX_AGE_S, PROOF_MAX_AGE_S, Backups, BackupSchedule, BackupStatus, Drill
from app.kit.clock import now
from app.kit.passport import read_passport
from app.kit.recovery import KitState, kit_state
from app.resources.infrastructure.looking import Box

STALE: Final = timedelta(seconds=BACKUP_MAX_AGE_S)
UNPROVED: Final = timedelta(seconds=PROOF_MAX_AGE_S)
MAKE_ONE: Final = "Make one now: studio backup. Why the last was not made: studio logs --grep backup."
KIT_WANTED: Final = timedelta(days=1)  # after the first backup, for a person to find a safe place
SHOW_KIT: Final = (
    "Keep the recovery kit somewhere else and show it to the box: on the page Backups, or with studio backup "
    "kit --out FILE and studio backup confirm FILE."
)
PROVE_IT: Final = "Prove the newest: studio backup drill. Until then nobody knows whether it can be restored."


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was made and proved. `since`: when the volume was made, for a box that has none yet."""

    status: BackupStatus
    schedule: BackupSchedule
    kit: KitState | None  # None where this process sees no volume
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
    def lacks_kit(self) -> bool:
        """Whether there are backups that nobody has shown to be able to open."""
        return self.status.last_good_at is not None and self.kit is not None and self.kit.is_wanted

    @property
    def kit_sentence(self) -> str:
        """What is wrong when it is lacking."""
        if self.kit is not None and self.kit.held_since is not None:
            return f"The recovery kit has changed since somebody showed it on {self.kit.held_since:%d %B %Y}."
        return "Nobody has shown that they hold the recovery kit, and without it the backups open nothing."

    @property
    def last_drill(self) -> Drill | None:
        """The newest rehearsal, however it went."""
        return self.status.drills[0] if self.status.drills else None


async def backup_facts(box: Box) -> BackupFacts:
    """As the volume tells it, wherever the database is: a backup holds both."""
    backups = Backups(box.settings.workspace)
    status, schedule, kit = await asyncio.to_thread(
        lambda: (backups.status(), backups.schedule(), kit_state(box.settings))
    )
    return BackupFacts(status=status, schedule=schedule, kit=kit, since=_made_at(box))


def _made_at(box: Box) -> datetime:
    """When the volume was made; one that does not tell is as old as can be."""
    passport = read_passport(box.settings.workspace)
    return datetime.fromisoformat(passport.created_at) if passport else now() - 2 * UNPROVED
