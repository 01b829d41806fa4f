"""Hours in which nobody wants to be told: every day, in somebody's time zone, also over midnight.

Wall-clock times, so that 22:00 stays 22:00 when the clocks change.
"""

from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from app.flow.timing import zone_fault
from app.kit.errors import Complaint, Invalid

Clock = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Such as 22:00")]


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From one time of day to another, which may lie on the next day."""

    start: Clock
    end: Clock
    time_zone: Annotated[str, Meta(max_length=100, description="An IANA name, such as Europe/Berlin")] = "UTC"


def checked(hours: QuietHours) -> QuietHours:
    """The hours, ready to be kept. Raises Invalid for a time zone that is none."""
    if fault := zone_fault(hours.time_zone):
        raise Invalid(complaints=[Complaint(field="quiet.time_zone", message=fault)])
    return hours


def quiet_until(hours: QuietHours | None, moment: datetime) -> datetime | None:
    """When the quiet that this moment lies in ends, in the moment's own zone; None when it is not quiet."""
    if hours is None:
        return None
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    if start == end:
        return None
    local = moment.astimezone(ZoneInfo(hours.time_zone))
    # The stretch began today or, over midnight, yesterday.
    for days in (0, 1):
        began = datetime.combine(local.date() - timedelta(days=days), start, local.tzinfo)
        ends_on = began.date() + timedelta(days=int(end < start))
        ends = datetime.combine(ends_on, end, local.tzinfo)
        if began <= local < ends:
            return ends.astimezone(moment.tzinfo)
    return None
