"""A new instance that begins where another one has ended, keeping what is to be kept of it.

`decide` looks at the old instance and says what becomes of each node; `lay_out` writes the steps of the new
one. What is kept is copied inside the database, a fan-out of ten thousand items with its step, so no value
passes through here unless a person gave it. The old instance is never touched: it has ended, and stays so.

A fan-out kept in part has its list, its settled items and gaps: `fanout` fills those as it opens its window.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from app.engine import statements
from app.engine.board import Board
from app.engine.errors import InstanceNotFound, InstanceStillRuns, RunsForAStep
from app.engine.parts import Parts
from app.engine.rows import ANEW, EarlierEdit, Edit, new_step
from app.engine.storable import storable
from app.flow import rerun
from app.flow.each import Spread
from app.flow.program import Program, ProgramNode
from app.flow.rerun import Past, Standing, Takeover, Wish
from app.flow.states import INSTANCE_MOVES, InstanceStatus, StepStatus, is_settled
from app.kit.ids import InstanceId, UserId, VersionId, new_id
from app.store.database import Transaction

# Held until the commit, so that nobody clears away meanwhile what is copied from it.
_ORIGIN: Final = """
SELECT id, number, status, version_id, inputs, parent_id FROM instances WHERE id = %(id)s FOR KEY SHARE
"""

_PAST: Final = """
SELECT node_id, status, error IS NOT NULL AS has_error, items_total, items_failed, type_version,
       coalesce(edited -> 'inputs', '{}') AS given
  FROM steps
 WHERE instance_id = %(origin)s AND parent_id IS NULL
"""

# Whole rows, values and all. One that has run says where; the one that is copied may itself be a copy.
_COPIED: Final = """
    organization_id, node_id, path, kind, lane, status, reason, inputs, outputs, error, item,
    items_total, wait_kind, wait, started_at, ended_at, edited, type_version
"""
_COPY: Final = ", ".join(f"s.{name.strip()}" for name in _COPIED.split(","))
_KEEP: Final = f"""
INSERT INTO steps ({_COPIED}, id, instance_id, parent_id, ordinal, waits_for, led_here, items_made,
                   items_started, items_failed, reused_from)
SELECT {_COPY}, k.id, %(instance)s, NULL, k.place, k.waits_for, k.led_here, s.items_made, s.items_started,
       s.items_failed, coalesce(s.reused_from, s.id)
  FROM jsonb_to_recordset(%(steps)s::jsonb) AS k(
       id uuid, node text, place integer, waits_for integer, led_here integer)
  JOIN steps s ON s.instance_id = %(origin)s AND s.parent_id IS NULL AND s.node_id = k.node
"""  # noqa: S608  constant column lists

# A fan-out that runs on has its list and none of its items yet.
_REOPEN: Final = """
INSERT INTO steps (organization_id, node_id, path, kind, lane, status, inputs, item, items_total, id,
                   instance_id, ordinal, started_at, reused_from, edited, type_version)
SELECT s.organization_id, s.node_id, s.path, s.kind, s.lane, 'running', s.inputs, s.item, s.items_total, k.id,
       %(instance)s, k.place, %(now)s, coalesce(s.reused_from, s.id), k.edited, s.type_version
  FROM jsonb_to_recordset(%(steps)s::jsonb) AS k(id uuid, node text, place integer, edited jsonb)
  JOIN steps s ON s.instance_id = %(origin)s AND s.parent_id IS NULL AND s.node_id = k.node
"""

# `ids`: one for each place in the list, so that they are UUIDv7 like all others.
_KEEP_ITEMS: Final = f"""
INSERT INTO steps ({_COPIED}, id, instance_id, parent_id, ordinal, waits_for, led_here, reused_from)
SELECT {_COPY}, k.ids[s.ordinal + 1], %(instance)s, k.id, s.ordinal, 0, 0, coalesce(s.reused_from, s.id)
  FROM jsonb_to_recordset(%(steps)s::jsonb) AS k(
       id uuid, node text, ids uuid[], statuses text[], but integer[])
  JOIN steps p ON p.instance_id = %(origin)s AND p.parent_id IS NULL AND p.node_id = k.node
  JOIN steps s ON s.instance_id = %(origin)s AND s.parent_id = p.id AND s.node_id = k.node
 WHERE s.status = ANY(k.statuses) AND (s.status = 'completed' OR s.error IS NOT NULL)
   AND s.ordinal <> ALL(k.but)
"""  # noqa: S608  constant column lists

_GIVEN: Final = """
SELECT node_id, inputs, edited FROM steps
 WHERE instance_id = %(origin)s AND parent_id IS NULL AND node_id = ANY(%(nodes)s)
"""

# Of fan-outs: the list, what was given by hand to items that have rows, and to those that have none yet.
_GIVEN_TO_ITEMS: Final = """
SELECT p.node_id, p.item, p.edited,
       coalesce(jsonb_object_agg(s.ordinal, s.edited) FILTER (WHERE s.id IS NOT NULL), '{}') AS given
  FROM steps p LEFT JOIN steps s ON s.instance_id = p.instance_id AND s.parent_id = p.id
                                AND s.node_id = p.node_id AND s.edited IS NOT NULL
 WHERE p.instance_id = %(origin)s AND p.parent_id IS NULL AND p.node_id = ANY(%(nodes)s)
 GROUP BY p.id HAVING p.edited IS NOT NULL OR count(s.id) > 0
"""

_COUNT_ITEMS: Final = """
UPDATE steps p SET items_kept = c.all_kept, items_failed = c.failed
  FROM unnest(%(steps)s::uuid[]) AS w(id)
 CROSS JOIN LATERAL (
       SELECT count(*) AS all_kept, count(*) FILTER (WHERE s.status <> 'completed') AS failed
         FROM steps o JOIN steps s ON s.instance_id = o.instance_id AND s.parent_id = o.id
                                  AND s.node_id = o.node_id
        WHERE o.id = w.id) AS c
 WHERE p.id = w.id
"""

_DONE: Final = ("completed",)
_ENDED: Final = ("completed", "failed", "cancelled")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The instance to go on from, what of it is wished, and by whom. The wish's values fit their ports."""

    id: InstanceId
    wish: Wish
    by: UserId | None
    name: str  # of that person, for the record


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of each node of a new instance, and where each stands."""

    origin: Origin
    number: int  # of the instance it goes on from
    takeover: Takeover
    past: dict[str, Past]
    standing: dict[str, Standing]
    replaced: dict[str, dict[str, Any] | None]  # outputs in whose place others are given, by node
    summary: rerun.Wished


async def decide(
    parts: Parts,
    tx: Transaction,
    program: Program,
    origin: Origin,
    *,
    version_id: VersionId,
    inputs: dict[str, Any],
) -> Layout:
    """What an instance of this program on these inputs keeps; nothing is written.

    Raises InstanceNotFound, InstanceStillRuns, RunsForAStep, NothingToRetry, Invalid with every complaint.
    """
    old = await tx.fetch_one(_ORIGIN, {"id": origin.id})
    if old is None:
        raise InstanceNotFound
    if old["parent_id"] is not None:
        raise RunsForAStep
    if not is_settled(INSTANCE_MOVES, InstanceStatus(old["status"])):
        raise InstanceStillRuns
    rows = await tx.fetch_all(_PAST, {"origin": origin.id})
    past = {row["node_id"]: msgspec.convert(row, Past) for row in rows}
    unchanged = None
    if old["version_id"] != version_id:
        unchanged = rerun.unchanged_nodes(
            await parts.programs.definition(tx, old["version_id"]), program.definition
        )
    new_inputs = rerun.changed_inputs(old["inputs"], inputs)
    takeover = rerun.take_over(program, past, origin.wish, unchanged=unchanged, new_inputs=new_inputs)
    ways = await _outputs(tx, origin.id, rerun.ways_needed(program, takeover))
    return Layout(
        origin=origin,
        number=old["number"],
        takeover=takeover,
        past=past,
        standing=rerun.standing(
            program,
            takeover,
            {node_id: past[node_id].status for node_id in takeover.kept},
            {node_id: outputs or {} for node_id, outputs in ways.items()},
        ),
        replaced=await _outputs(tx, origin.id, takeover.edited.keys()),
        summary=rerun.summary(origin.wish, new_inputs),
    )


async def _outputs(tx: Transaction, origin: InstanceId, nodes: Any) -> dict[str, dict[str, Any] | None]:
    if not nodes:
        return {}
    rows = await tx.fetch_all(statements.LOAD_FACTS, {"instance": origin, "nodes": sorted(nodes)})
    return {row["node_id"]: row["outputs"] for row in rows}


async def lay_out(board: Board, layout: Layout) -> None:
    """Write and make the steps of a new instance; all lie on its board afterwards, none has begun."""
    places = {node_id: place for place, node_id in enumerate(board.program.order)}
    earlier = await _earlier(board, layout)
    await _copy(board, layout, places, earlier)
    edits = await _edits(board, layout)
    for node_id in earlier.keys() & layout.takeover.fresh:
        edits[node_id] = _edit_of_items(board, layout.origin, {}, earlier[node_id])
    for node_id, place in places.items():
        node = board.program.nodes[node_id]
        if node_id in layout.takeover.fresh:
            _make_fresh(board, layout, node, place, edits.get(node_id))
        elif node_id in layout.takeover.edited:
            _make_edited(board, layout, node, place)
    await board.load_nodes(board.program.order)
    for node_id in layout.takeover.partly:
        board.reopen(board.node(node_id))


async def _edits(board: Board, layout: Layout) -> dict[str, Edit | None]:
    """What is given to the steps that run: by whom, when, and what the old run used in its place."""
    origin, given = layout.origin, layout.takeover.given
    if not given:
        return {}
    rows = await board.tx.fetch_all(_GIVEN, {"origin": origin.id, "nodes": list(given)})
    old = {row["node_id"]: row for row in rows}
    found: dict[str, Edit | None] = {}
    for node_id, values in given.items():
        wished = origin.wish.values.get(node_id)
        if not wished:
            found[node_id] = msgspec.convert(old[node_id]["edited"], Edit)
            continue
        used = old[node_id]["inputs"] or {} if node_id in old else {}
        before = {name: used[name] for name in wished if name in used}
        found[node_id] = Edit(
            by=origin.by, name=origin.name, at=board.now, before=before or None, inputs=dict(values)
        )
    return found


def _make_fresh(board: Board, layout: Layout, node: ProgramNode, place: int, edit: Edit | None) -> None:
    """A step that is to run, perhaps with values that a person gives."""
    wish, standing = layout.origin.wish, layout.standing[node.id]
    is_wished = node.id in wish.nodes or node.id in wish.values
    step = msgspec.structs.replace(
        new_step(node, place, waits_for=standing.waits_for, led_here=standing.led_here),
        cache_key=ANEW if is_wished else None,
        edited=edit,
    )
    board.make(step)
    if edit is not None and node.id in wish.values:
        told = {"by": edit.by, "name": edit.name, "inputs": sorted(wish.values[node.id])}
        board.tell("step.edited", step, told)


def _make_edited(board: Board, layout: Layout, node: ProgramNode, place: int) -> None:
    """A step that has not run: a person says what it gave."""
    origin, standing = layout.origin, layout.standing[node.id]
    edit = Edit(by=origin.by, name=origin.name, at=board.now, before=layout.replaced.get(node.id))
    step = msgspec.structs.replace(
        new_step(node, place, waits_for=standing.waits_for, led_here=standing.led_here),
        status=StepStatus.completed,
        outputs=dict(layout.takeover.edited[node.id]),
        edited=edit,
        started_at=board.now,
        ended_at=board.now,
    )
    board.make(step)
    board.tell("step.edited", step, {"by": origin.by, "name": origin.name})


async def _earlier(board: Board, layout: Layout) -> dict[str, dict[str, EarlierEdit]]:
    """What items were given by hand when they ran before, by node and ordinal."""
    if not layout.takeover.recalled:
        return {}
    place = {"origin": layout.origin.id, "nodes": sorted(layout.takeover.recalled)}
    found: dict[str, dict[str, EarlierEdit]] = {}
    for row in await board.tx.fetch_all(_GIVEN_TO_ITEMS, place):
        of_items = msgspec.convert(row["given"], dict[str, Edit])
        of_step = msgspec.convert(row["edited"], Edit | None)
        known = of_items.keys() | (of_step.items.keys() | of_step.earlier.keys() if of_step else set())
        turns = list(Spread.restored(row["item"]).turns())
        # A list that was made anew may be shorter than the one in which the values were given.
        for ordinal in sorted((one for one in known if int(one) < len(turns)), key=int):
            turn = turns[int(ordinal)]
            edit = of_items.get(ordinal) or (of_step and of_step.of_item(int(ordinal), turn))
            if edit:
                given = EarlierEdit(edit=edit, path=list(turn.path), item=turn.item)
                found.setdefault(row["node_id"], {})[ordinal] = given
    return found


async def _copy(
    board: Board, layout: Layout, places: dict[str, int], earlier: dict[str, dict[str, EarlierEdit]]
) -> None:
    """The kept steps, the fan-outs kept in part, and the items of both."""
    tx, takeover, past = board.tx, layout.takeover, layout.past
    ids = {node_id: new_id() for node_id in (*takeover.kept, *takeover.partly)}
    place = {"instance": board.instance.id, "origin": layout.origin.id}
    kept = [
        {
            "id": ids[node_id],
            "node": node_id,
            "place": places[node_id],
            "waits_for": layout.standing[node_id].waits_for,
            "led_here": layout.standing[node_id].led_here,
        }
        for node_id in takeover.kept
    ]
    if kept:
        await tx.execute(_KEEP, {**place, "steps": storable(kept)})
    reopened = [
        {
            "id": ids[node_id],
            "node": node_id,
            "place": places[node_id],
            "edited": _edit_of_items(board, layout.origin, part.edits, earlier.get(node_id, {})),
        }
        for node_id, part in takeover.partly.items()
    ]
    if reopened:
        await tx.execute(_REOPEN, {**place, "now": board.now, "steps": storable(reopened)})
    items = [
        {
            "id": ids[node_id],
            "node": node_id,
            "ids": [new_id() for _ in range(past[node_id].items_total or 0)],
            "statuses": _DONE if part is not None and not part.keeps_failed else _ENDED,
            "but": [] if part is None else sorted(part.edits),
        }
        for node_id, part in [*((node, None) for node in takeover.kept), *takeover.partly.items()]
        if past[node_id].items_total
    ]
    if items:
        await tx.execute(_KEEP_ITEMS, {**place, "steps": storable(items)})
    if reopened:
        await tx.execute(_COUNT_ITEMS, {"steps": [one["id"] for one in reopened]})


def _edit_of_items(
    board: Board, origin: Origin, edits: rerun.Edits, earlier: Mapping[str, EarlierEdit]
) -> Edit | None:
    """The values given to items, on the row of their fan-out until their own rows are made."""
    if edits:
        items = {str(ordinal): dict(values) for ordinal, values in edits.items()}
        return Edit(by=origin.by, name=origin.name, at=board.now, items=items, earlier=dict(earlier))
    if not earlier:
        return None
    last = max((given.edit for given in earlier.values()), key=lambda edit: edit.at)
    return Edit(by=last.by, name=last.name, at=last.at, earlier=dict(earlier))
