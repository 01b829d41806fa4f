"""What travels out of the upgrades' room."""

from datetime import datetime

import msgspec

from app.kit.backups import Rehearsal
from app.kit.passport import Outcome, Seen


class SeenView(msgspec.Struct, frozen=True, kw_only=True):
    """A version that had this volume, and how it went."""

    version: str
    schema: str | None
    since: datetime
    former: str | None
    former_schema: str | None
    backup: str | None
    canary: str | None
    healthy_at: datetime | None
    failure: str | None
    outcome: Outcome

    @classmethod
    def of(cls, seen: Seen) -> "SeenView":
        """The same with how it went in a word."""
        fields = msgspec.structs.asdict(seen)
        fields.pop("is_undone")
        return cls(**fields, outcome=seen.outcome)


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What the database has taken in since. Counting ends at `LOST_AT_MOST`: then it is that many or more."""

    instances: int
    assets: int
    versions: int  # of workflows


class WayBack(msgspec.Struct, frozen=True, kw_only=True):
    """How to go back from the version that runs, and what the database would not know any more."""

    sentence: str
    backup: str | None
    moment: datetime | None  # whose state one would go back to; null: nothing would be lost, or nobody knows
    is_kept: bool  # whether that backup is still there
    lost: Lost | None


class UpgradesView(msgspec.Struct, frozen=True, kw_only=True):
    """Which version runs, which were here before, and the way back."""

    version: str
    schema: str | None  # of the database
    schema_wanted: str  # by this version
    seen: list[SeenView]  # newest first; empty where this API sees no volume
    way_back: WayBack | None  # null where this version had the volume first
    rehearsals: list[Rehearsal]  # newest first
    is_asked: bool  # somebody has asked for the mark, and it is not made yet
