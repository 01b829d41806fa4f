"""What `studio.json` says: who a volume is and which Studios took it over. Boot writes it.

Names are read by programs of every version: add, never rename.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["healthy", "untried", "failed", "undone"]
FILE = "studio.json"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One version of Studio that took this volume over."""

    version: str
    schema: str | None = None  # the revision it brought the database to; None: another box knows
    since: datetime
    former: str | None = None  # the version that had the volume before; None: nobody known
    former_schema: str | None = None
    backup: str | None = None  # made right before, when the schema was to change
    canary: str | None = None  # what was tried and how it went, in words
    healthy_at: datetime | None = None  # somebody signed in and a workflow ran, or it was new and got ready
    failure: str | None = None  # why it did not get there
    is_undone: bool = False  # the database was brought back to how it was before

    @property
    def outcome(self) -> Outcome:
        """How it went so far."""
        if self.is_undone:
            return "undone"
        if self.healthy_at is not None:
            return "healthy"
        return "failed" if self.failure is not None else "untried"

    @property
    def keeps_schema(self) -> bool:
        """Whether it left the database as it was, so that the version before can be started at once."""
        return self.former_schema == self.schema

    @property
    def before(self) -> str:
        """The version to start when one goes back, and where it is found."""
        return f"the version before, Studio {self.former} (image tag {self.former})"

    def way_back(self) -> str:
        """How to go back from it, in a sentence."""
        if self.keeps_schema:
            return f"The database is as it was: start {self.before}."
        if self.backup is None:
            return (
                "The database has changed and no backup was made: to go back, restore your own backup of it "
                f"and start {self.before}."
            )
        return (
            f"To go back, run `studio upgrade back` with this version, which brings back backup "
            f"{self.backup}, and then start {self.before}."
        )


class Passport(msgspec.Struct, frozen=True, kw_only=True):
    """The content of studio.json."""

    box_id: str
    layout: int
    version: str  # the Studio that used the volume last
    created_at: str
    encryption_key_id: str | None = None  # tells a wrong ENCRYPTION_KEY before anything is sealed with it
    storage: str | None = None  # where Postgres lives (app.kit.volume.Mode)
    postgres_major: int | None = None  # its cluster was made here: from now on it has to be here
    seen: list[Seen] = []  # which versions this volume has seen, the newest first


def read_passport(workspace: Path) -> Passport | None:
    """For whoever only wants to know; None where there is none that can be read."""
    try:
        return msgspec.json.decode((workspace / FILE).read_bytes(), type=Passport)
    except (OSError, msgspec.DecodeError):
        return None
