"""Timing: clocks that jump, times that were missed, and expressions nobody should be able to save."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from app.flow.timing import (
    MOST_CAUGHT_UP,
    MOST_COUNTED,
    Cron,
    Decision,
    Every,
    Misfire,
    Timing,
    check_timing,
    decide,
    in_words,
    next_after,
    times_after,
)
from app.kit.errors import Invalid

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def times(expression: str, zone: str, after: str, count: int) -> list[str]:
    """The next times, as UTC without seconds."""
    timing = Cron(expression=expression, time_zone=zone)
    return [f"{time:%m-%d %H:%M}" for time in islice(times_after(timing, at(after)), count)]


def test_a_wall_time_stays_on_the_wall_when_clocks_change() -> None:
    assert times("0 9 * * *", BERLIN, "2026-03-28T00:00:00Z", 3) == [
        *("03-28 08:00", "03-29 07:00", "03-30 07:00")
    ]
    assert times("0 9 * * *", NEW_YORK, "2026-10-31T00:00:00Z", 3) == [
        *("10-31 13:00", "11-01 14:00", "11-02 14:00")
    ]


@pytest.mark.parametrize(
    ("zone", "after", "first", "then"),
    [
        # Berlin goes from 02:00 to 03:00 on 29 March 2026, New York on 8 March.
        (BERLIN, "2026-03-28T12:00:00Z", "03-29 01:00", "03-30 00:30"),
        (NEW_YORK, "2026-03-07T12:00:00Z", "03-08 07:00", "03-09 06:30"),
    ],
)
def test_a_time_in_the_skipped_hour_runs_at_its_end_and_once(
    zone: str, after: str, first: str, then: str
) -> None:
    assert times("30 2 * * *", zone, after, 2) == [first, then]
    both = times("0,30 2 * * *", zone, after, 2)
    assert both[0] == first
    assert both[1] != first


@pytest.mark.parametrize(
    ("zone", "after", "first", "then"),
    [
        # Berlin has 02:00 to 03:00 twice on 25 October 2026, New York 01:00 to 02:00 on 1 November.
        (BERLIN, "2026-10-24T12:00:00Z", "10-25 00:30", "10-26 01:30"),
        (NEW_YORK, "2026-10-31T12:00:00Z", "11-01 05:30", "11-02 06:30"),
    ],
)
def test_a_fixed_time_in_the_doubled_hour_runs_the_first_time_alone(
    zone: str, after: str, first: str, then: str
) -> None:
    hour = 2 if zone == BERLIN else 1
    assert times(f"30 {hour} * * *", zone, after, 2) == [first, then]


def test_in_the_middle_of_the_doubled_hour_nothing_lies_behind() -> None:
    # 02:10 for the second time: 02:30 of the first is 40 minutes ago.
    assert times("30 2 * * *", BERLIN, "2026-10-25T01:10:00Z", 1) == ["10-26 01:30"]


def test_what_runs_every_hour_runs_in_both_of_them() -> None:
    assert times("30 * * * *", BERLIN, "2026-10-24T23:45:00Z", 3) == [
        *("10-25 00:30", "10-25 01:30", "10-25 02:30")
    ]
    assert times("*/30 * * * *", NEW_YORK, "2026-11-01T04:45:00Z", 4) == [
        *("11-01 05:00", "11-01 05:30", "11-01 06:00", "11-01 06:30")
    ]


def test_an_interval_knows_no_clocks() -> None:
    every = Every(seconds=7200, start_at=at("2026-10-24T22:15:00Z"))
    found = list(islice(times_after(every, at("2026-10-24T23:00:00Z")), 3))
    assert found == [at("2026-10-25T00:15Z"), at("2026-10-25T02:15Z"), at("2026-10-25T04:15Z")]


def test_an_interval_begins_where_it_is_counted_from() -> None:
    every = Every(seconds=60, start_at=NOON)
    assert next_after(every, NOON - timedelta(days=3)) == NOON
    assert next_after(every, NOON) == NOON + timedelta(seconds=60)
    assert check_timing(Every(seconds=60), NOON + timedelta(microseconds=5)) == every


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        (
            Cron(expression="0 9 * * 1-5", time_zone=BERLIN),
            "At 09:00 on Monday through Friday, Europe/Berlin",
        ),
        (Every(seconds=900), "Every 15 minutes"),
        (Every(seconds=86_400), "Every day"),
        (Every(seconds=90), "Every 90 seconds"),
    ],
)
def test_a_timing_can_be_said(timing: Timing, words: str) -> None:
    assert in_words(timing) == words


@pytest.mark.parametrize(
    ("timing", "part"),
    [
        (Cron(expression="61 * * * *"), "minute"),
        (Cron(expression="* * * *"), "five fields"),
        (Cron(expression="* * * * * *"), "five fields"),
        (Cron(expression="0 0 31 2 *"), "day of month"),
        (Cron(expression="0 0 */20 * 1L"), "never comes"),
        (Cron(expression="@daily"), "five fields"),
        (Cron(expression="²L ²L ²L ²L ²L"), "minute"),
        (Cron(expression="0 0 * * ²L"), "day of week"),
        (Cron(expression="0 9 * * *", time_zone="Europe/Berlni"), "Europe/Berlin"),
        (Cron(expression="0 9 * * *", time_zone="../../etc/passwd"), "no time zone"),
        (Cron(expression="0 9 * * *", time_zone=""), "no time zone"),
        (Every(seconds=60, start_at=datetime(9999, 12, 31, tzinfo=UTC)), "Count from"),
        (Every(seconds=60, start_at=datetime(1, 1, 1, tzinfo=UTC)), "Count from"),
    ],
)
def test_what_can_never_run_is_refused_in_words(timing: Timing, part: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_timing(timing, NOON)
    (complaint,) = caught.value.complaints
    assert part in complaint.message
    assert complaint.field is not None and complaint.field.startswith("timing.")


MINUTELY = Cron(expression="* * * * *")


@pytest.mark.parametrize("misfire", list(Misfire))
def test_a_time_that_has_just_come_runs_under_every_rule(misfire: Misfire) -> None:
    assert decide(MINUTELY, misfire, NOON, NOON + timedelta(seconds=2)) == Decision(
        NOON, 0, NOON + timedelta(minutes=1)
    )


def test_skip_runs_what_is_on_time_and_passes_over_the_rest() -> None:
    late = NOON + timedelta(minutes=10, seconds=2)
    assert decide(MINUTELY, Misfire.skip, NOON, late) == Decision(
        NOON + timedelta(minutes=10), 10, NOON + timedelta(minutes=11)
    )
    daily = Cron(expression="0 12 * * *")
    assert decide(daily, Misfire.skip, NOON, late) == Decision(None, 1, NOON + timedelta(days=1))


def test_once_runs_one_for_all_of_them() -> None:
    hourly = Every(seconds=3600, start_at=NOON)
    now = NOON + timedelta(hours=5, minutes=20)
    assert decide(hourly, Misfire.once, NOON, now) == Decision(
        NOON + timedelta(hours=5), 5, NOON + timedelta(hours=6)
    )


def test_all_runs_them_one_by_one_and_the_oldest_beyond_the_bound_not_at_all() -> None:
    hourly = Every(seconds=3600, start_at=NOON)
    due, now, runs = NOON, NOON + timedelta(hours=5), []
    while due <= now:
        decision = decide(hourly, Misfire.all, due, now)
        runs.append(decision.runs_for)
        assert decision.next_at is not None
        due = decision.next_at
    assert runs == [NOON + timedelta(hours=hour) for hour in range(6)]

    far = NOON + timedelta(hours=500)
    first = decide(hourly, Misfire.all, NOON, far)
    assert first.runs_for == far - timedelta(hours=MOST_CAUGHT_UP - 1)
    assert first.passed_over == 501 - MOST_CAUGHT_UP


@pytest.mark.parametrize("misfire", list(Misfire))
def test_a_box_that_was_off_for_two_years_decides_in_bounded_work(misfire: Misfire) -> None:
    decision = decide(MINUTELY, misfire, NOON, NOON + timedelta(days=800))
    assert decision.passed_over == MOST_COUNTED
    if misfire is not Misfire.all:
        assert decision.runs_for == NOON + timedelta(days=800)
