"""What every move of the engine is built from, handed over once at construction."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.engine.assets import AssetKeeper
from app.engine.programs import Programs
from app.steps.base import Declaration
from app.store.bus import Bus
from app.store.database import Database
from app.store.queue import Bells

Steps = Mapping[str, type[Declaration[Any, Any]]]  # every step type of this box, by kind


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's tools."""

    database: Database
    programs: Programs
    steps: Steps
    bells: Bells
    bus: Bus
    assets: AssetKeeper
