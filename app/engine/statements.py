"""The statements of the engine, named.

Times are the database's. Sets of rows travel as one JSON parameter each and are read with
jsonb_to_recordset, so that a move of any size is the same prepared statement and one round trip.
"""


def _closely(statement: str) -> str:
    """The statement on one line, commas close; none of ours holds text in which spaces count."""
    return " ".join(statement.split()).replace(", ", ",")


_STEP_COLUMNS = """
    status text, reason text, waits_for integer, led_here integer, inputs jsonb, outputs jsonb,
    error jsonb, item jsonb, items_total integer, items_made integer, items_started integer,
    items_open integer, items_failed integer, attempts_used integer, times_lost integer, due_at timestamptz,
    wait_kind text, wait jsonb, reused_from uuid, cache_key text, started_at timestamptz,
    ended_at timestamptz, edited jsonb, type_version integer
"""
_STEP_NAMES = """
    status, reason, waits_for, led_here, inputs, outputs, error, item, items_total, items_made,
    items_started, items_open, items_failed, attempts_used, times_lost, due_at, wait_kind, wait,
    reused_from, cache_key, started_at, ended_at, edited, type_version
"""
# What a move reads of a step: everything but its values, which may be large; those given by hand to one that
# has not begun are what it begins with.
_STEP_READ = """
    s.id, s.node_id, s.path, s.parent_id, s.ordinal, s.kind, s.lane, s.status, s.waits_for, s.led_here,
    s.reason, s.wait_kind, s.error, s.items_total, s.items_made, s.items_started, s.items_open,
    s.items_failed, s.items_kept, s.attempts_used, s.times_lost, s.due_at, s.reused_from, s.cache_key,
    s.started_at, s.ended_at, s.edited IS NOT NULL AS is_edited,
    CASE WHEN s.status IN ('pending', 'waiting') THEN s.edited END AS edited
"""
# Inputs up to 8 kB come with the lock; larger ones are read only when an expression asks for them, so that
# an item of a fan-out over a list of 10,000 does not pay for the list.
_INSTANCE_READ = """
    i.id, i.organization_id, o.name AS organization_name, i.workflow_id, i.version_id, i.number, i.status,
    i.reason, i.priority, i.event_seq, i.open_steps, i.busy_steps, i.created_by, i.parent_id,
    i.parent_step_id, i.depth, i.concurrency_limit, i.is_held, i.pause, i.body, i.created_at, i.started_at,
    CASE WHEN pg_column_size(i.inputs) < 8192 THEN i.inputs END AS inputs
"""

# A version of another organization selects no row, so nothing is numbered or inserted. What runs a node's
# body takes the number of the instance it belongs to.
#
# Starts of one workflow stand in line at an advisory lock. At the counter's row itself all of them would wake
# at every commit and race for it: with 20 at once the unluckiest waited ten times as long as most.
CREATE_INSTANCE = """
WITH chosen AS (
    SELECT v.id, v.workflow_id, v.organization_id, o.name
      FROM workflow_versions v JOIN organizations o ON o.id = v.organization_id
     WHERE v.id = %(version)s
), counted AS (
    INSERT INTO instance_counters AS c (workflow_id, organization_id, last_number)
    SELECT workflow_id, organization_id, 1
      FROM chosen, LATERAL (SELECT pg_advisory_xact_lock(hashtextextended(workflow_id::text, 0))) line
     WHERE %(body)s = ''
        ON CONFLICT (workflow_id) DO UPDATE SET last_number = c.last_number + 1
    RETURNING last_number
), made AS (
    INSERT INTO instances (id, organization_id, workflow_id, version_id, number, status, inputs, source,
                           priority, created_by, total_steps, parent_id, parent_step_id, depth, body,
                           deadline_at, concurrency_limit, on_limit, origin_id, rerun)
    SELECT %(id)s, organization_id, workflow_id, id,
           coalesce((SELECT last_number FROM counted), %(number)s), 'pending', %(inputs)s::jsonb, %(source)s,
           %(priority)s, %(created_by)s, %(total_steps)s, %(parent)s, %(parent_step)s, %(depth)s, %(body)s,
           clock_timestamp() + make_interval(secs => %(timeout_s)s), %(concurrency_limit)s, %(on_limit)s,
           %(origin)s, %(rerun)s::jsonb
      FROM chosen
    RETURNING id, organization_id, workflow_id, version_id, number, status, priority, created_at
)
SELECT made.*, chosen.name AS organization_name FROM made, chosen
"""

# The row lock that orders the moves of an instance. NO KEY UPDATE: new rows may refer to it meanwhile.
LOCK_INSTANCE = f"""
SELECT {_INSTANCE_READ}
  FROM instances i JOIN organizations o ON o.id = i.organization_id
 WHERE i.id = %(id)s
   FOR NO KEY UPDATE OF i
"""

# The same, found by an attempt. Only columns that never change may come from the unlocked rows: they are
# read with the snapshot of before the wait.
LOCK_BY_ATTEMPT = f"""
SELECT {_INSTANCE_READ}, a.step_id, s.parent_id, s.node_id
  FROM attempts a
  JOIN steps s ON s.id = a.step_id
  JOIN instances i ON i.id = a.instance_id
  JOIN organizations o ON o.id = i.organization_id
 WHERE a.id = %(attempt)s
   FOR NO KEY UPDATE OF i
"""

LOCK_BY_STEP = f"""
SELECT {_INSTANCE_READ}, s.id AS step_id, s.parent_id, s.node_id
  FROM steps s
  JOIN instances i ON i.id = s.instance_id
  JOIN organizations o ON o.id = i.organization_id
 WHERE s.id = %(step)s
   FOR NO KEY UPDATE OF i
"""

# The step, the attempt at it that is ending (if one is), its fan-out (if it is an item), the item that comes
# next there, and these nodes.
LOAD_AROUND = f"""
SELECT {_STEP_READ}, NULL::jsonb AS inputs, clock_timestamp() AS now,
       (SELECT jsonb_build_object(
                   'id', a.id, 'step_id', a.step_id, 'number', a.number, 'status', a.status,
                   'worker_id', a.worker_id, 'fence', a.fence, 'timeout_s', a.timeout_s,
                   'lease_ran_out', coalesce(a.lease_until < clock_timestamp(), false),
                   'deadline_passed', coalesce(
                       a.deadline_at + make_interval(secs => %(grace_s)s) < clock_timestamp(), false))
          FROM attempts a WHERE a.id = %(attempt)s) AS attempt
  FROM steps s WHERE s.id = %(step)s
UNION ALL
SELECT {_STEP_READ}, NULL, clock_timestamp(), NULL
  FROM steps s WHERE s.id = %(parent)s
UNION ALL
SELECT {_STEP_READ}, CASE WHEN s.lane = 'inline' THEN s.inputs END, clock_timestamp(), NULL
  FROM steps s
 WHERE s.instance_id = %(instance)s AND s.parent_id = %(parent)s AND s.node_id = %(node)s
   AND s.ordinal = (SELECT items_started FROM steps WHERE id = %(parent)s) AND s.status = 'pending'
UNION ALL
SELECT {_STEP_READ}, NULL, clock_timestamp(), NULL
  FROM steps s
 WHERE s.instance_id = %(instance)s AND s.parent_id IS NULL AND s.node_id = ANY(%(nodes)s)
   AND s.id <> %(step)s
"""

LOAD_NODES = f"""
SELECT {_STEP_READ}
  FROM steps s
 WHERE s.instance_id = %(instance)s AND s.parent_id IS NULL AND s.node_id = ANY(%(nodes)s)
"""

LOAD_ITEM = f"""
SELECT {_STEP_READ}, CASE WHEN s.lane = 'inline' THEN s.inputs END AS inputs
  FROM steps s
 WHERE s.instance_id = %(instance)s AND s.parent_id = %(parent)s AND s.node_id = %(node)s
   AND s.ordinal = %(ordinal)s
"""

# No status is asked for: a step that gave nothing has no outputs, and one whose time has just come still
# waits in the database, with the outputs it was put to sleep with.
LOAD_FACTS = """
SELECT node_id, outputs, status, error FROM steps
 WHERE instance_id = %(instance)s AND parent_id IS NULL AND node_id = ANY(%(nodes)s)
"""

LOAD_INPUTS = "SELECT inputs FROM instances WHERE id = %(id)s"

LOAD_WAIT = "SELECT kind, inputs, wait FROM steps WHERE id = %(id)s"

LOAD_LIST = "SELECT item FROM steps WHERE id = %(id)s"

LOAD_SHAPE = "SELECT item -> 'shape' FROM steps WHERE id = %(id)s"

# An item of a fan-out over lists in lists, and what encloses it: one value of each outer level.
LOAD_ENCLOSED = """
SELECT i.item, ARRAY(SELECT p.item #> ARRAY['levels', (w.level - 1)::text, w.place::text]
                       FROM unnest(%(places)s::integer[]) WITH ORDINALITY AS w(place, level)
                      ORDER BY w.level) AS outer_items
  FROM steps i JOIN steps p ON p.id = i.parent_id
 WHERE i.id = %(id)s
"""

# Of a fan-out that was taken over: the items that were settled before it began, and what was given to others.
LOAD_KEPT = """
SELECT (SELECT edited FROM steps WHERE id = %(parent)s) AS edited,
       ARRAY(SELECT ordinal FROM steps
              WHERE instance_id = %(instance)s AND parent_id = %(parent)s AND node_id = %(node)s
                AND ordinal >= %(first)s AND ordinal < %(end)s AND status <> 'pending') AS kept
"""

# A timer has its outputs from the beginning; one that was cancelled gave none.
LOAD_ITEM_OUTPUTS = """
SELECT ordinal, outputs FROM steps
 WHERE instance_id = %(instance)s AND parent_id = %(parent)s AND outputs IS NOT NULL
   AND status <> 'cancelled'
"""

LOAD_ITEM_FAILURES = """
SELECT ordinal, path, error FROM steps
 WHERE instance_id = %(instance)s AND parent_id = %(parent)s
   AND status IN ('failed', 'cancelled') AND error IS NOT NULL
"""

# A probe, also where a fan-out of ten thousand waits.
WAITING_REASON = """
SELECT reason FROM steps
 WHERE instance_id = %(instance)s AND status = 'waiting' AND id <> ALL(%(settled)s::uuid[])
 ORDER BY due_at LIMIT 1
"""

# Everything a move changed, at once. Without its indentation: psycopg remembers how to read a statement of
# 4,096 letters, and takes 0.4 ms to read a longer one anew at every move.
SAVE = _closely(f"""
WITH made_steps AS (
    INSERT INTO steps (id, organization_id, instance_id, node_id, path, parent_id, ordinal, kind, lane,
                       {_STEP_NAMES})
    SELECT id, %(organization)s, %(instance)s, node_id, path, parent_id, ordinal, kind, lane, {_STEP_NAMES}
      FROM jsonb_to_recordset(%(made_steps)s::jsonb) AS r(
           id uuid, node_id text, path integer[], parent_id uuid, ordinal integer, kind text, lane text,
           {_STEP_COLUMNS})
), changed_steps AS (
    UPDATE steps s
       SET status = r.status, reason = r.reason, waits_for = r.waits_for,
           inputs = coalesce(r.inputs, s.inputs), outputs = coalesce(r.outputs, s.outputs),
           error = r.error, item = coalesce(r.item, s.item), items_total = r.items_total,
           items_made = r.items_made, items_started = r.items_started, items_open = r.items_open,
           items_failed = r.items_failed, attempts_used = r.attempts_used, times_lost = r.times_lost,
           due_at = r.due_at, led_here = r.led_here, wait_kind = r.wait_kind,
           wait = coalesce(r.wait, s.wait), edited = coalesce(r.edited, s.edited),
           reused_from = r.reused_from, cache_key = r.cache_key,
           type_version = coalesce(r.type_version, s.type_version),
           started_at = r.started_at, ended_at = r.ended_at,
           progress_fraction = CASE WHEN r.status = 'queued' THEN NULL ELSE s.progress_fraction END,
           progress_message = CASE WHEN r.status = 'queued' THEN NULL ELSE s.progress_message END
      FROM jsonb_to_recordset(%(changed_steps)s::jsonb) AS r(id uuid, {_STEP_COLUMNS})
     WHERE s.id = r.id
), ended_attempts AS (
    UPDATE attempts a SET status = r.status, error = r.error, ended_at = %(now)s
      FROM jsonb_to_recordset(%(ended_attempts)s::jsonb) AS r(id uuid, status text, error jsonb)
     WHERE a.id = r.id
), made_attempts AS (
    INSERT INTO attempts (id, organization_id, instance_id, step_id, number, lane, status, cause, priority,
                          timeout_s, available_at, rung_at)
    SELECT id, %(organization)s, %(instance)s, step_id, number, lane, status, cause, priority, timeout_s,
           available_at, rung_at
      FROM jsonb_to_recordset(%(made_attempts)s::jsonb) AS r(
           id uuid, step_id uuid, number integer, lane text, status text, cause text, priority integer,
           timeout_s real, available_at timestamptz, rung_at timestamptz)
), told AS (
    INSERT INTO events (instance_id, seq, organization_id, type, step_id, data, at)
    SELECT %(instance)s, seq, %(organization)s, type, step_id, data, at
      FROM jsonb_to_recordset(%(events)s::jsonb) AS r(
           seq bigint, type text, step_id uuid, data jsonb, at timestamptz)
)
UPDATE instances
   SET status = %(status)s, reason = %(reason)s, outputs = coalesce(%(outputs)s::jsonb, outputs),
       error = coalesce(%(error)s::jsonb, error), event_seq = %(event_seq)s, open_steps = %(open_steps)s,
       busy_steps = %(busy_steps)s, started_at = %(started_at)s, ended_at = %(ended_at)s,
       is_told = is_told AND NOT %(must_tell)s, cancelled_by = coalesce(%(cancelled_by)s, cancelled_by),
       cancel_requested_at = coalesce(%(cancel_requested_at)s, cancel_requested_at)
 WHERE id = %(instance)s
""")

# The attempt goes back into the queue: the same row and number, so that neither rows nor tries add up. Under
# a new id, because workers drop a second bell of an id they know. Nobody misses the old one: people see the
# number of a try, its lines in the log hang on the step, and a late report under it is refused as any other.
POSTPONE = """
UPDATE attempts SET id = %(new)s, status = %(status)s, available_at = %(at)s, rung_at = NULL,
                    worker_id = NULL, claimed_at = NULL, lease_until = NULL, deadline_at = NULL
 WHERE id = %(id)s
"""

# Tells the daemon, at the commit, that something is due sooner than it may think.
DUE_CHANNEL = "studio_due"
NOTIFY_DUE = f"NOTIFY {DUE_CHANNEL}"

# An early end: whatever was still open of an instance, or of some of its fan-outs, is cancelled. Gives the
# attempts that a worker holds, who has to be told.
_SHUT = """
    UPDATE steps SET status = 'cancelled', reason = NULL, error = NULL, due_at = NULL, ended_at = %(now)s
     WHERE instance_id = %(instance)s AND status IN ('pending', 'queued', 'running', 'waiting')
"""
_ENDED = """
    UPDATE attempts a SET status = 'cancelled', ended_at = %(now)s
      FROM shut
     WHERE a.step_id = shut.id AND a.status IN ('queued', 'paused', 'leased')
    RETURNING a.id, a.claimed_at
"""
_TO_BE_TOLD = "SELECT id FROM ended WHERE claimed_at IS NOT NULL"
CLOSE = f"WITH shut AS ({_SHUT} RETURNING id), ended AS ({_ENDED}) {_TO_BE_TOLD}"
CLOSE_ITEMS = f"""
WITH shut AS ({_SHUT} AND parent_id = ANY(%(parents)s) RETURNING id), ended AS ({_ENDED}) {_TO_BE_TOLD}
"""
