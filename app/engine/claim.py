"""The move that leases an attempt to a worker, one statement, and the job that comes of it."""

import asyncio
import random
from functools import partial
from typing import Any, Final

import msgspec

from app.engine.announce import Messages, event_messages
from app.engine.parts import Parts
from app.engine.rota import CROWD
from app.engine.rows import Event
from app.flow import plan
from app.flow.messages import LEASE_S, Job, Lane
from app.kit import meters
from app.kit.ids import WorkerId
from app.store.database import Row, Scope, Transaction

# 0 crowd, turns: the organizations with work in this lane, those served longest ago first; one that runs as
#   many steps as it may is left out.
# 1 picked: the most urgent due attempt of the first of them that nobody else is claiming at this moment.
#   Claimers tell one another by an advisory lock that nobody waits for. A row lock with SKIP LOCKED would not
#   do: it can stay on a row that another claimer has just leased, and waiting for the instance with it closes
#   a circle with the moves of that instance (seen as deadlocks when a cancel, a finish and four claims met).
#   Due by the clock, not by the transaction's beginning: a finish hands on what it has just made due.
#   For an organization with a limit one at a time claims, and counts once more: the count of before misses
#   those who lease at this moment.
# 2 locked: its instance. From here on the moves of the instance are in order; what a faster one did shows in
#   the statuses asked for next, which are read anew after the wait.
# 3 leased, step, owner: the lease begins, the step runs, the instance runs.
# 4 told: the numbered events, as every move writes them.
_CLAIM = """
WITH RECURSIVE crowd(organization_id) AS (
    {crowd}
), turns AS MATERIALIZED (
    SELECT c.organization_id, coalesce(array_position(%(served)s::uuid[], c.organization_id), 0) AS turn,
           o.max_running_steps
      FROM crowd c JOIN organizations o ON o.id = c.organization_id
     WHERE o.max_running_steps IS NULL OR o.max_running_steps > (
           SELECT count(*) FROM attempts a WHERE a.status = 'leased' AND a.organization_id = o.id)
), candidates AS MATERIALIZED (
    SELECT a.id, a.instance_id, t.organization_id, t.max_running_steps
      FROM turns t CROSS JOIN LATERAL (
           SELECT id, instance_id, priority, available_at
             FROM attempts
            WHERE lane = %(lane)s AND organization_id = t.organization_id AND status = 'queued'
              AND available_at <= (SELECT clock_timestamp())
            ORDER BY priority DESC, available_at, id
            LIMIT greatest(4, {claimers_at_once} / (SELECT count(*) FROM turns))) AS a
     ORDER BY t.turn, t.organization_id, a.priority DESC, a.available_at, a.id
     LIMIT {claimers_at_once}
), picked AS MATERIALIZED (
    SELECT id, instance_id FROM candidates
     WHERE CASE WHEN max_running_steps IS NULL THEN true
                ELSE may_run_one_more(organization_id, max_running_steps) END
       AND pg_try_advisory_xact_lock(hashtextextended(id::text, 0))
     LIMIT 1
), locked AS MATERIALIZED (
    SELECT i.id, i.status, i.event_seq
      FROM instances i JOIN picked p ON p.instance_id = i.id
       FOR NO KEY UPDATE OF i {when_instance_is_busy}
), leased AS (
    UPDATE attempts a
       SET status = 'leased', worker_id = %(worker)s, fence = a.fence + 1, claimed_at = clock_timestamp(),
           lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
           deadline_at = clock_timestamp() + make_interval(secs => a.timeout_s)
      FROM picked p JOIN locked l ON l.id = p.instance_id
     WHERE a.id = p.id AND a.status = 'queued' AND l.status IN ('pending', 'running', 'waiting')
    RETURNING a.id, a.step_id, a.fence, a.number, a.timeout_s
), step AS (
    UPDATE steps s
       SET status = 'running', reason = NULL, started_at = coalesce(s.started_at, clock_timestamp())
      FROM leased
     WHERE s.id = leased.step_id
    RETURNING s.id, s.organization_id, s.instance_id, s.node_id, s.path, s.kind, s.inputs, s.started_at
), owner AS (
    UPDATE instances i
       SET status = 'running', reason = NULL, started_at = coalesce(i.started_at, clock_timestamp()),
           event_seq = l.event_seq + CASE WHEN l.status = 'running' THEN 1 ELSE 2 END
      FROM locked l, leased
     WHERE i.id = l.id
), told AS (
    INSERT INTO events (instance_id, seq, organization_id, type, step_id, data)
    SELECT s.instance_id, l.event_seq + news.place, s.organization_id, news.type, news.step_id, news.data
      FROM step s, leased, locked l,
           LATERAL (
               SELECT 1 AS place, 'step.started' AS type, s.id AS step_id,
                      jsonb_build_object('node', s.node_id, 'path', s.path, 'status', 'running',
                                         'attempt', leased.number) AS data
               UNION ALL
               SELECT 2, 'instance.running', NULL, jsonb_build_object('status', 'running')
                WHERE l.status <> 'running'
           ) AS news
    RETURNING seq, type, step_id, data, at
)
SELECT p.id AS attempt_id, leased.fence, leased.number, leased.timeout_s,
       s.id AS step_id, s.organization_id, s.instance_id, s.node_id, s.path, s.kind, s.inputs,
       greatest(0, extract(epoch FROM clock_timestamp() - s.started_at))::float8 AS age_s,
       seen.others_wait, seen.is_crowded, (SELECT jsonb_agg(told ORDER BY seq) FROM told) AS events
  FROM (SELECT count(*) > 1 AS others_wait, count(max_running_steps) > 0 AS is_crowded FROM candidates) seen
  LEFT JOIN picked p ON true
  LEFT JOIN leased ON leased.id = p.id LEFT JOIN step s ON s.id = leased.step_id
"""
_LOOKS: Final = 100  # what is left then is rung for again by the sweep
_A_CLAIM_S: Final = (0.001, 0.004)
_CLAIMERS_AT_ONCE: Final = 64  # more than that look again a moment later
_PARTS: Final = {"claimers_at_once": _CLAIMERS_AT_ONCE, "crowd": CROWD}
CLAIM: Final = _CLAIM.format(**_PARTS, when_instance_is_busy="")
# Inside another move, which holds its own instance already: waiting for a second one could close a circle.
CLAIM_WITHIN: Final = _CLAIM.format(**_PARTS, when_instance_is_busy="SKIP LOCKED")


async def claim(parts: Parts, worker_id: WorkerId, lane: Lane) -> Job | None:
    """The most urgent due attempt of a lane, leased; None when there is none, or none is handed out now."""
    if not parts.watch.is_open:
        return None
    for _ in range(_LOOKS):
        async with parts.database.transaction(Scope.system()) as tx:
            if lane in await parts.gates.closed_lanes(tx):
                return None
            row = await tx.fetch_one(CLAIM, _params(parts, worker_id, lane))
            if row is None or not (row["attempt_id"] or row["is_crowded"]):
                return None
            if row["fence"] is not None:
                tx.after_commit(partial(parts.bus.publish_all, _messages(row)))
                return _job(parts, row, lane)
        # It was leased or cancelled while we waited for its instance, or others claim for its organization,
        # perhaps in the other lane: look again.
        if row["attempt_id"] is None:
            await asyncio.sleep(random.uniform(*_A_CLAIM_S))  # noqa: S311  spread, not secrecy
    return None


async def claim_within(
    parts: Parts, tx: Transaction, worker_id: WorkerId, lane: Lane
) -> tuple[Job, Messages] | None:
    """The same inside another move, which publishes the messages; None also when it would have to wait."""
    if not parts.watch.is_open or lane in await parts.gates.closed_lanes(tx):
        return None
    row = await tx.fetch_one(CLAIM_WITHIN, _params(parts, worker_id, lane))
    if row is None or row["fence"] is None:
        return None
    return _job(parts, row, lane), _messages(row)


def _params(parts: Parts, worker_id: WorkerId, lane: Lane) -> dict[str, Any]:
    return {
        "worker": worker_id,
        "lane": str(lane),
        "lease_s": LEASE_S,
        "served": parts.rota.served(lane),
    }


def _messages(row: Row) -> Messages:
    events = msgspec.convert(row["events"], list[Event])
    return event_messages(row["instance_id"], row["organization_id"], events)


def _job(parts: Parts, row: Row, lane: Lane) -> Job:
    parts.rota.note(lane, row["organization_id"])
    parts.tally.count(meters.CLAIMS, lane)
    step_type = parts.steps.get(row["kind"])
    return Job(
        attempt_id=row["attempt_id"],
        fence=row["fence"],
        lane=lane,
        kind=row["kind"],
        version=0 if step_type is None else step_type.version,
        inputs=row["inputs"] or {},
        instance_id=row["instance_id"],
        step_id=row["step_id"],
        organization_id=row["organization_id"],
        node_id=row["node_id"],
        path=row["path"],
        number=row["number"],
        seed=plan.seed(row["instance_id"], row["node_id"], row["path"]),
        deadline_s=row["timeout_s"],
        age_s=row["age_s"],
        others_wait=row["others_wait"],
    )
