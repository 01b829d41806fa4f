"""Errors, ids, clock and crypto: small promises the floors above rely on."""

from datetime import UTC, datetime

import pytest

from app.kit import crypto
from app.kit.clock import rfc3339
from app.kit.errors import Conflict, NotFound
from app.kit.ids import new_id, parse_id


class InstanceAlreadyFinished(Conflict):
    """This instance has finished;
    start a new one to try again.

    More for the reader of the code.
    """


def test_an_errors_docstring_is_its_sentence() -> None:
    assert InstanceAlreadyFinished().detail == "This instance has finished; start a new one to try again."
    assert (
        InstanceAlreadyFinished.code() == "instance-already-finished"
        and InstanceAlreadyFinished.status == 409
    )


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids) and len(set(ids)) == 1000 and ids[0].version == 7


def test_what_is_no_id_names_nothing() -> None:
    with pytest.raises(NotFound):
        parse_id("../etc")


def test_a_naive_time_is_refused() -> None:
    assert rfc3339(datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)) == "2026-01-02T03:04:05.678Z"
    with pytest.raises(ValueError, match="naive"):
        rfc3339(datetime(2026, 1, 2))  # noqa: DTZ001


def test_one_key_gives_unlike_secrets_for_unlike_purposes() -> None:
    assert crypto.derive("key", "a") != crypto.derive("key", "b")
    assert crypto.derive("key", "a") == crypto.derive("key", "a")
    assert crypto.same("a", b"a") and not crypto.same("a", "b")
