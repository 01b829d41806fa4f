"""Circles: workflows with limits whose instances wait for each other's turn.

An instance of “a” runs a step that calls “b”; one of “b” a step that calls “a”; each has its workflow's last
turn, and what each calls waits for the turn that the other has. Nobody would ever end.

Who stands in such a circle does no work with the turn it has, so it is lent: of each circle one that waits
begins, where fewer are at work than the limit allows, those in circles not counted. The daemon looks for
circles now and then; they are rare, and looking reads only what waits on behalf of a step.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from app.engine import admission
from app.engine.parts import Parts
from app.store.database import Scope

# What waits for a turn, one for each instance whose steps began it; and the turns which those above it have
# and do nothing with: one of whose steps another is at work needs its turn.
_WAITS: Final = """
WITH RECURSIVE held AS (
    SELECT DISTINCT ON (workflow_id, parent_id) id, workflow_id, parent_id
      FROM instances
     WHERE is_held AND parent_id IS NOT NULL AND status IN ('pending', 'running', 'waiting')
     ORDER BY workflow_id, parent_id, id
), above(id, workflow_id, parent_id, holder, turn) AS (
    SELECT id, workflow_id, parent_id, NULL::uuid, NULL::uuid FROM held
    UNION ALL
    SELECT a.id, a.workflow_id, p.parent_id, p.id,
           CASE WHEN p.concurrency_limit IS NOT NULL AND p.busy_steps = 0 THEN p.workflow_id END
      FROM above a JOIN instances p ON p.id = a.parent_id
)
SELECT id, workflow_id AS wanted, holder, turn FROM above WHERE turn IS NOT NULL ORDER BY id
"""


class Wait(msgspec.Struct, frozen=True):
    """An instance that waits for a turn of one workflow while one above it has a turn of another."""

    id: UUID
    wanted: UUID
    holder: UUID  # the one above
    turn: UUID


async def lend_turns(parts: Parts) -> int:
    """Let one instance of each circle begin; how many."""
    async with parts.database.transaction(Scope.system()) as tx:
        waits = [msgspec.convert(row, Wait) for row in await tx.fetch_all(_WAITS, {})]
    still = in_circles(waits)
    lent = 0
    helped: set[UUID] = set()
    for one, circle in still:
        if one.wanted not in helped:
            idle = [other.holder for other, _ in still if other.turn == one.wanted]
            if await admission.lend(parts, one.wanted, one.id, idle):
                lent += 1
                helped |= circle
    return lent


def in_circles(waits: Sequence[Wait]) -> list[tuple[Wait, set[UUID]]]:
    """Those that wait in a circle, the oldest first, and the workflows that depend on what each wants."""
    leads_to: dict[UUID, set[UUID]] = defaultdict(set)  # who has a turn of one wants a turn of these
    for one in waits:
        leads_to[one.turn].add(one.wanted)
    reached = {wanted: _reached(leads_to, wanted) for wanted in {one.wanted for one in waits}}
    return [(one, reached[one.wanted]) for one in waits if one.turn in reached[one.wanted]]


def _reached(leads_to: dict[UUID, set[UUID]], first: UUID) -> set[UUID]:
    """Everything that this leads to, itself included."""
    reached, ahead = {first}, [first]
    while ahead:
        following = leads_to.get(ahead.pop(), set()) - reached
        reached |= following
        ahead.extend(following)
    return reached
