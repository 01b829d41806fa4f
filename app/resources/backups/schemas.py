"""What travels in and out of the backups' room."""

from datetime import datetime
from typing import Annotated

import msgspec

from app.kit.backups import BackupSchedule, BackupStatus, Hold, Wish
from app.kit.recovery import KitState


class KitView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody holds what opens the backups, as far as they have shown it."""

    held_since: datetime | None
    is_current: bool  # false: keys or repository have changed since, and with them the kit
    is_wanted: bool  # there are backups, and nobody has shown that they could open them

    @classmethod
    def of(cls, kit: KitState, status: BackupStatus) -> "KitView":
        """Without a backup there is nothing to open."""
        is_wanted = kit.is_wanted and status.last_good_at is not None
        return cls(held_since=kit.held_since, is_current=kit.is_current, is_wanted=is_wanted)


class BackupsView(msgspec.Struct, frozen=True, kw_only=True):
    """What was made and proved, what is under way, and when the next one is made."""

    status: BackupStatus
    schedule: BackupSchedule
    next_at: datetime | None  # null: only when somebody asks
    wished: list[Wish]  # asked for and not done yet
    hold: Hold | None  # this box was restored and is not yet released
    point_in_time: bool  # false: the database is elsewhere, and moments between backups are its provider's
    kit: KitView | None  # null where this API sees no volume


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this box holds everything back, and whose state it is."""

    hold: Hold | None


class KitAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The kit opens everything, so whoever wants it says again who they are."""

    password: Annotated[str, msgspec.Meta(max_length=1024, description="Your own password")]


class KitEndings(msgspec.Struct, frozen=True, kw_only=True):
    """From paper: the last letters of the two secrets, as they stand there."""

    password: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    encryption_key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

    def __repr__(self) -> str:
        return "KitEndings(****)"


class KitBrought(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that somebody holds the kit: its whole text, or the endings."""

    text: Annotated[str, msgspec.Meta(max_length=100_000, description="The kit as saved")] | None = None
    endings: KitEndings | None = None

    def __repr__(self) -> str:
        return "KitBrought(****)"


class KitShown(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery kit, as a text file and as a page to print."""

    text: str
    page: str

    def __repr__(self) -> str:
        return "KitShown(****)"
