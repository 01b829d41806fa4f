"""Gates: the box takes nothing new for a time, while what has begun goes on to its end.

    starts      new instances
    cpu, gpu    the steps of a lane; what a worker has begun it finishes

Maintenance closes all of them at a moment that was announced; a drain closes one lane at once. Nothing is
lost behind a closed gate: a start is refused with a sentence, a queued step waits and says why.

Asked before every start and every claim, so each process believes what it read for a second.
"""

import time
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from app.flow.messages import Lane
from app.kit.errors import Unavailable
from app.store.database import Transaction

BELIEVED_S: Final = 1.0
OPENS_IN_S: Final = 60  # what a refused caller is told to wait; nobody knows how long a maintenance takes

_CLOSED = """
SELECT name, why, closes_at, message, said_by, said_at, closes_at <= clock_timestamp() AS is_closed
  FROM gates ORDER BY closes_at, name
"""
_CLOSE = """
INSERT INTO gates (name, why, closes_at, message, said_by)
SELECT name, %(why)s, clock_timestamp() + make_interval(secs => %(in_s)s), %(message)s, %(said_by)s
  FROM unnest(%(names)s::text[]) AS name
    ON CONFLICT (name, why) DO UPDATE
   SET closes_at = excluded.closes_at, message = excluded.message, said_by = excluded.said_by, said_at = now()
"""
_OPEN = "DELETE FROM gates WHERE why = %(why)s AND name = ANY(%(names)s)"


class Gate(StrEnum):
    """What is not taken; a lane's gate has its name."""

    starts = "starts"
    cpu = "cpu"
    gpu = "gpu"


class Why(StrEnum):
    """For what a gate is closed; one opens only when every reason is gone."""

    maintenance = "maintenance"
    drain = "drain"


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """One gate that is closed or will be."""

    name: Gate
    why: Why
    closes_at: datetime
    message: str  # what people are told, in their own words; may be empty
    said_by: str
    said_at: datetime
    is_closed: bool


class InMaintenance(Unavailable):
    """The box is in maintenance and starts nothing new; what has begun goes on, and results are all there."""


class Gates:
    """What one process knows of them."""

    def __init__(self) -> None:
        self._known: list[Closing] = []
        self._read_at = float("-inf")

    async def look(self, tx: Transaction) -> list[Closing]:
        """Every gate that is closed or will be; at most a second old."""
        if time.monotonic() - self._read_at > BELIEVED_S:
            self._known = await read(tx)
            self._read_at = time.monotonic()
        return self._known

    async def refuse_new(self, tx: Transaction) -> None:
        """Raise InMaintenance while nothing new may start."""
        for one in await self.look(tx):
            if one.name is Gate.starts and one.is_closed:
                raise InMaintenance(
                    f"The box is in maintenance{_said(one.message)} Nothing new starts until it is over.",
                    remedy="Try again later; what has begun goes on, and results can be read.",
                    headers={"Retry-After": str(OPENS_IN_S)},
                )

    async def closed_lanes(self, tx: Transaction) -> dict[Lane, str]:
        """The lanes of which no step is handed out now, each with the reason in words."""
        found: dict[Lane, str] = {}
        for one in await self.look(tx):
            if one.is_closed and one.name is not Gate.starts:
                found.setdefault(Lane(one.name), _sentence(one))
        return found

    def forget(self) -> None:
        """Read anew at the next look: what this process has just changed holds for it at once."""
        self._read_at = float("-inf")


async def read(tx: Transaction) -> list[Closing]:
    """Every gate that is closed or will be, soonest first."""
    return msgspec.convert(await tx.fetch_all(_CLOSED), list[Closing])


async def close(
    tx: Transaction, names: Iterable[Gate], why: Why, *, in_s: float, message: str, said_by: str
) -> None:
    """Close these gates in so many seconds; said again, the later word holds."""
    values = {"names": [str(name) for name in names], "why": str(why), "in_s": in_s}
    await tx.execute(_CLOSE, values | {"message": message, "said_by": said_by})


async def reopen(tx: Transaction, names: Collection[Gate], why: Why) -> int:
    """Take back what `close` said; how many gates that concerned."""
    return await tx.execute(_OPEN, {"names": [str(name) for name in names], "why": str(why)})


def _sentence(closing: Closing) -> str:
    match closing.why:
        case Why.maintenance:
            return f"The box is in maintenance{_said(closing.message)} The step starts when it is over."
        case Why.drain:
            return (
                f"The {closing.name} lane is drained{_said(closing.message)} The step starts when it is not."
            )


def _said(message: str) -> str:
    """What a person wrote for the others, as the end of a sentence."""
    words = message.strip().rstrip(".")
    return f" (“{words}”)." if words else "."
