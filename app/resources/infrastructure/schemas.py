"""What travels out of the health calls."""

from typing import Literal

import msgspec

from app.flow.messages import Gpu
from app.resources.infrastructure.facts import (
    DatabaseFacts,
    LaneFacts,
    RedisFacts,
    StorageFacts,
    WorkerFacts,
)

Status = Literal["healthy", "degraded", "unhealthy"]


class Simple(msgspec.Struct, frozen=True):
    """The public answer: nothing about the inside."""

    status: Literal["healthy"]


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the box, with a sentence."""

    status: Status
    detail: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the box. `degraded`: it works, but something wants a look."""

    status: Status
    checks: dict[str, Check]


class WorkersHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Who works, and what waits."""

    status: Status
    detail: str
    workers: list[WorkerFacts]
    lanes: list[LaneFacts]


class RedisHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Redis, or why it does not answer."""

    status: Status
    detail: str
    facts: RedisFacts | None


class FullHealth(Health, frozen=True, kw_only=True):
    """Everything that is known about the box, at once."""

    database: DatabaseFacts
    redis: RedisFacts | None
    storage: StorageFacts
    workers: list[WorkerFacts]
    lanes: list[LaneFacts]
    gpus: list[Gpu]
