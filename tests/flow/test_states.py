"""State machines: what the map draws may happen, and nothing else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flow.states import (
    ATTEMPT_MOVES,
    INSTANCE_MOVES,
    STEP_MOVES,
    AttemptStatus,
    ForbiddenMove,
    InstanceStatus,
    StepStatus,
    is_settled,
    may_move,
    move,
)

Table = Mapping[StrEnum, frozenset[StrEnum]]

MACHINES: list[tuple[type[StrEnum], Any, set[str]]] = [
    (InstanceStatus, INSTANCE_MOVES, {"completed", "failed", "cancelled"}),
    (StepStatus, STEP_MOVES, {"completed", "failed", "skipped", "cancelled"}),
    (AttemptStatus, ATTEMPT_MOVES, {"completed", "failed", "lost", "cancelled"}),
]


@pytest.mark.parametrize(("statuses", "table", "ends"), MACHINES)
def test_every_state_stands_in_its_table_and_the_ends_are_ends(
    statuses: type[StrEnum], table: Table, ends: set[str]
) -> None:
    assert set(table) == set(statuses)
    assert {str(status) for status in statuses if is_settled(table, status)} == ends


@pytest.mark.parametrize(("statuses", "table", "ends"), MACHINES)
def test_from_every_state_an_end_can_be_reached(
    statuses: type[StrEnum], table: Table, ends: set[str]
) -> None:
    for status in statuses:
        reached, frontier = {status}, [status]
        while frontier:
            news = table[frontier.pop()] - reached
            reached |= news
            frontier += news
        assert {str(one) for one in reached} & ends


@given(st.sampled_from(MACHINES), st.data())
def test_a_move_is_made_or_refused_as_the_table_says(
    machine: tuple[type[StrEnum], Table, set[str]], data: st.DataObject
) -> None:
    statuses, table, _ = machine
    current, target = (data.draw(st.sampled_from(list(statuses))) for _ in range(2))
    if may_move(table, current, target):
        assert move(table, current, target) is target
    else:
        with pytest.raises(ForbiddenMove, match=f"{current} to {target}"):
            move(table, current, target)


def test_nothing_that_has_ended_comes_back() -> None:
    for statuses, table, _ in MACHINES:
        for status in statuses:
            if is_settled(table, status):
                assert not any(may_move(table, status, other) for other in statuses)
