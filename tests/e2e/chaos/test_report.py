"""Recovery times as they are read from a history."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.flow.messages import Lane
from tests.e2e.chaos.checker import Fault
from tests.e2e.chaos.disturber import Blow
from tests.e2e.chaos.history import Attempt
from tests.e2e.chaos.plan import What
from tests.e2e.chaos.report import Report, recovery

STEP, OTHER = uuid4(), uuid4()


def attempt(number: int, claimed: float, ended: float, **facts: Any) -> Attempt:
    """An attempt in the cpu lane, by worker 7 unless told otherwise, available when the one before ended."""
    row: dict[str, Any] = {
        "step_id": STEP,
        "status": "completed",
        "available": claimed,
        "worker_pid": 7,
        **facts,
    }
    return Attempt(
        id=uuid4(),
        instance_id=uuid4(),
        number=number,
        lane="cpu",
        cause="first",
        fence=1,
        available_at=datetime.fromtimestamp(row.pop("available"), UTC),
        claimed_at=datetime.fromtimestamp(claimed, UTC),
        ended_at=datetime.fromtimestamp(ended, UTC),
        **row,
    )


HISTORY = [
    attempt(1, 90, 95, step_id=OTHER),
    attempt(1, 98, 110, status="lost"),
    attempt(2, 112, 113, worker_pid=8, available=110),
]


def test_a_killed_workers_step_is_followed_to_its_next_attempt() -> None:
    blow = Blow(what=What.kill_cpu_worker, at=100, lanes=(Lane.cpu,), workers=(7,), back_at=101)
    found = recovery(blow, HISTORY)
    assert (found.back_s, found.steps_s) == (1, (12,))
    assert found.lane_s == 2, "there was no work to claim before 110"


def test_a_blow_that_hit_nobody_says_so() -> None:
    blow = Blow(what=What.kill_gpu_worker, at=100, lanes=(Lane.gpu,), workers=(9,))
    found = recovery(blow, HISTORY)
    assert (found.back_s, found.lane_s, found.steps_s) == (None, None, ())


def test_a_report_says_what_was_done_and_what_is_wrong() -> None:
    blow = Blow(what=What.kill_cpu_worker, at=100, lanes=(Lane.cpu,), workers=(7,), hits=1, back_at=101)
    report = Report(
        seed=5,
        took_s=60,
        recoveries=[recovery(blow, HISTORY)],
        ends=Counter(completed=2),
        attempts=Counter(completed=2, lost=1),
        reused=0,
        done=Counter({"a start": 2}),
        fates=Counter(),
        troubles=Counter(),
        complaints=Counter({("studio-api", "said"): 3, ("studio-api", "“Away”"): 1}),
        faults=[Fault(rule="no_gap", sentence="a gap", workflow="chain")],
    )
    text = str(report)
    assert "seed 5" in text
    assert "2 completed, 1 lost" in text
    assert "kill the cpu worker  once    1    1.0 s       2.0 s                  1          12.0 s" in text
    assert "studio-api: 3 said, 1 “Away”" in text
    assert report.struck_in_vain == []
    assert "no_gap: a gap (chain" in text


def test_a_blow_in_vain_is_named_and_one_that_nothing_came_back_from() -> None:
    vain = Blow(what=What.kill_children, at=100, lanes=(Lane.gpu,))
    gone = Blow(what=What.kill_redis, at=100, lanes=(Lane.cpu,), hits=1, is_awaited=True)
    report = Report(
        seed=5,
        took_s=60,
        recoveries=[recovery(vain, []), recovery(gone, [])],
        ends=Counter(),
        attempts=Counter(),
        reused=0,
        done=Counter(),
        fates=Counter(),
        troubles=Counter(),
        complaints=Counter(),
        faults=[],
    )
    assert report.struck_in_vain == ["kill the model processes"]
    assert "kill Redis                once    1    1 not within reason" in str(report)
