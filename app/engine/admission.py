"""Turns: a workflow with a limit runs so many instances at once, and the rest wait, are refused or take over.

Starts and admissions of one workflow are put in order by the row of its counter, which every start locks
anyway: whoever holds it may count. Locks are taken in one order, the counter before an instance that waits
for its turn; nothing that holds a waiting instance asks for its counter.

What a step runs of a workflow above it belongs to that one's turn: it would wait for what waits for it. Wider
circles are found by the daemon (`circles`).

An admission follows the end of an instance after its commit. One that was lost with its process is made up
for by the daemon, which looks at every workflow with somebody waiting.
"""

from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from app.engine import announce, cancel
from app.engine.board import Board
from app.engine.errors import WorkflowBusy
from app.engine.held import lock_instance
from app.engine.parts import Parts
from app.engine.programs import NO_PROGRAM
from app.engine.rows import InstanceError, InstanceRow
from app.engine.walk import Walk
from app.flow.definition import Concurrency, OnLimit
from app.flow.messages import ErrorClass
from app.flow.program import Program
from app.kit.errors import Invalid
from app.kit.ids import InstanceId, VersionId
from app.store.database import Scope, Transaction

MAX_WAITING: Final = 10_000  # instances of one workflow; a start beyond them is refused

# Each part reads as many rows of an index as it says, however many wait.
_OPEN: Final = "workflow_id = %(workflow)s AND status IN ('pending', 'running', 'waiting')"


def _about(question: str) -> str:
    """A statement about the `open`, `running` or `held` instances of one workflow."""
    limited = f"{_OPEN} AND concurrency_limit IS NOT NULL"
    return question.format(open=_OPEN, running=f"{limited} AND NOT is_held", held=f"{limited} AND is_held")


# Before a start. The numbers of a workflow have no gaps, so no more can wait than were started since the one
# that came first; only when those are very many is it worth counting.
_CROWD: Final = _about("""
SELECT (SELECT count(*) FROM (
            SELECT FROM instances WHERE {running} AND id <> %(id)s LIMIT %(limit)s) r) AS running,
       (SELECT number FROM instances WHERE {held} AND id <> %(id)s ORDER BY id LIMIT 1) AS oldest
""")
_LINE: Final = _about("SELECT count(*) FROM (SELECT FROM instances WHERE {held} LIMIT %(most)s) w")

_IS_ABOVE: Final = """
WITH RECURSIVE above(parent_id, workflow_id) AS (
    SELECT parent_id, workflow_id FROM instances WHERE id = %(parent)s
    UNION ALL
    SELECT i.parent_id, i.workflow_id FROM above a JOIN instances i ON i.id = a.parent_id
)
SELECT EXISTS (SELECT FROM above JOIN workflow_versions v USING (workflow_id) WHERE v.id = %(version)s)
"""

_HOLD: Final = "UPDATE instances SET is_held = true, deadline_at = NULL WHERE id = %(id)s"

_ADMIT: Final = """
UPDATE instances SET is_held = false, deadline_at = clock_timestamp() + make_interval(secs => %(timeout_s)s)
 WHERE id = %(id)s
"""

_LOCK_COUNTER: Final = """
SELECT last_number FROM instance_counters WHERE workflow_id = %(workflow)s FOR NO KEY UPDATE
"""

# After an end: whose turn it may be, who came last, and how many run.
_TURN: Final = _about("""
WITH first AS MATERIALIZED (
    SELECT id, concurrency_limit FROM instances WHERE {open} AND is_held ORDER BY priority DESC, id LIMIT 1
)
SELECT first.id AS first, first.concurrency_limit AS most, newest.id AS newest, newest.on_limit,
       newest.concurrency_limit AS most_beside_newest,
       (SELECT count(*) FROM (
            SELECT FROM instances WHERE {running} LIMIT (SELECT concurrency_limit FROM first)) r) AS running
  FROM first, LATERAL (
       SELECT id, on_limit, concurrency_limit FROM instances WHERE {held} ORDER BY id DESC LIMIT 1) newest
""")

_MAY_BORROW: Final = _about("""
SELECT (SELECT count(*) FROM (
            SELECT FROM instances
             WHERE {running} AND id <> ALL(%(idle)s::uuid[])
             LIMIT w.concurrency_limit) r) < w.concurrency_limit
  FROM instances w WHERE w.id = %(id)s AND w.is_held AND w.status IN ('pending', 'running', 'waiting')
""")

# The newest takes over: from those that run, and from those that waited to do so before it.
_VICTIMS: Final = _about("""
(SELECT id FROM instances WHERE {held} AND id < %(newest)s ORDER BY id LIMIT %(most)s)
UNION ALL
(SELECT id FROM instances WHERE {running} ORDER BY id DESC OFFSET %(limit)s - 1 LIMIT %(most)s)
""")
_VICTIMS_AT_ONCE: Final = 100  # then it is looked again

_WAITED_FOR: Final = """
WITH RECURSIVE waited(workflow_id) AS (
    (SELECT workflow_id FROM instances
      WHERE is_held AND status IN ('pending', 'running', 'waiting') ORDER BY workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT i.workflow_id FROM instances i
             WHERE i.is_held AND i.status IN ('pending', 'running', 'waiting')
               AND i.workflow_id > w.workflow_id
             ORDER BY i.workflow_id LIMIT 1)
      FROM waited w WHERE w.workflow_id IS NOT NULL
)
SELECT workflow_id FROM waited WHERE workflow_id IS NOT NULL LIMIT %(most)s
"""


async def limits_of(
    tx: Transaction, program: Program, version_id: VersionId, parent: InstanceRow | None, body: str
) -> Concurrency | None:
    """The limits a new instance is under; what belongs to the turn of one above it is under none."""
    limits = None if body else program.definition.concurrency
    if limits is None or parent is None:
        return limits
    is_above = await tx.fetch_value(_IS_ABOVE, {"parent": parent.id, "version": version_id})
    return None if is_above else limits


async def may_begin(board: Board, limits: Concurrency | None) -> bool:
    """Whether a new instance goes on at once; it is held if not. Raises WorkflowBusy."""
    instance = board.instance
    if limits is None:
        return True
    place = {"workflow": instance.workflow_id, "id": instance.id, "limit": limits.limit}
    crowd = await board.tx.fetch_one(_CROWD, place) or {}
    running, oldest = crowd["running"], crowd["oldest"]
    if running < limits.limit and oldest is None:
        return True
    if limits.on_limit is OnLimit.skip:
        raise WorkflowBusy(
            f"As many instances of this workflow as may run at once ({limits.limit:,}) are under way; "
            "this one was not started.",
            remedy="Start it again when one has ended, or let starts wait (concurrency.on_limit: queue).",
        )
    if oldest is not None and instance.number - oldest >= MAX_WAITING:
        waiting = await board.tx.fetch_value(_LINE, {**place, "most": MAX_WAITING})
        if waiting >= MAX_WAITING:
            raise WorkflowBusy(
                f"{waiting:,} instances of this workflow wait for their turn; no more fit.",
                remedy="Raise the workflow's limit, or cancel some of those that wait.",
            )
    await board.tx.execute(_HOLD, {"id": instance.id})
    board.hold(f"Waits for its turn: {limits.limit} may run at once.")
    return False


async def admit(parts: Parts, workflow_id: UUID) -> int:
    """Let the instance of a workflow begin whose turn it is, and others after it; how many begin now."""
    async with parts.database.transaction(Scope.system()) as tx:
        await tx.fetch_one(_LOCK_COUNTER, {"workflow": workflow_id})
        turn = await _Turn.now(tx, workflow_id)
        if turn.next is not None:
            await _begin(parts, tx, turn.next)
            tx.lead_to(partial(admit, parts, workflow_id))
        elif turn.victims:
            tx.lead_to(partial(_make_room, parts, workflow_id, turn.victims))
    return int(turn.next is not None)


async def _make_room(parts: Parts, workflow_id: UUID, victims: list[UUID]) -> None:
    """End these, one after another, and look again."""
    first, *others = victims
    async with parts.database.transaction(Scope.system()) as tx:
        await cancel.cancel_open(parts, tx, InstanceId(first), by=None)
        if others:
            tx.lead_to(partial(_make_room, parts, workflow_id, others))
        else:
            tx.lead_to(partial(admit, parts, workflow_id))


async def lend(parts: Parts, workflow_id: UUID, instance_id: UUID, idle: list[UUID]) -> bool:
    """Let one begin that waits in a circle, on the turn of one that stands still in it; whether it did."""
    async with parts.database.transaction(Scope.system()) as tx:
        await tx.fetch_one(_LOCK_COUNTER, {"workflow": workflow_id})
        may = await tx.fetch_value(_MAY_BORROW, {"workflow": workflow_id, "id": instance_id, "idle": idle})
        if may:
            await _begin(parts, tx, InstanceId(instance_id))
    return bool(may)


async def admit_all(parts: Parts, *, most: int) -> int:
    """The same for every workflow with somebody waiting; how many began."""
    async with parts.database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all(_WAITED_FOR, {"most": most})
    return sum([await admit(parts, row["workflow_id"]) for row in rows])


class _Turn(msgspec.Struct, frozen=True):
    """Whose turn it is, and who is cancelled for it."""

    next: InstanceId | None = None
    victims: list[UUID] = []

    @classmethod
    async def now(cls, tx: Transaction, workflow_id: UUID) -> "_Turn":
        """As it stands, the workflow's counter locked."""
        line = await tx.fetch_one(_TURN, {"workflow": workflow_id})
        if line is None:
            return cls()
        if line["on_limit"] == OnLimit.replace_:
            place = {
                "workflow": workflow_id,
                "newest": line["newest"],
                "limit": line["most_beside_newest"],
                "most": _VICTIMS_AT_ONCE,
            }
            victims = [row["id"] for row in await tx.fetch_all(_VICTIMS, place)]
            return cls(victims=victims) if victims else cls(next=line["newest"])
        return cls(next=line["first"] if line["running"] < line["most"] else None)


async def _begin(parts: Parts, tx: Transaction, instance_id: InstanceId) -> None:
    """Let an instance begin that was held."""
    instance = await lock_instance(tx, instance_id)
    if instance is None or not instance.is_held:
        return
    moment = await tx.fetch_value("SELECT clock_timestamp()")
    try:
        program = await parts.programs.get(tx, instance.version_id, instance.body)
    except Invalid as exc:
        board = Board(tx, NO_PROGRAM, instance, moment)
        board.fail(InstanceError(error_class=ErrorClass.bug, message=exc.detail, remedy=exc.remedy))
    else:
        await tx.execute(_ADMIT, {"id": instance.id, "timeout_s": program.definition.timeout_s})
        board = Board(tx, program, msgspec.structs.replace(instance, is_held=False, reason=None), moment)
        await board.load_nodes(program.order)
        await Walk(parts, board).begin()
    await board.save()
    announce.announce(parts, tx, board)
