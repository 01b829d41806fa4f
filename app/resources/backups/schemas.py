"""What travels in and out of the backups' room."""

from datetime import datetime
from typing import Annotated

import msgspec

from app.kit.backups import BackupSchedule, BackupStatus, Hold, Wish


class BackupsView(msgspec.Struct, frozen=True, kw_only=True):
    """What was made and proved, what is under way, and when the next one is made."""

    status: BackupStatus
    schedule: BackupSchedule
    next_at: datetime | None  # null: only when somebody asks
    wished: list[Wish]  # asked for and not done yet
    hold: Hold | None  # this box was restored and is not yet released
    point_in_time: bool  # false: the database is elsewhere, and moments between backups are its provider's


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this box holds everything back, and whose state it is."""

    hold: Hold | None


class KitAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The kit opens everything, so whoever wants it says again who they are."""

    password: Annotated[str, msgspec.Meta(max_length=1024, description="Your own password")]


class KitShown(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery kit, as a text file and as a page to print."""

    text: str
    page: str

    def __repr__(self) -> str:
        return "KitShown(****)"
