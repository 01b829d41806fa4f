"""Times: written, read, moved and compared, in any time zone.

A time is text (RFC 3339) or what timestamp(…) makes, and is given back as text in UTC. There is no “now”: an
expression gives the same whenever it is looked at. `instance.created_at` is when the run was made.
"""

import re
from calendar import monthrange
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.flow.library import Example, Time, function
from app.flow.meter import Refused
from app.flow.times import write_time
from app.flow.wording import listing, say_value, shorten, suggestion

_SECONDS: Final = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}
_DAYS: Final = {"days": 1, "weeks": 7}
_MONTHS: Final = {"months": 1, "years": 12}
_UNITS: Final = (*_SECONDS, *_DAYS, *_MONTHS)
_STARTS: Final = ("minute", "hour", "day", "week", "month", "year")
# The parts of a format that read the same on every machine.
_PARTS: Final = frozenset("aAbBdHIjmMpSfGVuwyYzZ%")


@function(
    "Write a time",
    Example("'2026-01-31T23:30:00Z'.format_time('%d.%m.%Y %H:%M', 'Europe/Berlin')", "01.02.2026 00:30"),
    Example("'2026-01-31T23:30:00Z'.format_time()", "2026-01-31"),
    makes=lambda _time, pattern, _zone: 40 * len(pattern),
)
def format_time(time: Time, pattern: str = "%Y-%m-%d", zone: str = "UTC") -> str:
    """The time in words of your own: %Y year, %m month, %d day, %H hour, %M minute, %S second, %A weekday,
    %B month's name, %j day of the year, %V week; %-d leaves the zero in front out."""
    _refuse_unknown_parts(pattern)
    return time.astimezone(_zone(zone)).strftime(pattern)


@function(
    "Read a time",
    Example("'31.01.2026 12:00'.parse_time('%d.%m.%Y %H:%M', 'Europe/Berlin')", "2026-01-31T11:00:00.000Z"),
    Example("'2026-01-31'.parse_time()", "2026-01-31T00:00:00.000Z"),
)
def parse_time(text: str, pattern: str = "%Y-%m-%d", zone: str = "UTC") -> str:
    """The time that a text names, by the same parts as in format_time; in UTC."""
    _refuse_unknown_parts(pattern)
    try:
        found = datetime.strptime(text, pattern)  # noqa: DTZ007  a text need not name a zone; one is given
    except ValueError:
        raise Refused(f"“{shorten(text)}” is no time of the form {shorten(pattern)}.") from None
    return write_time(found if found.tzinfo else found.replace(tzinfo=_zone(zone)))


@function(
    "Move a time",
    Example("'2026-01-31T12:00:00Z'.add_time(1, 'months')", "2026-02-28T12:00:00.000Z"),
    Example(
        "'2026-03-28T11:00:00Z'.add_time(1, 'days', 'Europe/Berlin')",
        "2026-03-29T10:00:00.000Z",
    ),
)
def add_time(time: Time, amount: float, unit: str, zone: str = "UTC") -> str:
    """The time so much later, or earlier for a negative amount; `unit` is seconds to years.

    Days and longer keep the time of day in the zone, whatever its clocks do meanwhile; a month that is too
    short gives its last day.
    """
    if unit in _SECONDS:
        return write_time(time + timedelta(seconds=amount * _SECONDS[unit]))
    if unit not in _UNITS:
        raise Refused(_unknown(unit, _UNITS))
    if not float(amount).is_integer():
        raise Refused(f"add_time() moves by whole {unit}, not by {say_value(amount)}.")
    local, whole = time.astimezone(_zone(zone)), int(amount)
    if unit in _DAYS:
        return write_time(local + timedelta(days=whole * _DAYS[unit]))
    months = local.year * 12 + local.month - 1 + whole * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise Refused("The time lies outside of the years 1 to 9999.")
    day = min(local.day, monthrange(year, month + 1)[1])
    return write_time(local.replace(year=year, month=month + 1, day=day))


@function(
    "Time between",
    Example("time_between('2026-01-01', '2026-01-31', 'days')", 30.0),
    Example("time_between('2026-01-01T12:00:00Z', '2026-01-01T11:59:00Z')", -60.0),
    is_plain=True,
)
def time_between(start: Time, end: Time, unit: str = "seconds") -> float:
    """How much later the end is than the start, in seconds, minutes, hours, days or weeks."""
    lengths = {**_SECONDS, **{name: days * 86_400.0 for name, days in _DAYS.items()}}
    if unit not in lengths:
        raise Refused(_unknown(unit, lengths))
    return (end - start).total_seconds() / lengths[unit]


@function(
    "Start of",
    Example("'2026-01-31T23:30:00Z'.start_of('month')", "2026-01-01T00:00:00.000Z"),
    Example("'2026-01-31T23:30:00Z'.start_of('day', 'Europe/Berlin')", "2026-01-31T23:00:00.000Z"),
)
def start_of(time: Time, unit: str, zone: str = "UTC") -> str:
    """The moment at which the minute, hour, day, week (a Monday), month or year began in the zone."""
    if unit not in _STARTS:
        raise Refused(_unknown(unit, _STARTS))
    local = time.astimezone(_zone(zone)).replace(second=0, microsecond=0)
    if unit != "minute":
        local = local.replace(minute=0)
    if unit not in {"minute", "hour"}:
        local = local.replace(hour=0)
    match unit:
        case "week":
            local -= timedelta(days=local.weekday())
        case "month":
            local = local.replace(day=1)
        case "year":
            local = local.replace(month=1, day=1)
    return write_time(local)


@function(
    "Seconds since 1970",
    Example("'2026-01-31T12:00:00Z'.unix_time()", 1769860800.0),
)
def unix_time(time: Time) -> float:
    """The time as many programs count it: seconds since 1970, in UTC."""
    return time.timestamp()


@function(
    "Time of seconds",
    Example("from_unix_time(1769860800)", "2026-01-31T12:00:00.000Z"),
    is_plain=True,
)
def from_unix_time(seconds: float) -> str:
    """The time that lies so many seconds after 1970 began."""
    return write_time(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"There is no time zone “{shorten(name)}”; one is Europe/Berlin, or UTC.") from None


def _refuse_unknown_parts(pattern: str) -> None:
    for part in re.findall(r"%-?(.?)", pattern):
        if part not in _PARTS:
            raise Refused(f"A time has no part “%{part}”; those there are, are %Y %m %d %H %M %S and others.")


def _unknown(unit: str, known: Collection[str]) -> str:
    return (
        f"There is no unit “{shorten(unit)}”.{suggestion(unit, known, limit=0)} Known are {listing(known)}."
    )
