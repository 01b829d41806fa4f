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


# 1 wanted: the queued attempts asked about. 2 ranked: every due attempt of their organizations, in order.
# 3 crowd: how many each organization has in the lane, and when its turn is.
# An attempt waits for those before it in its organization; meanwhile each of the others is served as often,
# once more if its turn comes sooner, and never more often than it has attempts.
_POSITIONS: Final = """
WITH wanted AS MATERIALIZED (
    SELECT id, lane, organization_id FROM attempts
     WHERE step_id = ANY(%(steps)s) AND status = 'queued' AND available_at <= now()
), ranked AS (
    SELECT a.id, a.step_id, a.lane, a.organization_id,
           row_number() OVER (PARTITION BY a.lane, a.organization_id
                              ORDER BY a.priority DESC, a.available_at, a.id) AS rank
      FROM (SELECT DISTINCT lane, organization_id FROM wanted) AS w
      JOIN attempts a ON a.lane = w.lane AND a.organization_id = w.organization_id
     WHERE a.status = 'queued' AND a.available_at <= now()
), crowd AS MATERIALIZED (
    SELECT lane, organization_id, count(*) AS queued,
           coalesce(array_position(CASE lane WHEN 'cpu' THEN %(cpu)s::uuid[] ELSE %(gpu)s::uuid[] END,
                                   organization_id), 0) AS turn
      FROM attempts
     WHERE lane IN (SELECT lane FROM wanted) AND status = 'queued' AND available_at <= now()
     GROUP BY lane, organization_id
)
SELECT r.step_id, r.rank + coalesce(sum(least(o.queued, r.rank - CASE
           WHEN (o.turn, o.organization_id) < (own.turn, own.organization_id) THEN 0 ELSE 1 END))
           FILTER (WHERE o.lane IS NOT NULL), 0) AS place
  FROM ranked r
  JOIN wanted ON wanted.id = r.id
  JOIN crowd own ON own.lane = r.lane AND own.organization_id = r.organization_id
  LEFT JOIN crowd o ON o.lane = r.lane AND o.organization_id <> r.organization_id
 GROUP BY r.step_id, r.rank
"""


async def positions(tx: Transaction, rota: Rota, step_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The place in their lane's queue, from 1, of those of these steps that wait for a worker now.

    Exact for this process' round while nothing new comes and nobody is at a limit. Needs the system's scope.
    """
    params = {"steps": list(step_ids), "cpu": rota.served("cpu"), "gpu": rota.served("gpu")}
    return {row["step_id"]: int(row["place"]) for row in await tx.fetch_all(_POSITIONS, params)}
