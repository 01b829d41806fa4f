"""Ids that tell their age."""

from datetime import UTC, datetime, timedelta

from app.kit.clock import now
from app.kit.ids import first_id_at, new_id


def test_an_id_lies_between_the_moments_before_and_after_it() -> None:
    moment = now()
    assert first_id_at(moment - timedelta(seconds=1)) < new_id() < first_id_at(moment + timedelta(minutes=1))


def test_before_the_first_moment_there_is_no_id_and_no_fault() -> None:
    assert first_id_at(datetime(1926, 1, 1, tzinfo=UTC)) < new_id()
