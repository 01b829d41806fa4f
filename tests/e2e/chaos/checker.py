"""The checker: rules that the history of every instance keeps, whatever was done to the box meanwhile.

Pure functions over what the database held at the end. A rule yields a sentence for everything it finds
wrong; it is found by its decorator. What a rule needs to know of the workflow it reads in its version.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from app.flow.each import Spread
from app.flow.names import FAILED
from app.flow.plan import POISON_AFTER, WINDOW_DEFAULT
from app.flow.states import (
    ATTEMPT_MOVES,
    INSTANCE_MOVES,
    STEP_MOVES,
    AttemptStatus,
    InstanceStatus,
    Moves,
    StepStatus,
    is_settled,
)
from tests.e2e.chaos.history import Attempt, Event, History, Step
from tests.e2e.chaos.shape import Ending, Json

S = TypeVar("S", bound=StrEnum)

ENDS: Final = tuple(status for status in InstanceStatus if is_settled(INSTANCE_MOVES, status))


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An instance the box has promised to run: it answered 201, and how it must end."""

    ending: Ending
    may_be_cancelled: bool = False  # somebody asked for it, and perhaps never heard the answer
    heard_at: float = 0.0  # when the promise was heard; seconds since 1970


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must not be."""

    rule: str
    sentence: str
    instance: UUID | None = None
    workflow: str = ""


Rule = Callable[[History], Iterator[str]]
RULES: Final[list[Rule]] = []


def rule(function: Rule) -> Rule:
    """Let every history be held to this."""
    RULES.append(function)
    return function


def judge(history: History, accepted: Accepted | None) -> list[Fault]:
    """What is wrong with one instance; nobody was promised one that runs for a step of another."""
    instance = history.instance
    found = [(one.__name__, sentence) for one in RULES for sentence in one(history)]
    if accepted is not None:
        found += [("right_end", sentence) for sentence in right_end(history, accepted)]
    return [
        Fault(rule=name, sentence=sentence, instance=instance.id, workflow=instance.workflow)
        for name, sentence in found
    ]


def judge_blobs(facts: Mapping[str, str | None]) -> list[Fault]:
    """Whether every file the box names has the bytes it says: sha256 as named → as measured."""
    return [
        Fault(rule="blobs", sentence=f"{named} has the bytes of {measured or 'no file'}")
        for named, measured in facts.items()
        if named != measured
    ]


# The end ------------------------------------------------------------------------------------------------


@rule
def one_end(history: History) -> Iterator[str]:
    """An instance ends once, says so last, and nothing of it is open then."""
    instance = history.instance
    if instance.status not in ENDS or instance.ended_at is None:
        yield f"it has not ended: {instance.status}"
        return
    told = [event.type for event in history.events if event.type in {f"instance.{end}" for end in ENDS}]
    if told != [f"instance.{instance.status}"]:
        yield f"it is {instance.status}, and its events told of the ends {told}"
    if history.events and history.events[-1].type != f"instance.{instance.status}":
        yield f"its last event is {history.events[-1].type}"
    open_steps = [step for step in history.steps if not is_settled(STEP_MOVES, StepStatus(step.status))]
    for step in open_steps:
        yield f"{name_of(step)} is {step.status} after the end"
    for attempt in history.attempts:
        if not is_settled(ATTEMPT_MOVES, AttemptStatus(attempt.status)):
            yield f"attempt {attempt.number} of {attempt.step_id} is {attempt.status} after the end"


def right_end(history: History, accepted: Accepted) -> Iterator[str]:
    """It ended as its inputs say it must: outputs, or the error of the step that was to fail."""
    instance, ending = history.instance, accepted.ending
    if instance.status == InstanceStatus.cancelled and accepted.may_be_cancelled:
        return
    if instance.was_replaced:  # rightly so? `together.kept_turns` knows
        return
    if is_poisoned(history):
        return
    if instance.status != ending.status:
        yield f"it is {instance.status} instead of {ending.status}: {instance.error}"
    elif instance.status == InstanceStatus.completed:
        if reduced(instance.outputs) != (ending.outputs or {}):
            yield f"it gave {reduced(instance.outputs)} instead of {ending.outputs}"
    elif instance.error is None:
        yield "it failed without saying why"
    elif (instance.error["class"], instance.error.get("step")) != (ending.error_class, ending.error_step):
        yield f"it failed for another reason: {instance.error}"


# What was told ------------------------------------------------------------------------------------------


@rule
def no_gap(history: History) -> Iterator[str]:
    """Events are numbered 1, 2, 3 … to the number the instance names."""
    numbers = [event.seq for event in history.events]
    if numbers != list(range(1, history.instance.event_seq + 1)):
        yield f"events are numbered {numbers}, the last is to be {history.instance.event_seq}"


@rule
def allowed_instance_moves(history: History) -> Iterator[str]:
    """The states told of an instance follow its table; the last is the one it has."""
    told = [event.data for event in history.events if event.step_id is None]
    states = [data["status"] for data in told if "status" in data]  # a resume says how it stands in the next
    if states[:1] != [InstanceStatus.pending]:
        yield f"it began as {states[:1]}"
    for before, after in pairwise(states):
        if before == after and after not in ENDS:
            continue  # news of an instance that stays as it is: it is paused while it waits
        if InstanceStatus(after) not in INSTANCE_MOVES[InstanceStatus(before)]:
            yield f"it went from {before} to {after}"
    if states and states[-1] != history.instance.status:
        yield f"it was last told to be {states[-1]}, and is {history.instance.status}"


@rule
def allowed_step_moves(history: History) -> Iterator[str]:
    """The states told of a step follow its table; no step comes back from an end."""
    told: defaultdict[UUID, list[Event]] = defaultdict(list)
    for event in history.events:
        if event.step_id is not None:
            told[event.step_id].append(event)
    known = {step.id: step for step in history.steps}
    for step_id in told.keys() - known.keys():
        yield f"events tell of a step {step_id} that is not there"
    for step in history.steps:
        # An item's queueing is not told: ten thousand of them are one fact. So its moves may skip states.
        may_skip = step.parent_id is not None
        state = StepStatus.pending
        for event in told[step.id]:
            after = StepStatus(event.data["status"])
            if after == state and not is_settled(STEP_MOVES, state):
                continue  # news of a step that stays as it is: an answer, the next round
            if after not in (reachable(STEP_MOVES, state) if may_skip else STEP_MOVES[state]):
                yield f"{name_of(step)} went from {state} to {after} (event {event.seq})"
            state = after
        if is_settled(STEP_MOVES, state) and state != step.status:
            yield f"{name_of(step)} was told to be {state}, and is {step.status}"


@rule
def still_while_paused(history: History) -> Iterator[str]:
    """Between a pause and what resumes it no step begins: none leaves `pending`, no worker takes one."""
    is_paused = False
    states: defaultdict[UUID | None, str] = defaultdict(lambda: StepStatus.pending)
    items = {step.id for step in history.steps if step.parent_id is not None}  # their queueing is not told
    for event in history.events:
        if event.type in {"instance.paused", "instance.resumed"}:
            is_paused = event.type == "instance.paused"
        elif event.step_id is not None:
            begins = states[event.step_id] == StepStatus.pending and event.step_id not in items
            after = event.data["status"]
            if is_paused and (event.type == "step.started" or (begins and after != StepStatus.pending)):
                yield f"event {event.seq}, {event.type}, tells of a beginning while it was paused"
            states[event.step_id] = after


@rule
def counted_answers(history: History) -> Iterator[str]:
    """Every answer that was told is kept; a step that is called or started is called or started once."""
    told = Counter(event.step_id for event in history.events if event.type == "step.answered")
    for step in history.steps:
        if step.reused_from is not None:
            continue  # it was answered where it ran
        wait = step.wait or {}
        kept = len(wait.get("answers") or []) + (wait.get("early") is not None)
        if told[step.id] != kept:
            yield f"{name_of(step)} was told to be answered {told[step.id]} times, and has {kept} answers"
        if kept > 1 and not step.kind.startswith("human."):
            yield f"{name_of(step)} took {kept} calls; it was to take one"
        if not kept and step.status == StepStatus.completed and is_awaited(step, history.nodes[step.node_id]):
            yield f"{name_of(step)} went on, and nobody had let it"


# Attempts -----------------------------------------------------------------------------------------------


@rule
def one_result(history: History) -> Iterator[str]:
    """A step's outputs come from exactly one attempt, its last; from none what runs inline or is reused."""
    for step, attempts in attempts_by_step(history):
        completed = [one.number for one in attempts if one.status == AttemptStatus.completed]
        is_run = step.lane != "inline" and step.items_total is None and step.reused_from is None
        wants_one = step.status == StepStatus.completed and is_run
        if wants_one and completed != [len(attempts)]:
            yield f"{name_of(step)} is completed by the attempts {completed} of {len(attempts)}"
        elif not wants_one and completed:
            yield f"{name_of(step)} is {step.status}, but the attempts {completed} completed"
        given = (step.outputs or {}).get("number")
        if wants_one and step.kind.startswith("debug.") and given not in completed:
            yield f"{name_of(step)} has outputs of attempt {given}, completed was {completed}"


@rule
def orderly_attempts(history: History) -> Iterator[str]:
    """Attempts of a step follow one another: numbered from 1, never two at once, none after the end."""
    postponed = Counter(event.step_id for event in history.events if event.type == "step.postponed")
    for step, attempts in attempts_by_step(history):
        if [one.number for one in attempts] != list(range(1, len(attempts) + 1)):
            yield f"{name_of(step)} has the attempts {[one.number for one in attempts]}"
        for before, after in pairwise(attempts):
            if before.ended_at is None or after.available_at < before.ended_at:
                yield f"{name_of(step)}: attempt {after.number} was there before {before.number} had ended"
        for one in attempts:
            # A step that asks again later keeps its attempt, which is then leased anew.
            if one.fence != (1 if one.claimed_at else 0) and not postponed[step.id]:
                yield f"{name_of(step)}: attempt {one.number} was leased {one.fence} times"
            if one.claimed_at and step.ended_at and one.claimed_at > step.ended_at:
                yield f"{name_of(step)}: attempt {one.number} began after the step had ended"
            if one.ended_at and step.ended_at and one.ended_at > step.ended_at:
                yield f"{name_of(step)}: attempt {one.number} ended after the step"


@rule
def fair_counting(history: History) -> Iterator[str]:
    """Retries of the user count failures alone; losses are counted apart; nobody gives up too early."""
    # A step that asks again later has shown that it does not end its workers: losses before are forgiven.
    forgiven = {event.step_id: event.at for event in history.events if event.type == "step.postponed"}
    for step, attempts in attempts_by_step(history):
        if step.lane == "inline" or step.reused_from is not None:
            continue  # what other instances do or did for it counts otherwise
        statuses = Counter(one.status for one in attempts)
        if step.attempts_used != statuses[AttemptStatus.failed]:
            yield f"{name_of(step)} counts {step.attempts_used} failures, there were {dict(statuses)}"
        losses = [
            before.ended_at
            for before, after in pairwise(attempts)
            if after.cause == "lost" and before.ended_at is not None
        ]
        counted = sum(step.id not in forgiven or lost_at > forgiven[step.id] for lost_at in losses)
        ended_by_loss = step.status == StepStatus.failed and (step.error or {}).get("class") == "lost"
        if step.times_lost != counted + ended_by_loss:
            causes = [one.cause for one in attempts]
            yield f"{name_of(step)} counts {step.times_lost} losses, its attempts came by {causes}"
        failed = [one for one in attempts if one.status == AttemptStatus.failed]
        wished = [is_tried_again(history.nodes[step.node_id], one, n) for n, one in enumerate(failed, 1)]
        if not all(wished[:-1]):
            yield f"{name_of(step)} was tried again more often than it was to be"
        if step.status == StepStatus.failed and not ended_by_loss and wished and wished[-1]:
            yield f"{name_of(step)} was given up after {len(failed)} failures already"


# Fan-outs and counters ----------------------------------------------------------------------------------


@rule
def whole_fan_outs(history: History) -> Iterator[str]:
    """A completed fan-out has every item of its list once, in order, and gathered their outputs in order."""
    for parent, items in fan_outs(history):
        if parent.status != StepStatus.completed:
            continue
        total = parent.items_total or 0
        if [item.ordinal for item in items] != list(range(total)):
            yield f"{name_of(parent)} has the items {[item.ordinal for item in items]} of {total}"
            continue
        if total == 0:  # its list is not kept; whatever was gathered are lists of nothing
            for port, gathered in (parent.outputs or {}).items():
                if not is_hollow(gathered):
                    yield f"{name_of(parent)} gathered {gathered} at {port}; it has no items"
            continue
        spread = Spread.restored(parent.item or [])
        if [(item.item, item.path) for item in items] != [
            (turn.item, list(turn.path)) for turn in spread.turns()
        ]:
            yield f"{name_of(parent)} ran other items than its list has"
        failed = [item.path[-1] for item in items if item.status == StepStatus.failed]
        for port, gathered in (parent.outputs or {}).items():
            if port == FAILED:
                if [one["index"] for one in gathered] != failed:
                    yield f"{name_of(parent)} says that {gathered} failed; it was {failed}"
                continue
            given = [(item.outputs or {}).get(port) for item in items]
            if flat(gathered, len(spread.levels)) != given:
                yield f"{name_of(parent)} gathered {gathered} at {port}; its items gave {given}"


@rule
def true_counters(history: History) -> Iterator[str]:
    """Every counter says what can be counted."""
    instance = history.instance
    if (instance.open_steps, instance.busy_steps) != (0, 0):
        yield f"it counts {instance.open_steps} open and {instance.busy_steps} busy steps after its end"
    nodes = [step for step in history.steps if step.parent_id is None]
    if len(nodes) != instance.total_steps:
        yield f"it has {len(nodes)} steps and counts {instance.total_steps}"
    for parent, items in fan_outs(history):
        if len(items) != parent.items_made:
            yield f"{name_of(parent)} made {parent.items_made} items and has {len(items)}"
        if parent.status != StepStatus.completed:
            continue
        failed = sum(item.status == StepStatus.failed for item in items)
        counted = (parent.items_started, parent.items_open, parent.items_failed)
        if counted != (parent.items_total, 0, failed):
            yield f"{name_of(parent)} counts {counted}; {len(items)} items, {failed} of them failed"


@rule
def kept_windows(history: History) -> Iterator[str]:
    """Never more items of a fan-out at once than it allows, and they begin in the order of the list."""
    windows = {name: node.get("max_parallel", WINDOW_DEFAULT) for name, node in history.nodes.items()}
    firsts = {one.step_id: one.available_at for one in history.attempts if one.number == 1}
    for parent, items in fan_outs(history):
        begun = [(firsts[item.id], item.ended_at) for item in items if item.id in firsts]
        if [begin for begin, _ in begun] != sorted(begin for begin, _ in begun):
            yield f"{name_of(parent)} did not begin its items in order"
        # At one moment the end comes before the beginning that it makes room for.
        turns = sorted(
            [(begin, 1) for begin, _ in begun] + [(end, -1) for _, end in begun if end is not None]
        )
        at_once = most = 0
        for _, by in turns:
            at_once += by
            most = max(most, at_once)
        if most > windows[parent.node_id]:
            yield f"{name_of(parent)} had {most} items open, {windows[parent.node_id]} are allowed"


@rule
def no_early_waking(history: History) -> Iterator[str]:
    """A delay is never shorter than it was told to be."""
    for step in history.steps:
        seconds = history.nodes[step.node_id].get("with", {}).get("seconds")
        if step.kind != "core.delay" or step.status != StepStatus.completed or isinstance(seconds, str):
            continue
        if step.started_at and step.ended_at and (step.ended_at - step.started_at).total_seconds() < seconds:
            yield f"{name_of(step)} waited from {step.started_at} to {step.ended_at} instead of {seconds} s"


# Help ---------------------------------------------------------------------------------------------------


def is_poisoned(history: History) -> bool:
    """Whether the instance ended because a step was lost so often that it was rightly given up."""
    return any(
        step.status == StepStatus.failed
        and (step.error or {}).get("class") == "lost"
        and step.times_lost >= POISON_AFTER
        for step in history.steps
    )


def is_awaited(step: Step, node: Json) -> bool:
    """Whether a step cannot complete unless somebody calls it or starts it by hand."""
    return step.kind == "webhook.wait" or node.get("mode") == "stop"


def is_tried_again(node: Json, failure: Attempt, count: int) -> bool:
    """Whether a node's policies ask for another try after this failure, the `count`th of its step."""
    policies = node.get("retry") or []
    for policy in [policies] if isinstance(policies, dict) else policies:
        if (failure.error or {}).get("class") in policy.get("on", ["transient"]):
            return bool(count <= policy.get("max", 0))
    return False


def name_of(step: Step) -> str:
    """The step as a person would call it."""
    place = "".join(f"[{number}]" for number in step.path)
    return f"“{step.node_id}{place}”"


def reduced(value: Any) -> Any:
    """A value with each file in it reduced to the hash of its bytes."""
    match value:
        case {"asset": _, "sha256": str(sha256)}:
            return sha256
        case dict():
            return {key: reduced(one) for key, one in value.items()}
        case list():
            return [reduced(one) for one in value]
        case _:
            return value


def flat(lists: list[Any], depth: int) -> list[Any]:
    """Lists in lists as the one list they came from."""
    return lists if depth == 1 else [one for inner in lists for one in flat(inner, depth - 1)]


def is_hollow(value: Any) -> bool:
    """Whether there are only lists, and nothing in them."""
    return isinstance(value, list) and all(is_hollow(one) for one in value)


def reachable(table: Moves[S], state: S) -> frozenset[S]:
    """Every state some moves lead to from here; none leads on from an end."""
    found: set[S] = set()
    frontier = [state]
    while frontier:
        news = table[frontier.pop()] - found
        found |= news
        frontier += news
    return frozenset(found)


def attempts_by_step(history: History) -> Iterator[tuple[Step, Sequence[Attempt]]]:
    """Each step with its attempts, by number."""
    found: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in history.attempts:
        found[attempt.step_id].append(attempt)
    for step in history.steps:
        yield step, found[step.id]


def fan_outs(history: History) -> Iterator[tuple[Step, list[Step]]]:
    """Each fan-out that began, with its items in order."""
    found: defaultdict[UUID, list[Step]] = defaultdict(list)
    for step in history.steps:
        if step.parent_id is not None:
            found[step.parent_id].append(step)
    for step in history.steps:
        if step.items_total is not None:
            yield step, sorted(found[step.id], key=lambda item: item.ordinal)
