"""Fan-out: one step that runs once for each item of a list, in a window, its outputs gathered in order.

The list is written once, on the step's own row. Item rows are made from it in pages, with their inputs
resolved, and opened one after another as the window has room; the step's row counts. So an item costs the
same in a list of a hundred and of ten thousand, and gathering happens once, at the end.

A nested fan-out is the same flat run of items; the shape kept beside its list says where each one lies, and
folds the outputs back into lists of lists.

An item that fails for good fails the step and cancels the others, unless the step collects: then the others
go on, the failed item's outputs are null in the gathered lists, and the output `failed` says why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from app.engine import results
from app.engine.board import items_of
from app.engine.rows import ANEW, Edit, StepRow
from app.flow import plan
from app.flow.each import Spread, Turn
from app.flow.messages import Lane, StepError
from app.flow.program import ProgramNode
from app.flow.states import STEP_MOVES, StepStatus, is_settled
from app.kit.ids import StepId, new_id

if TYPE_CHECKING:
    from app.engine.walk import Walk


PAGE_WORK_S: Final = 1.0  # of processor; a longer page would keep other instances from the one thread
_BADLY: Final = frozenset({StepStatus.failed, StepStatus.cancelled})


async def begin(walk: Walk, step: StepRow, node: ProgramNode, spread: Spread) -> StepRow:
    """Spread a step over its items; it has settled already when there were none or all were inline."""
    total = len(spread.items)
    if total == 0:
        outputs = plan.gather(node, spread.shape, [])
        return walk.board.move_step(step, StepStatus.completed, outputs=outputs, items_total=0)
    parent = walk.board.move_step(step, StepStatus.running, item=spread.stored(), items_total=total)
    return await _fill(walk, parent, node, spread)


async def go_on(walk: Walk, parent: StepRow) -> StepRow:
    """Open what there is room for: of a fan-out that was taken over, or that was held up."""
    return await _fill(walk, parent, walk.board.program.nodes[parent.node_id], None)


async def item_settled(walk: Walk, item: StepRow) -> StepRow:
    """Count an item off at its step, open the next, and end the step when it was the last."""
    if item.parent_id is None:
        raise ValueError(f"step {item.id} is no item")
    parent = walk.board.step(item.parent_id)
    node = walk.board.program.nodes[parent.node_id]
    parent = _count(walk, parent, item)
    walk.board.tell(f"step.{item.status}", item, {"items": items_of(parent)})
    if item.status in _BADLY and not node.collects:
        return _fail(walk, parent, item)
    return await _fill(walk, parent, node, None)


async def _fill(walk: Walk, parent: StepRow, node: ProgramNode, spread: Spread | None) -> StepRow:
    """Open items until the window is full or the list is done; the step as it stands then."""
    total = parent.items_total or 0
    window = plan.window(node)
    while parent.items_open < window and parent.items_started < total and not walk.board.is_paused:
        if parent.items_started == parent.items_made:
            spread = spread or await walk.board.items.spread(parent)
            parent = await _make_page(walk, parent, node, spread)
        if walk.board.is_too_much or walk.is_over or walk.board.has_ended:  # the walk ends the instance
            return parent
        if parent.items_kept is not None:
            parent = await _pass_over(walk, parent)
            if parent.items_started == parent.items_made:
                continue
        item = await walk.board.item(parent, parent.items_started)
        parent = walk.board.note(
            parent, items_started=parent.items_started + 1, items_open=parent.items_open + 1
        )
        item = await _open(walk, item, node)
        if is_settled(STEP_MOVES, item.status):
            parent = _count(walk, parent, item)
            if item.status is StepStatus.failed and not node.collects:
                return _fail(walk, parent, item)
    if parent.items_open == 0 and parent.items_started == total and not walk.board.has_ended:
        return await _gather(walk, parent, node)
    return parent


async def _pass_over(walk: Walk, parent: StepRow) -> StepRow:
    """Leave behind the items that were settled before this instance began."""
    ordinal = parent.items_started
    if walk.board.has_item(parent, ordinal):
        return parent
    kept = await walk.board.items.kept(parent, ordinal, parent.items_made)
    while ordinal in kept.ordinals:
        ordinal += 1
    return walk.board.note(parent, items_started=ordinal)


async def _make_page(walk: Walk, parent: StepRow, node: ProgramNode, spread: Spread) -> StepRow:
    """Rows for the next items of the list, their inputs resolved; none for those that are settled."""
    board = walk.board
    scope = await walk.scope(node.reads)
    first = parent.items_made
    end = min(first + plan.ITEMS_PER_PAGE, len(spread.items))
    kept = None
    if parent.items_kept is not None or parent.is_edited or parent.edited is not None:
        kept = await board.items.kept(parent, first, end)
    ready: list[StepRow] = []
    wanted: set[StepId] = set()
    turns = [
        (ordinal, turn, None if kept is None else kept.edit_of(ordinal, turn))
        for ordinal, turn in enumerate(islice(spread.turns(), first, end), first)
        if kept is None or ordinal not in kept.ordinals
    ]
    openings = await walk.work_out(board.known.is_heavy(node.reads), _openings, node, scope, turns)
    if len(openings) < len(turns):
        end = turns[len(openings)][0]
    for (ordinal, turn, edit), opening in zip(turns[: len(openings)], openings, strict=True):
        step = StepRow(
            id=StepId(new_id()),
            node_id=parent.node_id,
            path=[*parent.path, *turn.path],
            parent_id=parent.id,
            ordinal=ordinal,
            kind=parent.kind,
            lane=parent.lane,
            status=StepStatus.pending,
            waits_for=0,
            item=turn.item,
            edited=edit,
        )
        if kept is not None and kept.is_wanted(ordinal):
            wanted.add(step.id)
        match opening:
            case plan.Run() if board.is_too_heavy:  # the instance ends here, its values need not be written
                board.make(step)
            case plan.Run(inputs):
                ready.append(board.make(replace(step, inputs=inputs)))
            case plan.Broken(error):
                board.make(replace(step, error=error))
    if node.lane != Lane.inline and not board.is_too_heavy:
        await _resolve_files(walk, node, ready)
        await _find_results(walk, parent, node, [walk.board.step(item.id) for item in ready], wanted)
    return board.note(parent, items_made=end)


def _openings(
    node: ProgramNode, scope: Mapping[str, Any], turns: Sequence[tuple[int, Turn, Edit | None]]
) -> list[plan.Run | plan.Broken]:
    """What each of these items runs on; the first ones alone when that takes long."""
    openings: list[plan.Run | plan.Broken] = []
    ends_s = time.thread_time() + PAGE_WORK_S
    for _, turn, edit in turns:
        openings.append(plan.open_item(node, scope, turn, {} if edit is None else edit.inputs))
        if time.thread_time() > ends_s:
            break
    return openings


async def _resolve_files(walk: Walk, node: ProgramNode, items: list[StepRow]) -> None:
    """Give a page of new items the facts of their files; an item without its file fails in its turn."""
    given = [item.inputs or {} for item in items]
    for item, inputs, resolved in zip(items, given, await walk.files.resolve(node, given), strict=True):
        if isinstance(resolved, StepError):
            walk.board.note(item, error=resolved)
        elif resolved != inputs:
            walk.board.note(item, inputs=resolved)


async def _find_results(
    walk: Walk, parent: StepRow, node: ProgramNode, items: list[StepRow], anew: set[StepId]
) -> None:
    """Give a page of new items what was given on the same inputs before, in one look.

    Not where somebody wants them run again: all of the step, or those in `anew`.
    """
    keys = {
        item.id: key
        for item in items
        if item.error is None and (key := results.key_of(walk.parts, node, item.inputs or {})) is not None
    }
    wanted = [
        keys[item.id]
        for item in items
        if item.id in keys and item.id not in anew and parent.cache_key != ANEW
    ]
    found = await results.find(walk.parts, walk.board, node, wanted)
    for item in items:
        key = keys.get(item.id)
        if key is None:
            continue
        if key in found and item.id not in anew:
            result = found[key]
            walk.board.note(item, outputs=result.outputs, reused_from=result.step_id)
        else:
            walk.board.note(item, cache_key=key.hex())


async def _open(walk: Walk, item: StepRow, node: ProgramNode) -> StepRow:
    """Let one item run. Its inputs were resolved when its row was made."""
    if item.error is not None:
        return walk.board.move_step(item, StepStatus.failed, error=item.error)
    if item.reused_from is not None:
        return walk.board.move_step(item, StepStatus.completed, silent=True)
    if node.spec.calls:
        return walk.call(item, item.inputs or {})
    if node.lane == Lane.inline:
        return await walk.evaluate(item, item.inputs or {}, await walk.later(item) if node.later else None)
    return walk.queue(item, node)


def _count(walk: Walk, parent: StepRow, item: StepRow) -> StepRow:
    return walk.board.note(
        parent,
        items_open=parent.items_open - 1,
        items_failed=parent.items_failed + (item.status in _BADLY),
    )


async def _gather(walk: Walk, parent: StepRow, node: ProgramNode) -> StepRow:
    board = walk.board
    shape = (await board.items.spread(parent)).shape if node.is_nested else parent.items_total or 0
    failures = await board.items.failures(parent) if parent.items_failed else []
    outputs = plan.gather(node, shape, await board.items.outputs(parent), failures)
    return board.move_step(parent, StepStatus.completed, outputs=outputs)


def _fail(walk: Walk, parent: StepRow, item: StepRow) -> StepRow:
    """End a fan-out because one of its items failed; the instance may go on, its other items do not."""
    walk.board.close_items(parent)
    return walk.board.move_step(parent, StepStatus.failed, error=_of_item(item))


def _of_item(item: StepRow) -> StepError:
    """The step's error when one of its items failed it."""
    if item.error is None:
        raise ValueError(f"item {item.id} failed without an error")
    place = ".".join(str(index + 1) for index in item.path)
    return replace(item.error, message=f"Item {place}: {item.error.message}")
