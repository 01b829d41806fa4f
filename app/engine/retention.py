"""The moves that clear away what has ended: first events and log lines, much later the instance itself.

An instance goes with everything its steps ran, in one transaction, and only when nobody goes on from it: a
rerun holds the row of the instance it copies from, and what holds a row is passed over here. What an open
instance needs is never touched, because only families that have ended whole are looked at.

Every batch is bounded by rows, not by instances, and waits for no lock longer than a moment: whoever works
comes first. Under the organization's own scope, so that row-level security watches over what is deleted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.parts import Parts
from app.kit.ids import OrganizationId
from app.store.database import Scope, Transaction

ROWS: Final = 10_000  # deleted in one transaction, some 50 ms
ROOTS: Final = 100  # families looked at once

_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"

_FAMILY: Final = """
family AS (
    SELECT id, event_seq, details_gone_at, id AS root FROM instances WHERE id IN (SELECT id FROM roots)
    UNION ALL
    SELECT c.id, c.event_seq, c.details_gone_at, f.root FROM family f JOIN instances c ON c.parent_id = f.id)
"""

# Old, and ended with all that its steps ran.
_OLD: Final = """
    i.organization_id = %(organization)s AND i.parent_id IS NULL AND i.ended_at < %(before)s
    AND NOT EXISTS (
        WITH RECURSIVE below AS (
            SELECT c.id, c.ended_at FROM instances c WHERE c.parent_id = i.id
            UNION ALL
            SELECT c.id, c.ended_at FROM below b JOIN instances c ON c.parent_id = b.id)
        SELECT FROM below WHERE ended_at IS NULL)
"""

# Nobody goes on from it. What goes on from it goes first, in an earlier batch.
_LAST: Final = "NOT EXISTS (SELECT FROM instances k WHERE k.origin_id = i.id)"

# The same at the end of a run: whoever goes on from it, and so on, is old as well.
_FORSAKEN: Final = """
    NOT EXISTS (
        WITH RECURSIVE later AS (
            SELECT k.id, k.ended_at FROM instances k WHERE k.origin_id = i.id
            UNION ALL
            SELECT k.id, k.ended_at FROM later l JOIN instances k ON k.origin_id = l.id)
        SELECT FROM later WHERE ended_at IS NULL OR ended_at >= %(before)s)
"""

_FIND: Final = f"""
WITH RECURSIVE roots AS (
    SELECT i.id FROM instances i WHERE {_OLD} AND {_LAST} ORDER BY i.ended_at LIMIT %(limit)s), {_FAMILY}
SELECT root, array_agg(id) AS ids, sum(event_seq)::bigint AS weight FROM family GROUP BY root
"""  # noqa: S608  constant parts

_LOCK: Final = f"""
SELECT i.id FROM instances i WHERE i.id = ANY(%(ids)s) AND {_OLD} AND {_LAST} FOR UPDATE OF i SKIP LOCKED
"""  # noqa: S608  constant parts

# A statement of its own: a rerun that was committed before the row was held is seen by it.
_STILL: Final = f"""
WITH RECURSIVE roots AS (
    SELECT i.id FROM instances i WHERE i.id = ANY(%(ids)s) AND {_LAST}), {_FAMILY}
SELECT root, id FROM family
"""  # noqa: S608  constant parts

_WHOLE: Final = """
SELECT id, event_seq AS weight FROM instances
 WHERE organization_id = %(organization)s AND ended_at < %(before)s AND details_gone_at IS NULL
 ORDER BY ended_at LIMIT %(limit)s
"""

_DELETE_EVENTS: Final = """
DELETE FROM events WHERE (instance_id, seq) IN (
    SELECT instance_id, seq FROM events WHERE instance_id = ANY(%(ids)s) LIMIT %(rows)s)
"""
_DELETE_LOGS: Final = """
DELETE FROM step_logs WHERE (instance_id, id) IN (
    SELECT instance_id, id FROM step_logs WHERE instance_id = ANY(%(ids)s) LIMIT %(rows)s)
"""
_MARK: Final = "UPDATE instances SET details_gone_at = now() WHERE id = ANY(%(ids)s)"

# Events have no gaps, so their number is known without looking at them.
_OUTLOOK: Final = f"""
WITH RECURSIVE roots AS MATERIALIZED (
    SELECT i.id FROM instances i WHERE {_OLD} AND {_FORSAKEN}), {_FAMILY}
SELECT (SELECT count(*) FROM roots) AS instances,
       (SELECT count(*) FROM instances i WHERE {_OLD}) - (SELECT count(*) FROM roots) AS held,
       (SELECT coalesce(sum(event_seq), 0)::bigint FROM family WHERE details_gone_at IS NULL) AS events,
       (SELECT count(*) FROM family f JOIN steps s ON s.instance_id = f.id) AS steps,
       (SELECT count(*) FROM family f JOIN step_logs l ON l.instance_id = f.id) AS log_lines,
       (SELECT coalesce(array_agg(id), '{{}}') FROM family) AS ids
"""  # noqa: S608  constant parts

_OUTLOOK_DETAILS: Final = """
WITH old AS MATERIALIZED (
    SELECT id, event_seq FROM instances
     WHERE organization_id = %(organization)s AND ended_at < %(before)s AND details_gone_at IS NULL
       AND id <> ALL(%(but)s))
SELECT count(*) AS instances, coalesce(sum(event_seq), 0)::bigint AS events,
       (SELECT count(*) FROM old o JOIN step_logs l ON l.instance_id = o.id) AS log_lines
  FROM old
"""

# What a row of each table takes with its indexes, on average.
_ROW_BYTES: Final = """
SELECT relname AS name, (pg_total_relation_size(oid) / greatest(reltuples, 1))::float8 AS bytes
  FROM pg_class WHERE relname IN ('instances', 'steps', 'events', 'step_logs')
   AND relnamespace = 'public'::regnamespace
"""


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Events and log lines, and of how many instances."""

    instances: int
    events: int
    log_lines: int


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """Instances that people started, with all that belongs to them. `held`: old ones others go on from."""

    instances: int
    held: int
    steps: int
    events: int
    log_lines: int
    files: int
    files_bytes: int


NO_DETAILS: Final = Details(instances=0, events=0, log_lines=0)
NO_RUNS: Final = Whole(instances=0, held=0, steps=0, events=0, log_lines=0, files=0, files_bytes=0)


class Prospects(msgspec.Struct, frozen=True, kw_only=True):
    """What would go. `rows_bytes`: about what the rows of both take in the database."""

    whole: Whole
    details: Details
    rows_bytes: int
    ids: list[UUID]  # of the instances of `whole`, with those their steps ran


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch cleared away. `instances`: that people started."""

    instances: int = 0
    steps: int = 0
    events: int = 0
    log_lines: int = 0
    files: int = 0
    files_bytes: int = 0

    def __add__(self, other: "Gone") -> "Gone":
        fields = self.__struct_fields__
        return Gone(**{name: getattr(self, name) + getattr(other, name) for name in fields})

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


async def outlook(
    parts: Parts,
    tx: Transaction,
    organization_id: OrganizationId,
    *,
    instances_before: datetime | None,
    details_before: datetime | None,
) -> Prospects:
    """What clearing away would take, exactly but for the bytes of rows."""
    place = {"organization": organization_id}
    found: dict[str, Any] = {"ids": []}
    whole = NO_RUNS
    if instances_before is not None:
        found = await tx.fetch_one(_OUTLOOK, {**place, "before": instances_before}) or found
        files, size_bytes = await parts.assets.would_let_go(tx, found["ids"], organization_id=organization_id)
        counts = {name: value for name, value in found.items() if name != "ids"}
        whole = Whole(**counts, files=files, files_bytes=size_bytes)
    details = NO_DETAILS
    if details_before is not None:
        row = await tx.fetch_one(_OUTLOOK_DETAILS, {**place, "before": details_before, "but": found["ids"]})
        details = msgspec.convert(row, Details)
    sizes = {row["name"]: row["bytes"] for row in await tx.fetch_all(_ROW_BYTES)}
    rows_bytes = (
        len(found["ids"]) * sizes["instances"]
        + whole.steps * sizes["steps"]
        + (whole.events + details.events) * sizes["events"]
        + (whole.log_lines + details.log_lines) * sizes["step_logs"]
    )
    return Prospects(whole=whole, details=details, rows_bytes=int(rows_bytes), ids=found["ids"])


async def clear_details(parts: Parts, organization_id: OrganizationId, before: datetime) -> Gone | None:
    """One batch of events and log lines of instances that ended before this; None when none is left."""
    async with parts.database.transaction(Scope.organization(organization_id)) as tx:
        rows = await tx.fetch_all(
            _WHOLE, {"organization": organization_id, "before": before, "limit": 10 * ROOTS}
        )
    if not rows:
        return None
    return await _clear_details_of(parts, organization_id, [row["id"] for row in _some(rows)])


async def clear_instances(parts: Parts, organization_id: OrganizationId, before: datetime) -> Gone | None:
    """One batch of instances that ended before this; None when there is none that may go now."""
    scope = Scope.organization(organization_id)
    place = {"organization": organization_id, "before": before}
    async with parts.database.transaction(scope) as tx:
        rows = _some(await tx.fetch_all(_FIND, {**place, "limit": ROOTS}))
    if not rows:
        return None
    gone = await _clear_details_of(parts, organization_id, [one for row in rows for one in row["ids"]])
    async with parts.database.transaction(scope) as tx:
        await tx.execute(_LOCK_TIMEOUT)
        held = await tx.fetch_all(_LOCK, {**place, "ids": [row["root"] for row in rows]})
        family = await tx.fetch_all(_STILL, {"ids": [row["id"] for row in held]})
        if not family:
            return gone or None
        return gone + await _delete(parts, tx, organization_id, family)


async def _delete(
    parts: Parts, tx: Transaction, organization_id: OrganizationId, family: Sequence[dict[str, Any]]
) -> Gone:
    ids = {"ids": [row["id"] for row in family]}
    roots = {row["root"] for row in family}
    files, size_bytes = await parts.assets.let_go(tx, ids["ids"], organization_id=organization_id)
    # Written meanwhile by nobody: these have ended. Left by a batch of before at most.
    await tx.execute("DELETE FROM events WHERE instance_id = ANY(%(ids)s)", ids)
    await tx.execute("DELETE FROM step_logs WHERE instance_id = ANY(%(ids)s)", ids)
    steps = await tx.execute("DELETE FROM steps WHERE instance_id = ANY(%(ids)s)", ids)
    await tx.execute("DELETE FROM instances WHERE id = ANY(%(ids)s)", {"ids": list(roots)})
    return Gone(instances=len(roots), steps=steps, files=files, files_bytes=size_bytes)


async def _clear_details_of(parts: Parts, organization_id: OrganizationId, ids: list[UUID]) -> Gone:
    """Delete their events and log lines in transactions of bounded size, then note that they are gone."""
    gone = Gone()
    while True:
        async with parts.database.transaction(Scope.organization(organization_id)) as tx:
            await tx.execute(_LOCK_TIMEOUT)
            events = await tx.execute(_DELETE_EVENTS, {"ids": ids, "rows": ROWS})
            lines = await tx.execute(_DELETE_LOGS, {"ids": ids, "rows": ROWS})
            gone += Gone(events=events, log_lines=lines)
            if events < ROWS and lines < ROWS:
                await tx.execute(_MARK, {"ids": ids})
                return gone


def _some(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many from the head as together have some `ROWS` events, but one at least."""
    chosen: list[dict[str, Any]] = []
    weight = 0
    for row in rows:
        weight += row["weight"]
        if chosen and weight > ROWS:
            break
        chosen.append(row)
    return chosen
