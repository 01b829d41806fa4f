"""The move that leases an attempt to a worker, one statement, and the job that comes of it."""

from typing import Any, Final

import msgspec

from app.engine.announce import event_messages
from app.engine.parts import Parts
from app.engine.rows import Event
from app.flow import plan
from app.flow.messages import LEASE_S, Job, Lane
from app.kit.ids import WorkerId
from app.store.database import Row, Scope, Transaction

# 1 picked: the most urgent due attempt that nobody else is claiming. SKIP LOCKED: claimers never wait for
#   one another.
# 2 locked: its instance. From here on the moves of the instance are in order; a cancel that was faster
#   shows in the states that `step` asks for.
# 3 step, leased, owner: the step runs, the lease begins, the instance runs.
# 4 told: the numbered events, as every move writes them.
_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id, step_id, instance_id
      FROM attempts
     WHERE lane = %(lane)s AND status = 'queued' AND available_at <= now()
     ORDER BY priority DESC, available_at, id
     LIMIT 1
       FOR UPDATE SKIP LOCKED
), locked AS MATERIALIZED (
    SELECT i.id, i.status, i.event_seq
      FROM instances i JOIN picked p ON p.instance_id = i.id
       FOR NO KEY UPDATE OF i {when_instance_is_busy}
), step AS (
    UPDATE steps s
       SET status = 'running', reason = NULL, started_at = coalesce(s.started_at, clock_timestamp())
      FROM picked p JOIN locked l ON l.id = p.instance_id
     WHERE s.id = p.step_id AND s.status = 'queued' AND l.status IN ('pending', 'running', 'waiting')
    RETURNING s.id, s.organization_id, s.instance_id, s.node_id, s.path, s.kind, s.inputs
), leased AS (
    UPDATE attempts a
       SET status = 'leased', worker_id = %(worker)s, fence = a.fence + 1, claimed_at = clock_timestamp(),
           lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
           deadline_at = clock_timestamp() + make_interval(secs => a.timeout_s)
      FROM picked p JOIN step s ON s.id = p.step_id
     WHERE a.id = p.id
    RETURNING a.id, a.fence, a.number, a.timeout_s
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
       (SELECT count(*) FROM locked) AS instances_locked,
       (SELECT jsonb_agg(told ORDER BY seq) FROM told) AS events
  FROM picked p LEFT JOIN step s ON s.id = p.step_id LEFT JOIN leased ON leased.id = p.id
"""
CLAIM: Final = _CLAIM.format(when_instance_is_busy="")
# Inside another move, which holds its own instance already: waiting for a second one could close a circle.
CLAIM_WITHIN: Final = _CLAIM.format(when_instance_is_busy="SKIP LOCKED")

_PUT_DOWN = """
UPDATE attempts SET status = 'cancelled', ended_at = clock_timestamp()
 WHERE id = %(attempt)s AND status = 'queued'
"""


async def claim(parts: Parts, worker_id: WorkerId, lane: Lane) -> Job | None:
    """The most urgent due attempt of a lane, leased; None when there is none."""
    while True:
        async with parts.database.transaction(Scope.system()) as tx:
            row = await tx.fetch_one(CLAIM, _params(worker_id, lane))
            if row is None:
                return None
            if row["fence"] is not None:
                return _hand_out(parts, tx, row, lane)
            # Its step was cancelled while we waited for the instance: put it down and look again.
            await tx.execute(_PUT_DOWN, {"attempt": row["attempt_id"]})


async def claim_within(parts: Parts, tx: Transaction, worker_id: WorkerId, lane: Lane) -> Job | None:
    """The same inside another move's transaction; None also when waiting would be needed."""
    row = await tx.fetch_one(CLAIM_WITHIN, _params(worker_id, lane))
    if row is None or row["fence"] is None:
        return None
    return _hand_out(parts, tx, row, lane)


def _params(worker_id: WorkerId, lane: Lane) -> dict[str, Any]:
    return {"worker": worker_id, "lane": str(lane), "lease_s": LEASE_S}


def _hand_out(parts: Parts, tx: Transaction, row: Row, lane: Lane) -> Job:
    events = msgspec.convert(row["events"], list[Event])
    messages = event_messages(row["instance_id"], row["organization_id"], events)
    tx.after_commit(lambda: parts.bus.publish_all(messages))
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
    )
