"""What `studio.json` says: who a volume is and which Studios took it over. Boot writes it.

Names are read by programs of every version: add, never rename.
"""

from datetime import datetime
from pathlib import Path

import msgspec

FILE = "studio.json"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One version of Studio that took this volume over."""

    version: str
    schema: str | None = None  # the revision it brought the database to; None: another box knows
    since: datetime
    former: str | None = None  # the version that had the volume before; None: nobody known
    former_schema: str | None = None
    backup: str | None = None  # made right before, when the schema was to change
    healthy_at: datetime | None = None  # somebody signed in and a workflow ran, or it was new and got ready
    failure: str | None = None  # why it did not get there
    is_undone: bool = False  # the database was brought back to how it was before


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
