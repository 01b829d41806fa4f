"""How the box is looked at: a check asks one part and says in a sentence how it is.

What several checks want to know is asked once a look (`Box.see`); a check that cannot be run says so and is
never taken for well.

The checks are in `checks`: one file a check, found, not listed.
A file brings `CHECK` and says what it found, with the remedy for whatever is not well:

    async def look(box: Box) -> Finding | None:
        newest = await box.see(newest_backup)       # asked once a look, however many checks want it
        if newest is None:
            return degraded("There is no backup yet.", "Make one: studio backup.")
        return healthy(f"The newest backup is of {newest}.", age_s=newest.age_s)

    CHECK = Check(name="backups", look=look)

- `healthy`, `degraded` (it works, but wants a look), `unhealthy`, and `unknown` (nobody could find out, which
  is never green); None where there is nothing to check on this box.
- It may take two seconds. What takes longer is found out by a job of the daemon and noted (`noted.py`), and
  the check judges the note and its age.
- What it raises counts as “could not be run”. `probe` is what `/readyz` asks instead and tells to everybody,
  so its sentences tell nothing about the inside; `closes_the_door`: nobody is sent here unless that is well.
- It stands on the System page, in `/api/v1/infrastructure/health` and in the metrics at once.
"""

import asyncio
import functools
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.kit.errors import Unavailable
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.resources.infrastructure import checks
from app.store.database import Database

log = get_logger(__name__)
T = TypeVar("T")

PATIENCE_S: Final = 2.0  # a check that hangs is worse than one that fails
SILENT: Final = (RedisError, OSError, TimeoutError)  # how Redis is away

# `degraded`: it works, but something wants a look. `unknown`: the check could not be run.
Status = Literal["healthy", "degraded", "unhealthy", "unknown"]
Fact = str | int | float | bool | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """How one part of the box is. Whatever is not healthy names its remedy."""

    status: Status
    detail: str
    remedy: str | None = None
    facts: dict[str, Fact] = {}


def healthy(detail: str, **facts: Fact) -> Finding:
    """All is well."""
    return Finding(status="healthy", detail=detail, facts=facts)


def degraded(detail: str, remedy: str, **facts: Fact) -> Finding:
    """It works, but something wants a look."""
    return Finding(status="degraded", detail=detail, remedy=remedy, facts=facts)


def unhealthy(detail: str, remedy: str, **facts: Fact) -> Finding:
    """It does not work."""
    return Finding(status="unhealthy", detail=detail, remedy=remedy, facts=facts)


def unknown(detail: str, remedy: str, **facts: Fact) -> Finding:
    """Nobody could find out."""
    return Finding(status="unknown", detail=detail, remedy=remedy, facts=facts)


class Box:
    """One look at the box: its parts, and what has been found out about them in this look."""

    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        self.settings = settings
        self.database = database
        self.redis = redis
        self._seen: dict[Any, asyncio.Future[Any]] = {}

    async def see(self, fact: Callable[["Box"], Awaitable[T]]) -> T:
        """What this function finds out, asked once for everybody who wants to know. Raises what it raises."""
        if fact not in self._seen:
            self._seen[fact] = asyncio.ensure_future(fact(self))
        # Shielded: one whose patience ends must not take it from the others.
        found: T = await asyncio.shield(self._seen[fact])
        return found


Look = Callable[[Box], Awaitable[Finding | None]]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One file of `checks`. See there."""

    name: str
    look: Look
    probe: Look | None = None  # what /readyz asks instead and tells to everybody
    closes_the_door: bool = False  # nobody is sent here while the probe is not healthy


@functools.cache  # looking through folders takes milliseconds, and probes come often
def all_checks() -> tuple[Check, ...]:
    """Every check there is, in the order of the files' names."""
    modules = sorted(pkgutil.iter_modules(checks.__path__), key=lambda one: one.name)
    return tuple(importlib.import_module(f"{checks.__name__}.{one.name}").CHECK for one in modules)


async def look_around(box: Box, looks: Mapping[str, Look]) -> dict[str, Finding]:
    """What these find under their names, all at once; one that says nothing has nothing to do on this box."""
    found = await asyncio.gather(*(_look(box, name, look) for name, look in looks.items()))
    return {name: one for name, one in zip(looks, found, strict=True) if one is not None}


async def _look(box: Box, name: str, look: Look) -> Finding | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await look(box)
    except TimeoutError:
        return unknown(
            f"This could not be found out within {PATIENCE_S:g} s.",
            "Look again; if it stays so, see what keeps the box busy in the log.",
        )
    except Unavailable as exc:
        return unknown(f"This could not be found out. {exc.detail}", "Bring that part back first.")
    except Exception as exc:  # noqa: BLE001  one check's fault must not hide what the others found
        log.error("check failed", action="check_failed", check=name, error=repr(exc))
        return unknown("This check failed by itself.", "The log of studio-api says why, at “check failed”.")


def worst(found: dict[str, Finding]) -> Literal["healthy", "degraded", "unhealthy"]:
    """The whole is as well as its worst part; what nobody could find out is not well."""
    states = {finding.status for finding in found.values()}
    if "unhealthy" in states:
        return "unhealthy"
    return "healthy" if states <= {"healthy"} else "degraded"
