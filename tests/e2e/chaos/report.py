"""What came of it: how soon work went on after each blow, how the instances ended, and every fault."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Final
from uuid import UUID

import msgspec

from app.flow.states import AttemptStatus
from tests.e2e.chaos.checker import Fault
from tests.e2e.chaos.disturber import Blow
from tests.e2e.chaos.history import Attempt

FAULTS_SHOWN: Final = 30
FAULT_LETTERS: Final = 400


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How soon work went on after one blow, in seconds."""

    blow: Blow
    back_s: float | None  # until what was hit was there again
    lane_s: float | None  # from then on until the lane's next claim, not counting what had no work waiting
    steps_s: tuple[float, ...]  # from the blow until each step it interrupted ran again


def recovery(blow: Blow, attempts: Sequence[Attempt]) -> Recovery:
    """Read it from the history; `attempts` are of all instances, by step and number."""
    since = blow.at if blow.back_at is None else blow.back_at
    claims = sorted(
        (_moment(one.claimed_at), _moment(one.available_at)) for one in attempts if one.lane in blow.lanes
    )
    waits_s = (claimed - max(since, available) for claimed, available in claims if claimed > since)
    return Recovery(
        blow=blow,
        back_s=None if blow.back_at is None else blow.back_at - blow.at,
        lane_s=next(waits_s, None),
        steps_s=tuple(_again(blow, attempts)),
    )


def _again(blow: Blow, attempts: Sequence[Attempt]) -> Iterable[float]:
    following: dict[tuple[UUID, int], Attempt] = {(one.step_id, one.number): one for one in attempts}
    for one in attempts:
        if one.worker_pid not in blow.workers or one.status != AttemptStatus.lost:
            continue
        if not _moment(one.claimed_at) <= blow.at < _moment(one.ended_at):
            continue
        after = following.get((one.step_id, one.number + 1))
        if after is not None and after.claimed_at is not None:
            yield after.claimed_at.timestamp() - blow.at


def _moment(time: datetime | None) -> float:
    return 0.0 if time is None else time.timestamp()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything worth telling of one run."""

    seed: int
    took_s: float
    recoveries: list[Recovery]
    ends: Counter[str]  # instances by how they ended
    attempts: Counter[str]  # by how they ended
    reused: int  # steps that were given what another had given on the same inputs
    done: Counter[str]  # what customers did, by what it was
    fates: Counter[str]  # of the calls over the bad line
    troubles: Counter[str]  # what customers met instead of answers
    complaints: Counter[tuple[str, str]]  # warnings and errors in the log, by program and what they say
    faults: list[Fault]

    @property
    def struck_in_vain(self) -> list[str]:
        """What was to be done to the box and never hit anything."""
        hits = Counter({one.blow.what: 0 for one in self.recoveries})
        for one in self.recoveries:
            hits[one.blow.what] += one.blow.hits
        return sorted(what for what, number in hits.items() if not number)

    def __str__(self) -> str:
        return f"""\
seed {self.seed}, {self.took_s:.0f} s
instances: {_counts(self.ends)}
attempts: {_counts(self.attempts)}; {self.reused} steps reused a result
customers did: {_counts(self.done)}
calls over the bad line: {_counts(self.fates)}
customers met: {_counts(self.troubles)}

warnings and errors in the log:
{_by_program(self.complaints)}

{recovery_table(self.recoveries)}

{fault_list(self.faults)}"""


def recovery_table(recoveries: Sequence[Recovery]) -> str:
    """One line for each kind of blow; where there were several, the middle and the worst."""
    by_kind: defaultdict[str, list[Recovery]] = defaultdict(list)
    for one in recoveries:
        by_kind[one.blow.what].append(one)
    lines = [("blow", "struck", "hit", "back after", "lane works after that", "steps hit", "run again after")]
    for what, group in sorted(by_kind.items()):
        steps = [seconds for one in group for seconds in one.steps_s]
        lines.append(
            (
                what,
                _times(len(group)),
                str(sum(one.blow.hits for one in group)),
                _back(group),
                _seconds(one.lane_s for one in group),
                str(len(steps) or ""),
                _seconds(steps),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def fault_list(faults: Sequence[Fault]) -> str:
    """Every fault in words, as far as anybody reads."""
    if not faults:
        return "no fault was found"
    shown = [
        f"{one.rule}: {shortened(one.sentence)} ({one.workflow} {one.instance or ''})".rstrip()
        for one in faults[:FAULTS_SHOWN]
    ]
    more = len(faults) - len(shown)
    return "\n".join([f"{len(faults)} faults", *shown, *([f"… and {more} more"] if more else [])])


def shortened(text: str) -> str:
    """No longer than a person reads."""
    return text if len(text) <= FAULT_LETTERS else f"{text[:FAULT_LETTERS]} …"


def _seconds(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    worst = f"{max(known):.1f} s"
    return worst if len(known) == 1 else f"{median(known):.1f}, at worst {worst}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.most_common()) or "none"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _back(group: Sequence[Recovery]) -> str:
    """How soon what was hit was there again, and how often it was not."""
    lost = sum(one.blow.is_awaited and one.back_s is None for one in group)
    return "; ".join(
        part
        for part in (_seconds(one.back_s for one in group), f"{lost} not within reason" if lost else "")
        if part
    )


def _by_program(counts: Counter[tuple[str, str]]) -> str:
    """A line for each program, what it said most often first."""
    by_program: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (program, words), number in counts.items():
        by_program[program][words] += number
    return "\n".join(f"{name}: {_counts(said)}" for name, said in sorted(by_program.items())) or "none"
