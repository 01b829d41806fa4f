"""The checker itself: it lets an honest history pass and finds every lie that was put into one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from app.kit.clock import now
from tests.e2e.chaos import checker
from tests.e2e.chaos.checker import Accepted, judge, judge_blobs
from tests.e2e.chaos.history import Attempt, Event, History, Instance, Step
from tests.e2e.chaos.shape import Ending, work

INSTANCE, START = uuid4(), now()
FIRST, SPREAD, PAUSE = uuid4(), uuid4(), uuid4()
ITEMS = [uuid4(), uuid4(), uuid4()]

NODES = [
    work("first", retry={"max": 1, "on": ["transient"]}),
    work("spread", each=["x", "y", "z"], max_parallel=2),
    work("pause", "core.delay", with_={"seconds": 2}),
]
ACCEPTED = Accepted(ending=Ending(outputs={"list": ["x", "y", "z"], "picture": "abc"}))


def at(seconds: float) -> datetime:
    """A moment of the story."""
    return START + timedelta(seconds=seconds)


def step(step_id: UUID, node_id: str, begin: float, end: float, **facts: Any) -> Step:
    """A completed step."""
    row: dict[str, Any] = {"kind": "debug.work", "lane": "cpu", "status": "completed", **facts}
    return Step(
        id=step_id, instance_id=INSTANCE, node_id=node_id, started_at=at(begin), ended_at=at(end), **row
    )


def attempt(step_id: UUID, number: int, begin: float, end: float, **facts: Any) -> Attempt:
    """An attempt that completed."""
    row: dict[str, Any] = {"status": "completed", "cause": "first", "fence": 1, "lane": "cpu", **facts}
    return Attempt(
        id=uuid4(),
        instance_id=INSTANCE,
        step_id=step_id,
        number=number,
        available_at=at(begin),
        claimed_at=at(begin),
        ended_at=at(end),
        **row,
    )


def events(*told: tuple[str, UUID | None, str]) -> list[Event]:
    """Events with these types, steps and states, numbered."""
    return [
        Event(instance_id=INSTANCE, seq=seq, type=kind, step_id=step_id, data={"status": status}, at=at(seq))
        for seq, (kind, step_id, status) in enumerate(told, start=1)
    ]


def honest() -> History:
    """A step that failed once and was lost once, a fan-out of three, two at a time, and a delay."""
    told = events(
        ("instance.created", None, "pending"),
        ("step.queued", FIRST, "queued"),
        ("step.waiting", PAUSE, "waiting"),
        ("step.started", FIRST, "running"),
        ("instance.running", None, "running"),
        ("step.retrying", FIRST, "queued"),
        ("step.started", FIRST, "running"),
        ("step.requeued", FIRST, "queued"),
        ("step.started", FIRST, "running"),
        ("step.completed", FIRST, "completed"),
        ("step.running", SPREAD, "running"),
        *(("step.started", item, "running") for item in ITEMS),
        *(("step.completed", item, "completed") for item in ITEMS),
        ("step.completed", SPREAD, "completed"),
        ("instance.waiting", None, "waiting"),
        ("step.completed", PAUSE, "completed"),
        ("instance.completed", None, "completed"),
    )
    outputs = {
        "list": ["x", "y", "z"],
        "picture": {"asset": "1", "name": "a.png", "mime": "image/png", "size_bytes": 1, "sha256": "abc"},
    }
    items = [
        step(
            item,
            "spread",
            5 + place,
            7 + place,
            path=[place],
            parent_id=SPREAD,
            ordinal=place,
            item="xyz"[place],
            outputs={"value": "xyz"[place], "number": 1},
        )
        for place, item in enumerate(ITEMS)
    ]
    # The third begins in the move that ends the first.
    begins = [5, 6, 7]
    return History(
        instance=Instance(
            id=INSTANCE,
            workflow="honest",
            status="completed",
            outputs=outputs,
            event_seq=len(told),
            total_steps=3,
            open_steps=0,
            busy_steps=0,
            created_at=at(0),
            ended_at=at(20),
            definition={"nodes": NODES},
        ),
        steps=[
            step(FIRST, "first", 0, 4, outputs={"value": 1, "number": 3}, attempts_used=1, times_lost=1),
            step(
                SPREAD,
                "spread",
                5,
                9,
                item=["x", "y", "z"],
                items_total=3,
                items_made=3,
                items_started=3,
                outputs={"value": ["x", "y", "z"], "number": [1, 1, 1]},
            ),
            step(PAUSE, "pause", 0, 20, kind="core.delay", lane="inline", outputs={"value": None}),
            *items,
        ],
        attempts=[
            attempt(FIRST, 1, 0, 1, status="failed", error={"class": "transient"}),
            attempt(FIRST, 2, 1, 2, status="lost", cause="retry"),
            attempt(FIRST, 3, 2, 4, cause="lost"),
            *(
                attempt(item, 1, begin, 7 + place)
                for place, (item, begin) in enumerate(zip(ITEMS, begins, strict=True))
            ),
        ],
        events=told,
    )


# Lies ---------------------------------------------------------------------------------------------------


def with_instance(history: History, **changes: Any) -> History:
    return replace(history, instance=replace(history.instance, **changes))


def with_step(history: History, step_id: UUID, **changes: Any) -> History:
    steps = [replace(one, **changes) if one.id == step_id else one for one in history.steps]
    return replace(history, steps=steps)


def with_attempt(history: History, place: int, **changes: Any) -> History:
    attempts = list(history.attempts)
    attempts[place] = replace(attempts[place], **changes)
    return replace(history, attempts=attempts)


def with_event(history: History, number: int, **changes: Any) -> History:
    told = [replace(one, **changes) if one.seq == number else one for one in history.events]
    return replace(history, events=told)


def told_too(history: History, kind: str, step_id: UUID | None, status: str, *, before_end: bool) -> History:
    """One event more, in front of the last or behind it, the numbers whole."""
    (more,) = events((kind, step_id, status))
    told = [*history.events[:-1], more, history.events[-1]] if before_end else [*history.events, more]
    numbered = [replace(event, seq=seq) for seq, event in enumerate(told, start=1)]
    return with_instance(replace(history, events=numbered), event_seq=len(numbered))


def paused_before(history: History, number: int, *, until: int) -> History:
    """Somebody has paused it in front of one event and resumed it in front of another."""
    paused = replace(events(("instance.paused", None, "waiting"))[0], data={})
    resumed = replace(paused, type="instance.resumed")
    at_place = {number: [paused], until: [resumed]}
    told = [one for event in history.events for one in (*at_place.get(event.seq, ()), event)]
    numbered = [replace(event, seq=seq) for seq, event in enumerate(told, start=1)]
    return with_instance(replace(history, events=numbered), event_seq=len(numbered))


def called(history: History, *, times: int, told: int) -> History:
    """The pause is a step that was called so often, and told to be so often."""
    wait = {"answers": [{"value": "x"}] * times}
    history = with_step(history, PAUSE, kind="webhook.wait", wait=wait)
    for _ in range(told):
        history = told_too(history, "step.answered", PAUSE, "waiting", before_end=True)
    # The last of the story tells of the end, and the step ends in front of that.
    ends = [one for one in history.events if one.type == "step.completed" and one.step_id == PAUSE]
    others = [one for one in history.events if one not in ends]
    ordered = [*others[:-1], *ends, others[-1]]
    return replace(history, events=[replace(one, seq=seq) for seq, one in enumerate(ordered, start=1)])


def without_item(history: History) -> History:
    steps = [one for one in history.steps if one.id != ITEMS[1]]
    return replace(history, steps=steps)


def run_twice(history: History) -> History:
    """An item stands there twice."""
    return replace(history, steps=[*history.steps, replace(history.steps[-1], id=uuid4())])


def without_event(history: History) -> History:
    return replace(history, events=[one for one in history.events if one.seq != 6])


def completed_twice(history: History) -> History:
    return with_attempt(history, 1, status="completed")


def failed_twice(history: History) -> list[Attempt]:
    """The first try failed in a way that is not tried again, and so did the second."""
    refused = [replace(one, status="failed", error={"class": "refused"}) for one in history.attempts[:2]]
    return [*refused, *history.attempts[2:]]


def second_result(history: History) -> History:
    """A late attempt has completed behind the one that counted."""
    again = attempt(FIRST, 4, 4, 4, cause="lost")
    return replace(history, attempts=[*history.attempts[:3], again, *history.attempts[3:]])


Lie = Callable[[History], History]

LIES: list[tuple[str, Lie, str]] = [
    ("it never ended", lambda h: with_instance(h, status="running", ended_at=None), "one_end"),
    ("it ended twice", lambda h: told_too(h, "instance.failed", None, "failed", before_end=False), "one_end"),
    ("something was told after the end", lambda h: told_too(h, "x", FIRST, "queued", before_end=False),
     "one_end"),
    ("a step is open", lambda h: with_step(h, PAUSE, status="waiting", ended_at=None), "one_end"),
    ("an attempt is leased", lambda h: with_attempt(h, 2, status="leased"), "one_end"),
    ("other outputs", lambda h: with_instance(h, outputs={"list": ["x", "z", "y"]}), "right_end"),
    ("it failed without cause", lambda h: with_instance(h, status="failed", error={"class": "bug"}),
     "right_end"),
    ("an event is missing", without_event, "no_gap"),
    ("an event is there twice", lambda h: with_event(h, 7, seq=6), "no_gap"),
    ("the last number is wrong", lambda h: with_instance(h, event_seq=99), "no_gap"),
    ("it came back from its end",
     lambda h: told_too(h, "instance.running", None, "running", before_end=False), "allowed_instance_moves"),
    ("it is not what was told", lambda h: with_event(h, 21, data={"status": "failed"}),
     "allowed_instance_moves"),
    ("a step came back from its end",
     lambda h: told_too(h, "step.started", FIRST, "running", before_end=True), "allowed_step_moves"),
    ("a step ran without being queued", lambda h: with_event(h, 6, data={"status": "pending"}),
     "allowed_step_moves"),
    ("an item came back", lambda h: told_too(h, "step.started", ITEMS[0], "running", before_end=True),
     "allowed_step_moves"),
    ("two attempts completed", completed_twice, "one_result"),
    ("a late attempt completed", second_result, "one_result"),
    ("no attempt completed", lambda h: with_attempt(h, 2, status="cancelled"), "one_result"),
    ("outputs of another attempt", lambda h: with_step(h, FIRST, outputs={"value": 1, "number": 2}),
     "one_result"),
    ("two attempts at once", lambda h: with_attempt(h, 2, available_at=at(1.5)), "orderly_attempts"),
    ("an attempt is missing", lambda h: replace(h, attempts=[h.attempts[0], *h.attempts[2:]]),
     "orderly_attempts"),
    ("leased twice", lambda h: with_attempt(h, 2, fence=2), "orderly_attempts"),
    ("an attempt after the end of its step", lambda h: with_attempt(h, 2, claimed_at=at(5)),
     "orderly_attempts"),
    ("a loss counted as a failure", lambda h: with_step(h, FIRST, attempts_used=2, times_lost=0),
     "fair_counting"),
    ("given up too early", lambda h: with_step(h, FIRST, status="failed", error={"class": "transient"}),
     "fair_counting"),
    ("tried again although nobody asked",
     lambda h: replace(with_step(h, FIRST, attempts_used=2), attempts=failed_twice(h)),
     "fair_counting"),
    ("an item is missing", without_item, "whole_fan_outs"),
    ("an item ran twice", run_twice, "whole_fan_outs"),
    ("a failure that was none", lambda h: with_step(h, SPREAD, outputs={"failed": [{"index": 1}]}),
     "whole_fan_outs"),
    ("gathered in another order", lambda h: with_step(h, SPREAD, outputs={"value": ["x", "z", "y"]}),
     "whole_fan_outs"),
    ("another list", lambda h: with_step(h, SPREAD, item=["x", "y", "w"]), "whole_fan_outs"),
    ("open steps are counted", lambda h: with_instance(h, open_steps=1), "true_counters"),
    ("a step too many is counted", lambda h: with_instance(h, total_steps=4), "true_counters"),
    ("an open item is counted", lambda h: with_step(h, SPREAD, items_open=1), "true_counters"),
    ("too many at once", lambda h: with_attempt(h, 5, available_at=at(6.5)), "kept_windows"),
    ("begun out of order", lambda h: with_attempt(h, 4, available_at=at(4)), "kept_windows"),
    ("a worker took a step of it while it was paused", lambda h: paused_before(h, 9, until=10),
     "still_while_paused"),
    ("a step opened while it was paused", lambda h: paused_before(h, 11, until=12), "still_while_paused"),
    ("an answer is not kept", lambda h: called(h, times=1, told=2), "counted_answers"),
    ("two calls were taken", lambda h: called(h, times=2, told=2), "counted_answers"),
    ("it went on uncalled", lambda h: called(h, times=0, told=0), "counted_answers"),
    ("woken early", lambda h: with_step(h, PAUSE, ended_at=at(1)), "no_early_waking"),
]  # fmt: skip


def test_an_honest_history_passes() -> None:
    assert judge(honest(), ACCEPTED) == []


@pytest.mark.parametrize(("lie", "rule"), [pytest.param(lie, rule, id=name) for name, lie, rule in LIES])
def test_a_lie_is_found(lie: Lie, rule: str) -> None:
    found = judge(lie(honest()), ACCEPTED)
    assert rule in {fault.rule for fault in found}, found


def test_every_rule_finds_some_lie() -> None:
    assert {rule for _, _, rule in LIES} == {one.__name__ for one in (*checker.RULES, checker.right_end)}


def test_a_cancel_that_was_asked_for_is_no_fault_and_one_that_was_not_is() -> None:
    history = with_instance(honest(), status="cancelled", outputs=None)
    history = with_event(history, 21, type="instance.cancelled", data={"status": "cancelled"})
    assert judge(history, replace(ACCEPTED, may_be_cancelled=True)) == []
    assert [fault.rule for fault in judge(history, ACCEPTED)] == ["right_end"]


def test_what_was_lost_before_a_step_asked_to_wait_is_forgiven() -> None:
    history = told_too(honest(), "step.postponed", FIRST, "queued", before_end=True)
    assert "fair_counting" in {fault.rule for fault in judge(with_event(history, 21, at=at(3)), None)}
    forgiven = with_step(with_event(history, 21, at=at(3)), FIRST, times_lost=0)
    assert "fair_counting" not in {fault.rule for fault in judge(forgiven, None)}
    asked_before_the_loss = with_event(forgiven, 21, at=at(1))
    assert "fair_counting" in {fault.rule for fault in judge(asked_before_the_loss, None)}


def test_a_pause_in_which_nothing_begins_is_no_fault() -> None:
    assert judge(paused_before(honest(), 10, until=11), ACCEPTED) == []


def test_a_call_that_was_taken_once_is_no_fault() -> None:
    assert judge(called(honest(), times=1, told=1), ACCEPTED) == []


def test_an_instance_whose_place_another_took_is_no_fault() -> None:
    history = with_instance(honest(), status="cancelled", outputs=None, on_limit="replace")
    history = with_event(history, 21, type="instance.cancelled", data={"status": "cancelled"})
    assert judge(history, ACCEPTED) == []
    assert judge(with_instance(history, cancelled_by=uuid4()), ACCEPTED) != []


def test_lists_in_lists_are_read_as_the_items_they_came_from() -> None:
    history = honest()
    stored = {"levels": [[["x", "y"], ["z"]], ["x", "y", "z"]], "shape": [2, 1]}
    history = with_step(history, SPREAD, item=stored, outputs={"value": [["x", "y"], ["z"]]})
    for item, path in zip(ITEMS, ([0, 0], [0, 1], [1, 0]), strict=True):
        history = with_step(history, item, path=path)
    assert judge(history, ACCEPTED) == []
    lie = with_step(history, SPREAD, outputs={"value": [["x"], ["y", "z"], []]})
    assert judge(lie, ACCEPTED) == [], "only their order counts here; the shape is the language's to test"
    assert judge(with_step(history, ITEMS[2], path=[1, 1]), ACCEPTED) != []


def test_a_list_of_empty_lists_has_nothing_to_gather() -> None:
    spread: dict[str, Any] = {"item": None, "items_total": 0, "items_made": 0, "items_started": 0}
    history = with_step(honest(), SPREAD, outputs={"value": [[], []]}, **spread)
    events = [one for one in history.events if one.step_id not in ITEMS]
    history = replace(
        history,
        steps=[one for one in history.steps if one.id not in ITEMS],
        attempts=[one for one in history.attempts if one.step_id not in ITEMS],
        events=[replace(one, seq=seq) for seq, one in enumerate(events, start=1)],
    )
    history = with_instance(history, event_seq=len(events))
    assert judge(history, None) == []
    lie = with_step(history, SPREAD, outputs={"value": [[], ["x"]]})
    assert {fault.rule for fault in judge(lie, None)} == {"whole_fan_outs"}


def test_an_instance_of_steps_written_into_a_node_is_held_to_those() -> None:
    body = {"nodes": [work("again", "core.repeat", with_={"body": {"nodes": NODES}})]}
    history = with_instance(honest(), definition=body, body="again", parent_step_id=uuid4())
    assert judge(history, None) == []
    late = with_step(history, PAUSE, ended_at=at(1))
    assert [fault.rule for fault in judge(late, None)] == ["no_early_waking"]


def test_bytes_are_what_their_name_says() -> None:
    assert judge_blobs({"abc": "abc"}) == []
    assert len(judge_blobs({"abc": "abd", "xyz": None})) == 2
