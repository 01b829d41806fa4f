"""The daemon's heartbeat: who it is, so that its silence is noticed."""

import os
import socket
from typing import Final

import msgspec

from app.kit.version import studio_version
from app.resources.infrastructure import noted
from app.resources.periodic import Parts
from app.store.database import Scope

FACT: Final = "daemon"


class Heart(msgspec.Struct, frozen=True, kw_only=True):
    """Where the daemon works."""

    host: str
    pid: int
    version: str


async def beat(parts: Parts) -> int:
    """Note that this process is the daemon and works."""
    async with parts.database.transaction(Scope.nobody()) as tx:
        await noted.note(
            tx, FACT, Heart(host=socket.gethostname(), pid=os.getpid(), version=studio_version())
        )
    return 0
