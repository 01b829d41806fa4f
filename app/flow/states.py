"""The three state machines: what an instance, a step and an attempt may become, one table each.

`move` is the only way from one state to another; a move the table does not name raises. Every word here is
the word in the database, in the API and on the screen.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar


class InstanceStatus(StrEnum):
    """One run of a workflow. `waiting` carries its reason in words."""

    pending = "pending"
    running = "running"
    waiting = "waiting"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


class StepStatus(StrEnum):
    """One node of a run, or one item of its fan-out."""

    pending = "pending"  # its dependencies are not settled
    queued = "queued"  # an attempt waits for a worker
    running = "running"
    waiting = "waiting"  # for time, a person, a webhook, a child; holds no worker
    completed = "completed"
    failed = "failed"
    skipped = "skipped"
    cancelled = "cancelled"


class AttemptStatus(StrEnum):
    """One try at a step by one worker."""

    queued = "queued"
    paused = "paused"  # queued, but its instance is paused: nobody may claim it
    leased = "leased"
    completed = "completed"
    failed = "failed"
    lost = "lost"  # the lease ran out or the worker left: nobody's fault, uses up no retry
    cancelled = "cancelled"


S = TypeVar("S", bound=StrEnum)
Moves = Mapping[S, frozenset[S]]


def _moves(table: dict[S, tuple[S, ...]]) -> Moves[S]:
    return {state: frozenset(targets) for state, targets in table.items()}


_I, _S, _A = InstanceStatus, StepStatus, AttemptStatus

INSTANCE_MOVES: Final = _moves(
    {
        _I.pending: (_I.running, _I.waiting, _I.completed, _I.failed, _I.cancelled),
        _I.running: (_I.waiting, _I.completed, _I.failed, _I.cancelled),
        # Pending again: it was paused before any of its steps had begun.
        _I.waiting: (_I.pending, _I.running, _I.completed, _I.failed, _I.cancelled),
        _I.completed: (),
        _I.failed: (),
        _I.cancelled: (),
    }
)

STEP_MOVES: Final = _moves(
    {
        # An inline step, an empty fan-out or a bad expression settles in the move that opens it.
        _S.pending: (
            _S.queued,
            _S.running,
            _S.waiting,
            _S.completed,
            _S.failed,
            _S.skipped,
            _S.cancelled,
        ),
        # Failed while queued: poisoned by lost attempts, or its instance's inputs turned out bad.
        _S.queued: (_S.running, _S.failed, _S.cancelled),
        # Queued again: a retry, or an attempt that was lost.
        _S.running: (_S.queued, _S.waiting, _S.completed, _S.failed, _S.cancelled),
        # Waiting still: started by hand, and what it does is to wait.
        _S.waiting: (_S.queued, _S.running, _S.waiting, _S.completed, _S.failed, _S.cancelled),
        _S.completed: (),
        _S.failed: (),
        _S.skipped: (),
        _S.cancelled: (),
    }
)

ATTEMPT_MOVES: Final = _moves(
    {
        _A.queued: (_A.paused, _A.leased, _A.cancelled),
        _A.paused: (_A.queued, _A.cancelled),
        # Queued again: the step asks again later. Its row stays, so that rows do not pile up.
        _A.leased: (_A.queued, _A.paused, _A.completed, _A.failed, _A.lost, _A.cancelled),
        _A.completed: (),
        _A.failed: (),
        _A.lost: (),
        _A.cancelled: (),
    }
)


class ForbiddenMove(Exception):
    """A state machine was asked for a move its table does not name; this is a bug of the engine."""

    def __init__(self, current: StrEnum, target: StrEnum) -> None:
        super().__init__(f"{type(current).__name__} cannot go from {current} to {target}")


def may_move(table: Moves[S], current: S, target: S) -> bool:
    """Whether the table names this move."""
    return target in table[current]


def move(table: Moves[S], current: S, target: S) -> S:
    """The target state. Raises ForbiddenMove when the table does not name this move."""
    if target not in table[current]:
        raise ForbiddenMove(current, target)
    return target


def is_settled(table: Moves[S], state: S) -> bool:
    """Whether this state is an end: no move leads out of it."""
    return not table[state]
