"""Leases: renewed by heartbeats, given back by workers that leave, lost with workers that die."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from app.engine import announce, finish
from app.engine.held import Held, hold
from app.engine.parts import Parts
from app.flow.messages import HEARTBEAT_S, LEASE_S, Beat, Lease
from app.kit.ids import WorkerId
from app.kit.log import get_logger
from app.store.database import Row, Scope

log = get_logger(__name__)

# SKIP LOCKED: an attempt that is being finished at this moment needs no renewal, and waiting for several
# rows could close a circle with a cancel. The next beat comes in 5 s, a lease lasts 20.
_RENEW: Final = """
WITH given AS (
    SELECT * FROM unnest(%(attempts)s::uuid[], %(fences)s::bigint[]) AS g(id, fence)
), held AS (
    SELECT a.id FROM attempts a JOIN given g ON g.id = a.id
     WHERE a.status = 'leased' AND a.worker_id = %(worker)s AND a.fence = g.fence
       FOR NO KEY UPDATE OF a SKIP LOCKED
), renewed AS (
    UPDATE attempts SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
     WHERE id IN (SELECT id FROM held)
)
SELECT g.id, a.status = 'cancelled' AS is_cancelled,
       coalesce(a.status = 'leased' AND a.worker_id = %(worker)s AND a.fence = g.fence, false) AS is_held
  FROM given g LEFT JOIN attempts a ON a.id = g.id
"""

# Leased long enough ago for the worker to have renewed it, which it has not: the answer to its claim was lost
# on the way. What was renewed once is known to it, so that a beat which comes late or twice takes nothing.
UNHEARD_S: Final = 2 * HEARTBEAT_S
_UNHEARD: Final = """
SELECT id, fence FROM attempts
 WHERE worker_id = %(worker)s AND status = 'leased' AND id <> ALL(%(attempts)s::uuid[])
   AND claimed_at < clock_timestamp() - make_interval(secs => %(unheard_s)s)
   AND lease_until < claimed_at + make_interval(secs => %(lease_s)s + 1)
"""

_HELD_BY: Final = "SELECT id, fence FROM attempts WHERE worker_id = %(worker)s AND status = 'leased'"


async def renew(parts: Parts, worker_id: WorkerId, held: Sequence[Lease]) -> Beat:
    """Extend these leases; the answer says which the worker should stop and which it no longer has.

    What it holds without knowing goes to another worker at once, and counts as nobody's loss.
    """
    given = {
        "attempts": [lease.attempt_id for lease in held],
        "fences": [lease.fence for lease in held],
        "worker": worker_id,
        "lease_s": LEASE_S,
        "unheard_s": UNHEARD_S,
    }
    async with parts.database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all(_RENEW, given) if held else []
        unheard = await tx.fetch_all(_UNHEARD, given)
    if unheard:
        count = await _hand_on(parts, worker_id, unheard, finish.unheard)
        log.warning(
            "a worker never heard of jobs it was given; they go to others",
            action="jobs_unheard",
            worker=worker_id,
            count=count,
        )
    gone = [row for row in rows if not row["is_held"]]
    return Beat(
        cancelled=[row["id"] for row in gone if row["is_cancelled"]],
        lost=[row["id"] for row in gone if not row["is_cancelled"]],
    )


async def give_back(parts: Parts, worker_id: WorkerId) -> int:
    """Put every attempt this worker holds back in the queue; no retry is used up. How many there were."""
    return await _hand_on(parts, worker_id, await _held_by(parts, worker_id), finish.given_back)


async def lose(parts: Parts, worker_id: WorkerId) -> int:
    """End every attempt of a worker known to be dead, as if its leases had run out. How many there were."""
    held = await _held_by(parts, worker_id)
    return await _hand_on(parts, worker_id, held, partial(finish.lost, is_beside_others=len(held) > 1))


async def _held_by(parts: Parts, worker_id: WorkerId) -> Sequence[Row]:
    async with parts.database.transaction(Scope.system()) as tx:
        return await tx.fetch_all(_HELD_BY, {"worker": worker_id})


async def _hand_on(
    parts: Parts,
    worker_id: WorkerId,
    attempts: Sequence[Row],
    settle: Callable[[Parts, Held], Awaitable[None]],
) -> int:
    """Let others have these attempts, those that this worker holds still; how many."""
    handed_on = 0
    for row in attempts:
        # One transaction each: they may belong to different instances, which are locked one at a time.
        async with parts.database.transaction(Scope.system()) as tx:
            held = await hold(parts, tx, row["id"])
            if held is None or not held.is_held_by(worker_id, row["fence"]):
                continue
            await settle(parts, held)
            await held.board.save()
            announce.announce(parts, tx, held.board)
            handed_on += 1
    return handed_on
