"""The periodic work of a room: its `jobs` module names some, the daemon finds and runs them.

JOBS = (Job("uploads cleaned", every_s=3600.0, run=remove_stale),)
"""

from collections.abc import Awaitable, Callable

import msgspec

from app.engine.engine import Engine
from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.kit.tally import Tally
from app.kit.volume import Watch
from app.resources.discovery import room_modules
from app.store.bus import Bus
from app.store.database import Database


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may work with."""

    settings: Settings
    database: Database
    engine: Engine
    blobs: BlobFolder
    bus: Bus
    tally: Tally = msgspec.field(default_factory=Tally)
    watch: Watch = Watch()  # whether the volume takes more


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do again and again; harmless to do twice or to miss once."""

    name: str  # a past-tense fact, for the log
    every_s: float
    run: Callable[[Parts], Awaitable[int]]  # how much there was to do; 0 is not logged


def all_jobs() -> list[Job]:
    """The periodic work of every room."""
    return [job for module in room_modules("jobs") for job in module.JOBS]
