"""Quiet hours: over midnight, in somebody's time zone, also when the clocks change."""

from datetime import UTC, datetime

import pytest

from app.flow.quiet import QuietHours, checked, quiet_until
from app.kit.errors import Invalid

NIGHT = QuietHours(start="22:00", end="07:00", time_zone="Europe/Berlin")
NOON = QuietHours(start="12:00", end="13:30")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "moment", "until"),
    [
        (NIGHT, "2026-01-10T20:59", None),  # 21:59 in Berlin
        (NIGHT, "2026-01-10T21:00", "2026-01-11T06:00"),
        (NIGHT, "2026-01-11T02:00", "2026-01-11T06:00"),
        (NIGHT, "2026-01-11T05:59", "2026-01-11T06:00"),
        (NIGHT, "2026-01-11T06:00", None),
        (NIGHT, "2026-03-28T23:30", "2026-03-29T05:00"),  # the night an hour is missing
        (NOON, "2026-01-10T12:00", "2026-01-10T13:30"),
        (NOON, "2026-01-10T13:30", None),
        (QuietHours(start="08:00", end="08:00"), "2026-01-10T08:00", None),
        (None, "2026-01-10T23:00", None),
    ],
)
def test_when_the_quiet_ends(hours: QuietHours | None, moment: str, until: str | None) -> None:
    assert quiet_until(hours, utc(moment)) == (None if until is None else utc(until))


def test_a_time_zone_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        checked(QuietHours(start="22:00", end="07:00", time_zone="Europe/Berln"))
    assert caught.value.complaints[0].field == "quiet.time_zone"
    assert checked(NIGHT) == NIGHT
