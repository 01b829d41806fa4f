"""Whose turn it is at the workers of a lane: organizations go round, within one the most urgent comes first.

Who was served last is remembered by each process for itself and by nobody else. That costs the claim no
write, and several processes that each go round are as fair together; after a restart the round begins anew.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.store.database import Transaction

MOST: Final = 1_000  # organizations remembered; those served longer ago come first again


class Rota:
    """The organizations served last, by lane."""

    def __init__(self) -> None:
        self._served: dict[str, OrderedDict[UUID, None]] = {}

    def note(self, lane: str, organization_id: UUID) -> None:
        """This organization has just had its turn."""
        served = self._served.setdefault(lane, OrderedDict())
        served[organization_id] = None
        served.move_to_end(organization_id)
        if len(served) > MOST:
            served.popitem(last=False)

    def served(self, lane: str) -> list[UUID]:
        """Those who had a turn, the one that waits longest for the next first. Others go before them."""
        return list(self._served.get(lane, ()))


# The organizations with anything queued in a lane, found by as many probes of the claim's index.
CROWD: Final = """
    (SELECT organization_id FROM attempts
      WHERE lane = %(lane)s AND status = 'queued' ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (SELECT a.organization_id FROM attempts a
             WHERE a.lane = %(lane)s AND a.status = 'queued' AND a.organization_id > c.organization_id
             ORDER BY a.organization_id LIMIT 1)
      FROM crowd c WHERE c.organization_id IS NOT NULL
"""


# 1 wanted: the queued attempts asked about. 2 furthest: the last of them in each line of an organization.
# 3 ranked: everybody up to that one is counted, in order, from the claim's index alone, and looked up in a
#   hash of those wanted. IS TRUE keeps that from becoming a join, which compares everybody with everybody.
# 4 crowd, others: who has something queued in the lane beside those asked about, how much, and when their
#   turn is. More than the rank of the last one wanted need not be counted.
# An attempt waits for those before it in its organization; meanwhile each of the others is served as often,
# once more if its turn comes sooner, and never more often than it has attempts.
_POSITIONS: Final = """
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT a.id, a.lane, a.organization_id, a.priority, a.available_at
      FROM unnest(%(steps)s::uuid[]) AS asked(step_id) CROSS JOIN LATERAL (
           SELECT * FROM attempts a WHERE a.step_id = asked.step_id OFFSET 0) AS a
     WHERE a.status = 'queued' AND a.available_at <= now()
), furthest AS MATERIALIZED (
    SELECT DISTINCT ON (lane, organization_id) lane, organization_id, priority, available_at, id FROM wanted
     ORDER BY lane, organization_id, priority, available_at DESC, id DESC
), ranked AS MATERIALIZED (
    SELECT a.id, a.rank, f.lane, f.organization_id,
           array_position(CASE f.lane WHEN 'cpu' THEN %(cpu)s::uuid[] ELSE %(gpu)s::uuid[] END,
                          f.organization_id) AS turn
      FROM furthest f CROSS JOIN LATERAL (
           SELECT id, row_number() OVER (ORDER BY priority DESC, available_at, id) AS rank
             FROM attempts
            WHERE lane = f.lane AND organization_id = f.organization_id AND status = 'queued'
              AND available_at <= now() AND priority >= f.priority
              AND (priority > f.priority OR (available_at, id) <= (f.available_at, f.id))) AS a
     WHERE (a.id IN (SELECT id FROM wanted)) IS TRUE
), crowd(lane, organization_id, most) AS (
    SELECT r.lane, (SELECT organization_id FROM attempts a WHERE a.lane = r.lane AND a.status = 'queued'
                     ORDER BY organization_id LIMIT 1), max(r.rank)
      FROM ranked r GROUP BY r.lane
    UNION ALL
    SELECT c.lane, (SELECT a.organization_id FROM attempts a
                     WHERE a.lane = c.lane AND a.status = 'queued' AND a.organization_id > c.organization_id
                     ORDER BY a.organization_id LIMIT 1), c.most
      FROM crowd c WHERE c.organization_id IS NOT NULL
), others AS MATERIALIZED (
    SELECT c.lane, c.organization_id, a.queued,
           array_position(CASE c.lane WHEN 'cpu' THEN %(cpu)s::uuid[] ELSE %(gpu)s::uuid[] END,
                          c.organization_id) AS turn
      FROM crowd c CROSS JOIN LATERAL (
           SELECT count(*) AS queued
             FROM (SELECT FROM attempts
                    WHERE lane = c.lane AND organization_id = c.organization_id AND status = 'queued'
                      AND available_at <= now()
                    LIMIT c.most) AS counted) AS a
     WHERE EXISTS (SELECT FROM furthest f WHERE f.lane = c.lane AND f.organization_id <> c.organization_id)
)
SELECT a.step_id, r.rank + (
       SELECT coalesce(sum(least(o.queued, r.rank - CASE
              WHEN (coalesce(o.turn, 0), o.organization_id) < (coalesce(r.turn, 0), r.organization_id) THEN 0
              ELSE 1 END)), 0)
         FROM others o WHERE o.lane = r.lane AND o.organization_id <> r.organization_id) AS place
  FROM ranked r JOIN attempts a ON a.id = r.id
"""


async def positions(tx: Transaction, rota: Rota, step_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The place in their lane's queue, from 1, of those of these steps that wait for a worker now.

    Exact for this process' round while nothing new comes and nobody is at a limit. Needs the system's scope.
    """
    params = {"steps": list(step_ids), "cpu": rota.served("cpu"), "gpu": rota.served("gpu")}
    return {row["step_id"]: int(row["place"]) for row in await tx.fetch_all(_POSITIONS, params)}
