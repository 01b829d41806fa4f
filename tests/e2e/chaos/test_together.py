"""The rules over many instances: honest ones pass, and every lie that is put into them is found."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from app.kit.clock import now
from app.kit.ids import new_id
from tests.e2e.chaos.checker import Fault
from tests.e2e.chaos.history import Delivery, ScheduleRun
from tests.e2e.chaos.test_checker import ACCEPTED, FIRST, PAUSE, at, honest, with_instance, with_step
from tests.e2e.chaos.together import (
    Turn,
    fingerprint,
    judge_deliveries,
    judge_kept,
    judge_promises,
    judge_rounds,
    judge_schedules,
    judge_turns,
    turn_of,
)

IDS = [new_id() for _ in range(4)]  # each greater than the one before
HOOK, SCHEDULE, MOMENT = new_id(), new_id(), now()


def sentences(faults: list[Fault]) -> list[str]:
    return [fault.sentence for fault in faults]


def test_what_was_promised_is_there_and_nothing_else() -> None:
    one, two = IDS[:2]
    assert judge_promises({one: "a"}, {one: "a"}) == []
    assert [fault.instance for fault in judge_promises({one: "a", two: "a"}, {one: "a"})] == [two]
    assert [fault.instance for fault in judge_promises({one: "a"}, {one: "a", two: "a"})] == [two]


def test_a_step_that_runs_others_took_each_round_once() -> None:
    history = with_step(honest(), PAUSE, outputs={"rounds": 2})
    ends = {PAUSE: Counter(completed=2, failed=1)}
    assert judge_rounds(history, ends) == []
    assert len(judge_rounds(history, {PAUSE: Counter(completed=3)})) == 1


# Turns --------------------------------------------------------------------------------------------------


def turn(place: int, begins: float, ends: float, *, on_limit: str = "queue", **facts: Any) -> Turn:
    """One that was asked for at the second of its place, and had to wait if it began later."""
    row: dict[str, Any] = {
        "limit": 1,
        "priority": 0,
        "heard_at": place + 0.5,
        "began_at": begins,
        "worked_at": begins,
        "was_paused": False,
        "was_replaced": False,
        **facts,
    }
    return Turn(
        id=IDS[place],
        workflow="in turn",
        number=place + 1,
        on_limit=on_limit,
        created_at=place,
        ended_at=ends,
        **row,
    )


def test_turns_that_follow_one_another_are_no_fault() -> None:
    assert judge_turns([turn(0, 0, 10), turn(1, 10, 11), turn(2, 11, 12)]) == []


def test_one_too_many_at_work_is_found() -> None:
    crowd = [turn(0, 0, 10), turn(1, 9, 11)]
    assert sentences(judge_turns(crowd)) == ["when it began, 2 were at work; 1 may be"]
    assert judge_turns([replace(one, limit=2) for one in crowd]) == []


def test_what_begins_at_once_counts_from_when_a_worker_takes_it() -> None:
    """Its transaction may have begun before the other one ended, and stood in line meanwhile."""
    assert judge_turns([turn(0, 0, 10), turn(1, 1, 12, worked_at=10.5, heard_at=10.5)]) == []


def test_one_that_was_passed_over_is_found() -> None:
    passed = [turn(0, 0, 10), turn(1, 11, 12), turn(2, 10, 11)]
    assert sentences(judge_turns(passed)) == [f"{IDS[2]} went before it, which had waited longer"]
    # Unless the other one was more urgent, this one was paused, or nobody had heard of it yet.
    assert judge_turns([*passed[:2], replace(passed[2], priority=5)]) == []
    assert judge_turns([passed[0], replace(passed[1], was_paused=True), passed[2]]) == []
    assert judge_turns([passed[0], replace(passed[1], heard_at=10.5), passed[2]]) == []


def test_one_that_began_at_once_while_another_waited_is_found() -> None:
    waiting = [turn(0, 0, 10), turn(1, 20, 21)]
    overtaking = turn(3, 3, 5, worked_at=12)
    assert f"{IDS[3]} went before it, which had waited longer" in sentences(
        judge_turns([*waiting, overtaking])
    )
    cancelled_before = replace(waiting[1], began_at=None, worked_at=None, ended_at=2.0)
    assert judge_turns([waiting[0], cancelled_before, replace(overtaking, worked_at=None)]) == []


def test_one_that_was_cancelled_for_nobody_is_found() -> None:
    older = turn(0, 0, 5, on_limit="replace", was_replaced=True)
    assert judge_turns([older, turn(1, 5, 9, on_limit="replace")]) == []
    assert sentences(judge_turns([older])) == ["it was cancelled for a newer one, and there is none"]


def test_one_that_waited_where_it_was_to_be_refused_is_found() -> None:
    assert judge_turns([turn(0, 0, 1, on_limit="skip")]) == []
    waited = [turn(1, 9, 10, on_limit="skip")]
    assert sentences(judge_turns(waited)) == ["it waited for its turn, and was to be refused"]


def test_a_turn_is_read_from_a_history() -> None:
    history = honest()
    assert turn_of(history, ACCEPTED) is None
    limited = with_instance(history, concurrency_limit=2, on_limit="queue")
    found = turn_of(limited, replace(ACCEPTED, heard_at=7.0))
    assert found is not None
    assert (found.limit, found.heard_at, found.has_waited) == (2, 7.0, True)
    assert (found.began_at, found.worked_at) == (at(2).timestamp(), at(4).timestamp())
    early = [replace(one, at=history.instance.created_at) for one in history.events[:4]]
    at_once = turn_of(replace(limited, events=[*early, *history.events[4:]]), None)
    assert at_once is not None
    assert not at_once.has_waited


# What began by itself -----------------------------------------------------------------------------------


def delivery(place: int, key: str, instance_id: UUID | None = None, *, status: str = "accepted") -> Delivery:
    return Delivery(
        webhook_id=HOOK,
        delivery_key=key,
        status=status,
        instance_id=instance_id or (IDS[place] if status == "accepted" else None),
    )


BEGUN = {IDS[0]: "webhook", IDS[1]: "webhook", IDS[2]: "api"}
HEARD = {(HOOK, "a"): IDS[0], (HOOK, "b"): IDS[1]}
DELIVERIES = [delivery(0, "a"), delivery(3, "c", status="refused"), delivery(1, "b")]


def test_deliveries_that_began_what_they_say_are_no_fault() -> None:
    assert judge_deliveries(DELIVERIES, HEARD, BEGUN) == []


@pytest.mark.parametrize(
    ("deliveries", "begun", "sentence"),
    [
        (DELIVERIES[:2], BEGUN, f"{IDS[1]} was begun by a webhook without a delivery"),
        (DELIVERIES[:2], BEGUN, f"the delivery b was to begin {IDS[1]}; it began None"),
        (DELIVERIES, {IDS[0]: "webhook"}, f"a delivery was accepted for {IDS[1]}, which no webhook began"),
        ([*DELIVERIES, delivery(1, "c")], BEGUN, f"2 deliveries were accepted for {IDS[1]}"),
        ([*DELIVERIES, delivery(3, "b")], {**BEGUN, IDS[3]: "webhook"}, "the delivery b was accepted twice"),
        (
            [*DELIVERIES, delivery(2, "c", IDS[2], status="refused")],
            BEGUN,
            f"a delivery was refused and began {IDS[2]}",
        ),
    ],
    ids=["without a line", "lost", "without an instance", "for one instance", "one id twice", "refused"],
)
def test_a_lie_about_deliveries_is_found(
    deliveries: list[Delivery], begun: dict[UUID, str], sentence: str
) -> None:
    assert sentence in sentences(judge_deliveries(deliveries, HEARD, begun))


def run(place: int, seconds: float, outcome: str = "started") -> ScheduleRun:
    instance_id = IDS[place] if outcome == "started" else None
    return ScheduleRun(schedule_id=SCHEDULE, due_at=at(seconds), outcome=outcome, instance_id=instance_id)


SCHEDULED = {IDS[0]: "schedule", IDS[1]: "schedule", IDS[2]: "api"}
RUNS = [run(0, 10), run(3, 20, "queued"), run(1, 20)]


def test_schedules_that_began_each_time_once_are_no_fault() -> None:
    assert judge_schedules(RUNS, SCHEDULED) == []


@pytest.mark.parametrize(
    ("runs", "begun", "sentence"),
    [
        (
            [run(0, 10), run(1, 10)],
            SCHEDULED,
            f"the schedule {SCHEDULE} began 2 instances for {at(10)}",
        ),
        (RUNS[:2], SCHEDULED, f"{IDS[1]} was begun by a schedule that does not know of it"),
        ([*RUNS, run(2, 30)], SCHEDULED, f"a schedule says it began {IDS[2]}, which no schedule did"),
        ([*RUNS, run(1, 30)], SCHEDULED, f"{IDS[1]} stands for 2 times of schedules"),
    ],
    ids=["twice", "unknown", "of somebody else", "for two times"],
)
def test_a_lie_about_schedules_is_found(
    runs: list[ScheduleRun], begun: dict[UUID, str], sentence: str
) -> None:
    assert sentence in sentences(judge_schedules(runs, begun))


# What was kept ------------------------------------------------------------------------------------------


def test_what_was_kept_is_what_it_was() -> None:
    origin = new_id()
    history = with_step(honest(), FIRST, reused_from=origin)
    (first,) = (one for one in history.steps if one.id == FIRST)
    assert judge_kept(history, {origin: fingerprint(first)}) == []
    assert [fault.rule for fault in judge_kept(history, {})] == ["kept"]
    lie = with_step(history, FIRST, outputs={"value": 2, "number": 3})
    assert [fault.rule for fault in judge_kept(lie, {origin: fingerprint(first)})] == ["kept"]
