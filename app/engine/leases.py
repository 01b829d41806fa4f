"""Leases: renewed by heartbeats, given back by workers that leave, lost with workers that die."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from app.engine import announce, finish
from app.engine.held import Held, hold
from app.engine.parts import Parts
from app.flow.messages import LEASE_S, Beat, Lease
from app.kit.ids import WorkerId
from app.store.database import Scope

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

_HELD_BY: Final = "SELECT id, fence FROM attempts WHERE worker_id = %(worker)s AND status = 'leased'"


async def renew(parts: Parts, worker_id: WorkerId, held: Sequence[Lease]) -> Beat:
    """Extend these leases; the answer says which the worker should stop and which it no longer has."""
    if not held:
        return Beat(cancelled=[], lost=[])
    async with parts.database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all(
            _RENEW,
            {
                "attempts": [lease.attempt_id for lease in held],
                "fences": [lease.fence for lease in held],
                "worker": worker_id,
                "lease_s": LEASE_S,
            },
        )
    gone = [row for row in rows if not row["is_held"]]
    return Beat(
        cancelled=[row["id"] for row in gone if row["is_cancelled"]],
        lost=[row["id"] for row in gone if not row["is_cancelled"]],
    )


async def give_back(parts: Parts, worker_id: WorkerId) -> int:
    """Put every attempt this worker holds back in the queue; no retry is used up. How many there were."""
    return await _hand_on(parts, worker_id, finish.given_back)


async def lose(parts: Parts, worker_id: WorkerId) -> int:
    """End every attempt of a worker known to be dead, as if its leases had run out. How many there were."""
    return await _hand_on(parts, worker_id, finish.lost)


async def _hand_on(
    parts: Parts, worker_id: WorkerId, settle: Callable[[Parts, Held], Awaitable[None]]
) -> int:
    async with parts.database.transaction(Scope.system()) as tx:
        held_now = await tx.fetch_all(_HELD_BY, {"worker": worker_id})
    handed_on = 0
    for row in held_now:
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
