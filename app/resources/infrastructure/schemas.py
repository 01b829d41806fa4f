"""What travels out of the health calls."""

from typing import Literal

import msgspec

from app.flow.messages import Gpu
from app.resources.infrastructure.facts import (
    DatabaseFacts,
    LaneFacts,
    RedisFacts,
    StorageFacts,
    Versions,
    WorkerFacts,
)
from app.resources.infrastructure.looking import Finding

Verdict = Literal["healthy", "degraded", "unhealthy"]


class Simple(msgspec.Struct, frozen=True):
    """The public answer: nothing about the inside."""

    status: Literal["healthy"]


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the box. `degraded`: it works, but something wants a look, or could not be found out."""

    status: Verdict
    checks: dict[str, Finding]


class WorkersHealth(Health, frozen=True, kw_only=True):
    """Who works, and what waits."""

    workers: list[WorkerFacts]
    lanes: list[LaneFacts]


class RedisHealth(Health, frozen=True, kw_only=True):
    """Redis, with what it says of itself while it answers."""

    facts: RedisFacts | None


class FullHealth(Health, frozen=True, kw_only=True):
    """Everything that is known about the box, at once."""

    database: DatabaseFacts
    redis: RedisFacts | None
    storage: StorageFacts
    workers: list[WorkerFacts]
    lanes: list[LaneFacts]
    gpus: list[Gpu]
    versions: Versions
