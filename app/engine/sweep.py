"""The sweep: what time alone brings about. Leases that ran out, overrun deadlines, timers, silent bells.

One statement looks for all of it; each finding is then one transaction of its own that locks its instance
and looks again, so that two sweeps at once, or a sweep and a late finish, do each thing once.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine import announce, children, waiting
from app.engine.board import Board
from app.engine.finish import failed, lost
from app.engine.held import DEADLINE_GRACE_S, hold, hold_instance, hold_step
from app.engine.parts import Parts
from app.engine.rows import InstanceError
from app.engine.walk import Walk
from app.flow import plan
from app.flow.messages import ErrorClass, Lane
from app.flow.states import StepStatus
from app.flow.waits import WaitKind
from app.kit.ids import AttemptId, InstanceId, StepId
from app.kit.log import get_logger
from app.store.database import Scope, Transaction

log = get_logger(__name__)

AT_ONCE: Final = 100  # findings of a kind in one sweep; what is left comes with the next, a moment later
BELLS_AT_ONCE: Final = 32  # of a lane: enough to start every worker there is, who then take the rest
RING_AGAIN_S: Final = 5.0  # a bell heard nowhere for this long is rung again,
RING_SELDOM_S: Final = 60.0  # less and less often while nobody comes; at once when all bells were lost

# Of these attempts, those whose worker held others as well when it fell silent.
_BESIDE_OTHERS: Final = """
SELECT a.id FROM attempts a
 WHERE a.id = ANY(%(expired)s::uuid[]) AND EXISTS (
       SELECT FROM attempts b WHERE b.status = 'leased' AND b.worker_id = a.worker_id AND b.id <> a.id)
"""

_LOOK: Final = """
SELECT ARRAY(SELECT id FROM attempts WHERE status = 'leased' AND lease_until < now()
              ORDER BY lease_until LIMIT %(most)s) AS expired,
       ARRAY(SELECT id FROM attempts
              WHERE status = 'leased' AND deadline_at < now() - make_interval(secs => %(grace_s)s)
              LIMIT %(most)s) AS overrun,
       ARRAY(SELECT s.id FROM steps s JOIN instances i ON i.id = s.instance_id
              WHERE s.status = 'waiting' AND s.due_at <= now() AND i.pause IS NULL
              ORDER BY s.due_at LIMIT %(most)s) AS due,
       ARRAY(SELECT id FROM instances
              WHERE deadline_at < now() AND status IN ('pending', 'running', 'waiting') AND pause IS NULL
              ORDER BY deadline_at LIMIT %(most)s) AS too_long,
       ARRAY(SELECT id FROM instances WHERE NOT is_told LIMIT %(most)s) AS untold,
       least((SELECT min(due_at) FROM steps WHERE status = 'waiting' AND due_at > now()),
             (SELECT min(deadline_at) FROM instances
               WHERE deadline_at > now() AND status IN ('pending', 'running', 'waiting')),
             (SELECT min(available_at) FROM attempts
               WHERE status = 'queued' AND rung_at IS NULL AND available_at > now())) AS next_due_at,
       ARRAY(SELECT DISTINCT name FROM gates WHERE closes_at <= now()) AS closed,
       now() AS now
"""

# Only the head of each lane: those behind it are taken by the workers whom the head wakes. A bell means only
# that there is work, so whose attempts these are does not matter.
_RING: Final = """
WITH RECURSIVE crowd(lane, organization_id) AS (
    SELECT l.lane, (SELECT a.organization_id FROM attempts a WHERE a.lane = l.lane AND a.status = 'queued'
                     ORDER BY a.organization_id LIMIT 1)
      FROM unnest(%(lanes)s::text[]) AS l(lane)
    UNION ALL
    SELECT c.lane, (SELECT a.organization_id FROM attempts a
                     WHERE a.lane = c.lane AND a.status = 'queued' AND a.organization_id > c.organization_id
                     ORDER BY a.organization_id LIMIT 1)
      FROM crowd c WHERE c.organization_id IS NOT NULL
), head AS MATERIALIZED (
    SELECT a.id
      FROM crowd c
     CROSS JOIN LATERAL (
           SELECT id, rung_at, available_at FROM attempts
            WHERE lane = c.lane AND organization_id = c.organization_id AND status = 'queued'
              AND available_at <= now()
            ORDER BY priority DESC, available_at, id LIMIT %(most)s
              FOR UPDATE SKIP LOCKED) AS a
     WHERE a.rung_at IS NULL
        OR a.rung_at < now() - make_interval(secs => least(%(seldom_s)s, greatest(
                %(again_s)s, extract(epoch FROM now() - a.available_at) / 4)))
)
UPDATE attempts SET rung_at = now() WHERE id IN (SELECT id FROM head) RETURNING id, lane
"""

_STALLED: Final = """
SELECT DISTINCT ON (a.instance_id) a.instance_id, a.step_id, a.lane
  FROM attempts a JOIN instances i ON i.id = a.instance_id
 WHERE a.status = 'queued' AND a.lane = ANY(%(lanes)s) AND a.available_at < now() - interval '3 seconds'
   AND i.status IN ('pending', 'running') AND NOT EXISTS (
       SELECT FROM attempts busy WHERE busy.instance_id = a.instance_id AND busy.status = 'leased')
 ORDER BY a.instance_id, a.available_at
 LIMIT %(most)s
"""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep did and saw.

    next_due_s  until the next timer or delayed retry, None when there is none
    closed      the gates that were closed
    """

    lost: int
    overrun: int
    woken: int
    told: int  # parents that learned late of a child's end
    rung: int
    next_due_s: float | None
    closed: frozenset[str] = frozenset()

    @property
    def found(self) -> int:
        """How many things were due; bells are not counted."""
        return self.lost + self.overrun + self.woken + self.told


async def sweep(parts: Parts, *, bells_are_lost: bool = False) -> Swept:
    """Look once and do what is due."""
    async with parts.database.transaction(Scope.system()) as tx:
        seen = await tx.fetch_one(_LOOK, {"most": AT_ONCE, "grace_s": DEADLINE_GRACE_S})
        beside = await _beside_others(tx, seen["expired"] if seen else [])
        rung = await _ring(parts, tx, again_s=0.0 if bells_are_lost else RING_AGAIN_S)
    if seen is None:
        raise RuntimeError("a SELECT without FROM gave no row")
    return Swept(
        lost=await _each(seen["expired"], partial(_lose, parts, beside)),
        overrun=await _each(seen["overrun"], partial(_end_overrun, parts))
        + await _each(seen["too_long"], partial(_end_instance, parts)),
        woken=await _each(seen["due"], partial(_wake, parts)),
        told=await _each(seen["untold"], partial(children.tell_parent, parts)),
        rung=rung,
        next_due_s=_seconds(seen["now"], seen["next_due_at"]),
        closed=frozenset(seen["closed"]),
    )


async def _each(ids: list[UUID], act: Callable[[Any], Awaitable[bool]]) -> int:
    """Act on each finding; one that cannot be mended must not keep the others waiting."""
    done = 0
    for found in ids:
        try:
            done += await act(found)
        except Exception as exc:  # noqa: BLE001  the engine's tick is one of the three places for this
            log.error(
                "the sweep could not mend a finding", action="sweep_failed", id=str(found), error=repr(exc)
            )
    return done


async def _beside_others(tx: Transaction, expired: list[UUID]) -> set[UUID]:
    if len(expired) < 2:
        return set()
    return {row["id"] for row in await tx.fetch_all(_BESIDE_OTHERS, {"expired": expired})}


async def _lose(parts: Parts, beside_others: set[UUID], attempt_id: AttemptId) -> bool:
    async with parts.database.transaction(Scope.system()) as tx:
        held = await hold(parts, tx, attempt_id)
        if held is None or not held.is_leased or not held.attempt.lease_ran_out:
            return False
        await lost(parts, held, is_beside_others=attempt_id in beside_others)
        await _save(parts, tx, held.board)
    log.warning(
        "a worker went silent; its step goes to another",
        action="attempt_lost",
        attempt=str(attempt_id),
        instance=str(held.board.instance.id),
        worker=str(held.attempt.worker_id),
    )
    return True


async def _end_overrun(parts: Parts, attempt_id: AttemptId) -> bool:
    async with parts.database.transaction(Scope.system()) as tx:
        held = await hold(parts, tx, attempt_id)
        if held is None or not held.is_leased or not held.attempt.deadline_passed:
            return False
        await failed(parts, held, plan.overrun(held.attempt.timeout_s))
        held.board.stopped.append(attempt_id)
        await _save(parts, tx, held.board)
    return True


async def _end_instance(parts: Parts, instance_id: InstanceId) -> bool:
    """End an instance that has run for longer than its workflow allows."""
    async with parts.database.transaction(Scope.system()) as tx:
        found = await hold_instance(parts, tx, instance_id)
        if found is None or found.has_ended or found.instance.is_held or found.is_paused:
            return False
        timeout_s = found.program.definition.timeout_s or 0
        found.fail(
            InstanceError(
                error_class=ErrorClass.timeout,
                message=f"The instance ran longer than its timeout of {timeout_s:g} s.",
                remedy="Raise the workflow's timeout_s, or give it less to do.",
            )
        )
        await _save(parts, tx, found)
    return True


async def _wake(parts: Parts, step_id: StepId) -> bool:
    async with parts.database.transaction(Scope.system()) as tx:
        found = await hold_step(parts, tx, step_id)
        if found is None:
            return False
        board, step = found
        if (
            board.has_ended
            or board.is_paused
            or step.status is not StepStatus.waiting
            or step.due_at is None
            or step.due_at > board.now
        ):
            return False
        match step.wait_kind:
            case WaitKind.time:
                await Walk(parts, board).complete(step, None)
            case WaitKind.child:
                await children.due(parts, board, step)
            case _:
                await waiting.expire(parts, board, step)
        await _save(parts, tx, board)
    return True


async def _save(parts: Parts, tx: Transaction, board: Board) -> None:
    await board.save()
    announce.announce(parts, tx, board)


async def _ring(parts: Parts, tx: Transaction, *, again_s: float) -> int:
    """Ring for what has waited without being heard: retries that are due, bells a crash or Redis lost."""
    rows = await tx.fetch_all(
        _RING,
        {
            "lanes": [lane for lane in Lane if lane is not Lane.inline],
            "most": BELLS_AT_ONCE,
            "again_s": again_s,
            "seldom_s": RING_SELDOM_S if again_s else 0.0,
        },
    )
    by_lane: dict[str, list[UUID]] = {}
    for row in rows:
        by_lane.setdefault(row["lane"], []).append(row["id"])
    for lane, attempt_ids in by_lane.items():
        tx.after_commit(partial(parts.bells.ring, lane, attempt_ids))
    return len(rows)


async def explain_waits(parts: Parts, served: Collection[Lane]) -> int:
    """Mark instances that wait for a lane nobody serves or that is closed, and say so; how many."""
    lanes = [lane for lane in Lane if lane is not Lane.inline]
    reasons: dict[Lane, str] = {
        lane: f"No worker for the {lane} lane is here; the step starts when one comes."
        for lane in lanes
        if lane not in served
    }
    async with parts.database.transaction(Scope.system()) as tx:
        reasons |= await parts.gates.closed_lanes(tx)
        if not parts.watch.is_open:
            no_room = f"{parts.watch.room().sentence} The step starts when there is room."
            reasons |= dict.fromkeys(lanes, no_room)
        if not reasons:
            return 0
        stalled = await tx.fetch_all(_STALLED, {"lanes": list(reasons), "most": AT_ONCE})
    return await _each([row["step_id"] for row in stalled], partial(_explain, parts, reasons))


async def _explain(parts: Parts, reasons: Mapping[Lane, str], step_id: StepId) -> bool:
    async with parts.database.transaction(Scope.system()) as tx:
        found = await hold_step(parts, tx, step_id)
        if found is None or found[0].has_ended or found[1].status is not StepStatus.queued:
            return False
        board, step = found
        board.stall(step, reasons[Lane(step.lane)])
        await _save(parts, tx, board)
    return True


def _seconds(moment: datetime, later: datetime | None) -> float | None:
    return None if later is None else max(0.0, (later - moment).total_seconds())
