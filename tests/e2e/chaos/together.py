"""Rules over many instances: promises and turns, the rounds of a step, deliveries, schedules, what was kept.

Pure functions like the rules over one instance in `checker.py`; each gives a fault for everything it finds
wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from app.flow.states import InstanceStatus, StepStatus
from tests.e2e.chaos.checker import Accepted, Fault, name_of
from tests.e2e.chaos.history import Delivery, History, ScheduleRun, Step


def judge_promises(accepted: Mapping[UUID, str], found: Mapping[UUID, str]) -> list[Fault]:
    """Whether the box ran what it accepted and nothing else; both name each instance's workflow."""
    missing = accepted.keys() - found.keys()
    unasked = found.keys() - accepted.keys()
    return [
        *(
            Fault(rule="promises", sentence="accepted, but not there", instance=one, workflow=accepted[one])
            for one in sorted(missing)
        ),
        *(
            Fault(rule="promises", sentence="there, but never asked for", instance=one, workflow=found[one])
            for one in sorted(unasked)
        ),
    ]


def judge_rounds(history: History, ends: Mapping[UUID, Counter[str]]) -> list[Fault]:
    """Whether every step that ran other instances took each one's outputs once; `ends`: of those, by step."""
    found: list[Fault] = []
    for step in history.steps:
        if step.id not in ends or step.status != StepStatus.completed or step.items_total is not None:
            continue
        rounds = (step.outputs or {}).get("rounds", 1)
        if ends[step.id][InstanceStatus.completed] != rounds:
            sentence = f"{name_of(step)} counts {rounds} rounds, of its instances {dict(ends[step.id])} ended"
            found.append(Fault(rule="rounds", sentence=sentence, instance=history.instance.id))
    return found


# Turns --------------------------------------------------------------------------------------------------


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """How an instance of a workflow with a limit came to its turn, in seconds since 1970."""

    id: UUID
    workflow: str
    number: int
    limit: int
    on_limit: str
    priority: int
    created_at: float  # when the transaction began that made it; it may have waited in line after that
    heard_at: float | None  # when its customer knew of it
    began_at: float | None  # its first steps began; None: it ended before that
    worked_at: float | None  # a worker took the first of its steps
    ended_at: float
    was_paused: bool
    was_replaced: bool

    @property
    def has_waited(self) -> bool:
        """Whether it was held until others had ended; what begins at once begins where it is made."""
        return self.began_at != self.created_at


def turn_of(history: History, accepted: Accepted | None) -> Turn | None:
    """The turn of an instance; None when it has no limit, or has not ended."""
    instance = history.instance
    if instance.concurrency_limit is None or instance.on_limit is None or instance.ended_at is None:
        return None
    begun = [event.at for event in history.events if event.step_id is not None]
    taken = [event.at for event in history.events if event.type == "step.started"]
    return Turn(
        id=instance.id,
        workflow=instance.workflow,
        number=instance.number,
        limit=instance.concurrency_limit,
        on_limit=instance.on_limit,
        priority=instance.priority,
        created_at=instance.created_at.timestamp(),
        heard_at=accepted.heard_at if accepted else None,
        began_at=_first(begun),
        worked_at=_first(taken),
        ended_at=instance.ended_at.timestamp(),
        was_paused=any(event.type == "instance.paused" for event in history.events),
        was_replaced=instance.was_replaced,
    )


def judge_turns(turns: Sequence[Turn]) -> list[Fault]:
    """Whether never more than the limit were at work at once, and nobody was passed over."""
    by_workflow: defaultdict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        by_workflow[turn.workflow].append(turn)
    return [
        Fault(rule="turns", sentence=sentence, instance=instance, workflow=workflow)
        for workflow, group in by_workflow.items()
        for found in (_crowded(group), _passed_over(group), _wrongly_replaced(group), _held(group))
        for instance, sentence in found
    ]


def _crowded(turns: Sequence[Turn]) -> Iterator[tuple[UUID, str]]:
    # From the moment at which a worker took its first step: an instance that begins at once is dated to the
    # beginning of its transaction, which may have waited for the end of another one after that.
    moments = [(turn.worked_at, 1, turn) for turn in turns if turn.worked_at is not None]
    ends = [(turn.ended_at, -1, turn) for turn in turns if turn.worked_at is not None]
    at_once = 0
    for _, by, turn in sorted([*moments, *ends], key=lambda one: one[:2]):
        at_once += by
        if at_once > turn.limit:
            yield turn.id, f"when it began, {at_once} were at work; {turn.limit} may be"


def _passed_over(turns: Sequence[Turn]) -> Iterator[tuple[UUID, str]]:
    # A pause keeps an instance that has its turn from beginning; when it had it is not told.
    queued = [turn for turn in turns if turn.on_limit == "queue" and not turn.was_paused]
    for first in queued:
        if first.heard_at is None or not first.has_waited:
            continue
        waited_until = first.ended_at if first.began_at is None else first.began_at
        for other in queued:
            if other.began_at is None or other.heard_at is None or other is first:
                continue
            if other.has_waited:
                may_be_first = (other.priority, -other.id.int) > (first.priority, -first.id.int)
                since, until = other.began_at, other.began_at
            else:
                may_be_first = False
                since, until = other.created_at, other.heard_at
            if not may_be_first and first.heard_at < since and until < waited_until:
                yield first.id, f"{other.id} went before it, which had waited longer"


def _wrongly_replaced(turns: Sequence[Turn]) -> Iterator[tuple[UUID, str]]:
    newest = max(turns, key=lambda turn: turn.id.int)
    latest = max(turns, key=lambda turn: turn.number)
    for turn in turns:
        if turn.was_replaced and turn.id == newest.id and turn.number == latest.number:
            yield turn.id, "it was cancelled for a newer one, and there is none"


def _held(turns: Sequence[Turn]) -> Iterator[tuple[UUID, str]]:
    for turn in turns:
        if turn.on_limit == "skip" and turn.began_at is not None and turn.has_waited:
            yield turn.id, "it waited for its turn, and was to be refused"


def _first(moments: Sequence[datetime]) -> float | None:
    return min(moments).timestamp() if moments else None


# What began by itself -----------------------------------------------------------------------------------


def judge_deliveries(
    deliveries: Sequence[Delivery],
    heard: Mapping[tuple[UUID, str], UUID],
    begun: Mapping[UUID, str],
) -> list[Fault]:
    """Whether each accepted delivery began one instance, and each id of a sender only one.

    `heard`: what senders were told, by webhook and id; `begun`: who asked for each instance there is.
    """

    def faults() -> Iterator[str]:
        accepted = [one for one in deliveries if one.status == "accepted"]
        ids = [one.instance_id for one in accepted]
        for instance, times in Counter(ids).items():
            if instance is None or begun.get(instance) != "webhook":
                yield f"a delivery was accepted for {instance}, which no webhook began"
            elif times > 1:
                yield f"{times} deliveries were accepted for {instance}"
        for instance in {one for one, source in begun.items() if source == "webhook"} - set(ids):
            yield f"{instance} was begun by a webhook without a delivery"
        kept: dict[tuple[UUID, str], UUID | None] = {}
        for one in accepted:
            key = (one.webhook_id, one.delivery_key or "")
            if one.delivery_key is not None and key in kept:
                yield f"the delivery {one.delivery_key} was accepted twice"
            kept[key] = one.instance_id
        for key, instance in heard.items():
            if kept.get(key) != instance:
                yield f"the delivery {key[1]} was to begin {instance}; it began {kept.get(key)}"
        for one in deliveries:
            if one.status != "accepted" and one.instance_id is not None:
                yield f"a delivery was refused and began {one.instance_id}"

    return [Fault(rule="deliveries", sentence=sentence) for sentence in faults()]


def judge_schedules(runs: Sequence[ScheduleRun], begun: Mapping[UUID, str]) -> list[Fault]:
    """Whether each time of a schedule began at most one instance, and each instance belongs to one time."""

    def faults() -> Iterator[str]:
        started = [run for run in runs if run.outcome == "started"]
        for (schedule, due_at), times in Counter((run.schedule_id, run.due_at) for run in started).items():
            if times > 1:
                yield f"the schedule {schedule} began {times} instances for {due_at}"
        for instance, times in Counter(run.instance_id for run in started).items():
            if instance is None or begun.get(instance) != "schedule":
                yield f"a schedule says it began {instance}, which no schedule did"
            elif times > 1:
                yield f"{instance} stands for {times} times of schedules"
        scheduled = {one for one, source in begun.items() if source == "schedule"}
        for instance in scheduled - {run.instance_id for run in started}:
            yield f"{instance} was begun by a schedule that does not know of it"

    return [Fault(rule="schedules", sentence=sentence) for sentence in faults()]


# What was kept ------------------------------------------------------------------------------------------


def fingerprint(step: Step) -> bytes | None:
    """What stands for the outputs of a step that has them."""
    if step.status != StepStatus.completed or step.items_total is not None:
        return None
    return sha256(msgspec.json.encode(step.outputs, order="sorted")).digest()


def judge_kept(history: History, outputs: Mapping[UUID, bytes | None]) -> list[Fault]:
    """Whether every step that did not run here has what it had where it ran; `outputs`: of every step."""
    return [
        Fault(
            rule="kept",
            sentence=f"{name_of(step)} was given other outputs than {step.reused_from} had",
            instance=history.instance.id,
            workflow=history.instance.workflow,
        )
        for step in history.steps
        if step.reused_from is not None
        and fingerprint(step) is not None
        and fingerprint(step) != outputs.get(step.reused_from)
    ]
