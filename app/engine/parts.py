"""What every move of the engine is built from, handed over once at construction."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from app.engine.assets import AssetKeeper
from app.engine.callbacks import Callbacks
from app.engine.gates import Gates
from app.engine.programs import Programs
from app.engine.rota import Rota
from app.kit.tally import Tally
from app.kit.volume import Watch
from app.steps.base import Declaration
from app.store.bus import Bus
from app.store.database import Database
from app.store.queue import Bells

Steps = Mapping[str, type[Declaration[Any, Any]]]  # every step type of this box, by kind


class Sequels(msgspec.Struct, frozen=True, kw_only=True):
    """Moves of other instances that a move leads to, each a transaction of its own after the commit.

    The caller waits for the first few; the rest goes on in the background of its process (`lead_to`). One may
    be lost with that process: the daemon finds what it would have done.
    """

    begin_child: Callable[["Parts", UUID], Awaitable[Any]]  # of the step that calls it
    tell_parent: Callable[["Parts", UUID], Awaitable[Any]]  # of the child that has ended
    end_children: Callable[["Parts", UUID], Awaitable[Any]]  # of an instance that has ended, or of its steps
    admit: Callable[["Parts", UUID], Awaitable[Any]]  # of the workflow whose instances wait for their turn


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's tools."""

    database: Database
    programs: Programs
    steps: Steps
    bells: Bells
    bus: Bus
    assets: AssetKeeper
    callbacks: Callbacks
    sequels: Sequels
    rota: Rota
    tally: Tally
    watch: Watch  # whether the volume takes more
    gates: Gates
