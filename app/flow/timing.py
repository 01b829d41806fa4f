"""When a schedule fires: cron in a time zone or a plain interval, and what becomes of times that were missed.

Cron follows Debian's cron (cronsim): five fields. Where clocks go forward, a time that does not exist runs at
the first minute that does, once; where they go back, a fixed time runs in the first of the two hours alone,
and what runs every hour or every few minutes runs in both. Moments are aware UTC in and out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from cronsim import CronSim, CronSimError
from cronsim.explain import Expression
from msgspec import Meta

from app.flow.wording import suggestion
from app.kit.errors import Complaint, Invalid

SHORTEST_S: Final = 10  # the clock is looked at every second, and an instance takes its time
LONGEST_S: Final = 366 * 24 * 3600
FIRST_YEAR: Final = 2000
ON_TIME: Final = timedelta(seconds=60)  # later than this a time counts as missed
MOST_CAUGHT_UP: Final = 100  # of the times missed, the newest that `all` still runs
MOST_COUNTED: Final = 1_000  # beyond this “1,000” stands for “very many”
# How far to look back for the last times before a moment, nearest first.
_WINDOWS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=400))


class Cron(
    msgspec.Struct, frozen=True, kw_only=True, tag="cron", tag_field="kind", forbid_unknown_fields=True
):
    """Times by the wall clock of a place: `0 9 * * 1-5` in Europe/Berlin."""

    expression: Annotated[
        str, Meta(min_length=1, max_length=200, description="minute hour day month weekday")
    ]
    time_zone: Annotated[str, Meta(max_length=100, description="An IANA name, such as Europe/Berlin")] = "UTC"


class Every(
    msgspec.Struct, frozen=True, kw_only=True, tag="every", tag_field="kind", forbid_unknown_fields=True
):
    """Times a fixed number of seconds apart, counted from `start_at`, whatever clocks on walls say."""

    seconds: Annotated[int, Meta(ge=SHORTEST_S, le=LONGEST_S)]
    start_at: Annotated[datetime, Meta(tz=True)] | None = None


Timing = Cron | Every


class Misfire(StrEnum):
    """What becomes of times at which the box was off: nothing, one run for all of them, or a run each."""

    skip = "skip"
    once = "once"
    all = "all"


class Decision(msgspec.Struct, frozen=True):
    """What a due schedule does now: the time it runs for, if any, how many it passes over, what is next."""

    runs_for: datetime | None
    passed_over: int
    next_at: datetime | None  # None: never again


def check_timing(timing: Timing, now: datetime) -> Timing:
    """The timing, ready to be kept. Raises Invalid for what is no cron, no zone, or never comes."""
    if isinstance(timing, Every):
        start = timing.start_at or now
        if not FIRST_YEAR <= start.year <= now.year + 1:
            raise _unfit("start_at", f"Count from a time between {FIRST_YEAR} and the end of next year.")
        return msgspec.structs.replace(timing, start_at=start.astimezone(UTC).replace(microsecond=0))
    if fault := zone_fault(timing.time_zone):
        raise _unfit("time_zone", fault)
    if len(timing.expression.split()) != 5:
        raise _unfit(
            "expression",
            "A cron expression has five fields: minute, hour, day of the month, month, day of the week.",
        )
    try:
        CronSim(timing.expression, now)
    except CronSimError as exc:
        field = str(exc).removeprefix("Bad ").replace("-", " ")
        raise _unfit("expression", f"The {field} of “{timing.expression}” cannot be read.") from None
    if next_after(timing, now) is None:
        raise _unfit("expression", f"“{timing.expression}” never comes.")
    return timing


def zone_fault(name: str) -> str | None:
    """Why this is no time zone, None when it is one."""
    zones = _zones()
    if name in zones:
        return None
    return f"“{name}” is no time zone, such as Europe/Berlin.{suggestion(name, zones, limit=0)}"


def in_words(timing: Timing) -> str:
    """`At 09:00 on Monday through Friday, Europe/Berlin`."""
    if isinstance(timing, Cron):
        fields = ["0", *timing.expression.upper().split()]
        return f"{Expression(fields).explain()}, {timing.time_zone}"
    return f"Every {_span(timing.seconds)}"


def next_after(timing: Timing, moment: datetime) -> datetime | None:
    """The first time after a moment, None when there is none."""
    return next(times_after(timing, moment), None)


def times_after(timing: Timing, moment: datetime) -> Iterator[datetime]:
    """Every time after a moment, in order."""
    last = moment
    for time in _candidates(timing, moment):
        # Two wall times of a skipped hour are one moment, and one of a doubled hour may lie behind us.
        if time > last:
            last = time
            yield time


def decide(timing: Timing, misfire: Misfire, due: datetime, now: datetime) -> Decision:
    """What to do about a time that has come, and about those since then that nobody ran. `due` ≤ `now`."""
    newest = _newest(timing, due, now, MOST_CAUGHT_UP if misfire is Misfire.all else 1)
    latest = newest[-1]
    match misfire:
        case Misfire.all:
            oldest, *rest = newest
            return Decision(oldest, _count(timing, due, oldest), rest[0] if rest else next_after(timing, now))
        case Misfire.skip if now - latest > ON_TIME:
            return Decision(None, _count(timing, due, latest) + 1, next_after(timing, now))
        case Misfire.skip | Misfire.once:
            return Decision(latest, _count(timing, due, latest), next_after(timing, now))


def _candidates(timing: Timing, moment: datetime) -> Iterator[datetime]:
    if isinstance(timing, Cron):
        zone = ZoneInfo(timing.time_zone)
        for time in CronSim(timing.expression, moment.astimezone(zone)):
            yield time.astimezone(UTC)
        return
    step = timedelta(seconds=timing.seconds)
    start = timing.start_at or datetime.fromtimestamp(0, UTC)
    time = start if moment < start else start + ((moment - start) // step + 1) * step
    while True:
        yield time.astimezone(UTC)
        time += step


def _newest(timing: Timing, due: datetime, now: datetime, most: int) -> list[datetime]:
    """The last times from `due` to `now`, at most so many, oldest first; `due` itself is one of them."""
    for window in _WINDOWS:
        start = now - window
        if start < due:
            break
        found = _between(timing, start, now)
        if len(found) >= most:
            return found[-most:]
    return [due, *_between(timing, due, now)][-most:]


def _between(timing: Timing, start: datetime, end: datetime) -> list[datetime]:
    found = []
    for time in times_after(timing, start):
        if time > end:
            break
        found.append(time)
    return found


def _count(timing: Timing, due: datetime, before: datetime) -> int:
    """How many times there are from `due` on before this one, counted no further than MOST_COUNTED."""
    if before <= due:
        return 0
    return 1 + sum(1 for time in islice(times_after(timing, due), MOST_COUNTED - 1) if time < before)


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(
        "This is no timing a schedule can have.",
        complaints=[Complaint(field=f"timing.{field}", message=message)],
    )


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            number = seconds // size
            return unit if number == 1 else f"{number} {unit}s"
    raise AssertionError("every whole number is a number of seconds")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
