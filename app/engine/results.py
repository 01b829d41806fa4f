"""The step cache: what a step gave is given again to a step of the same type on the same inputs.

A result is found by a hash of kind, version, salt (the model's own version) and inputs, files by their
content. It belongs to one organization, survives restarts and serves every worker. What a result names must
still be there: a file that was deleted since makes the step run anew. Kept while it is used and while there
is room; the daemon forgets the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.board import Board
from app.engine.parts import Parts
from app.engine.rows import ANEW, StepRow
from app.engine.storable import storable
from app.flow import plan
from app.flow.port_rules import is_file
from app.flow.program import ProgramNode
from app.flow.sizes import weight_of
from app.kit.ids import AssetId, StepId
from app.kit.log import get_logger
from app.store.database import Scope

log = get_logger(__name__)

MAX_WEIGHT: Final = 200_000  # characters of one result; what is larger is quicker made than kept

_FIND: Final = """
SELECT key, outputs, step_id, used_at < now() - interval '1 hour' AS is_stale
  FROM step_results WHERE organization_id = %(organization)s AND key = ANY(%(keys)s)
"""

# Who waits for a result that another move uses at this moment waits for nothing that matters.
_TOUCH: Final = """
UPDATE step_results SET used_at = now() WHERE (organization_id, key) IN (
    SELECT organization_id, key FROM step_results
     WHERE organization_id = %(organization)s AND key = ANY(%(keys)s) FOR NO KEY UPDATE SKIP LOCKED)
"""

_KEEP: Final = """
INSERT INTO step_results (organization_id, key, kind, step_id, outputs, size_bytes)
VALUES (%(organization)s, %(key)s, %(kind)s, %(step)s, %(outputs)s::jsonb, %(size)s)
    ON CONFLICT (organization_id, key) DO UPDATE
   SET outputs = excluded.outputs, step_id = excluded.step_id, size_bytes = excluded.size_bytes,
       used_at = now()
"""

_FORGET_OLD: Final = """
DELETE FROM step_results WHERE used_at < now() - make_interval(secs => %(longest_s)s)
"""

# The ones used last are kept as long as together they have room.
_FORGET_MOST: Final = """
DELETE FROM step_results WHERE (organization_id, key) IN (
    SELECT organization_id, key FROM (
        SELECT organization_id, key, sum(size_bytes) OVER (ORDER BY used_at DESC, key) AS room
          FROM step_results) AS counted
     WHERE room > %(most)s)
"""


class Result(msgspec.Struct, frozen=True):
    """What a step gave before, and which step it was."""

    outputs: dict[str, Any]
    step_id: StepId


def key_of(parts: Parts, node: ProgramNode, inputs: Mapping[str, Any]) -> bytes | None:
    """What a result of this node on these inputs is found by; None where none is reused."""
    step_type = parts.steps.get(node.kind)
    if not node.reuses or step_type is None:
        return None
    return plan.result_key(node, inputs, step_type.cache_salt())


async def find(
    parts: Parts, board: Board, node: ProgramNode, keys: Sequence[bytes]
) -> Mapping[bytes, Result]:
    """Those of these results there are, whose files are there as well. One or two statements."""
    if not keys:
        return {}
    place = {"organization": board.instance.organization_id, "keys": list(dict.fromkeys(keys))}
    rows = await board.tx.fetch_all(_FIND, place)
    named = {bytes(row["key"]): set(_files_in(node, row["outputs"])) for row in rows}
    wanted = set().union(*named.values())
    there: set[AssetId] = set()
    if wanted:
        facts = await parts.assets.facts(
            board.tx, wanted, organization_id=board.instance.organization_id, user=board.instance.id
        )
        there = set(facts)
    found = {
        bytes(row["key"]): Result(row["outputs"], row["step_id"])
        for row in rows
        if named[bytes(row["key"])] <= there
    }
    stale = [bytes(row["key"]) for row in rows if row["is_stale"]]
    if stale:
        board.tx.after_commit(partial(_touch, parts, {**place, "keys": stale}))
    return found


async def _touch(parts: Parts, place: Mapping[str, Any]) -> None:
    async with parts.database.transaction(Scope.system()) as tx:
        await tx.execute(_TOUCH, place)


async def keep(board: Board, step: StepRow, outputs: dict[str, Any]) -> None:
    """Remember what a step gave, if it is one to be reused and not too large."""
    key = step.cache_key
    if key is None or key == ANEW or weight_of(outputs, MAX_WEIGHT) > MAX_WEIGHT:
        return
    text = storable(outputs)
    await board.tx.execute(
        _KEEP,
        {
            "organization": board.instance.organization_id,
            "key": bytes.fromhex(key),
            "kind": step.kind,
            "step": step.id,
            "outputs": text,
            "size": len(text),
        },
    )


async def forget(parts: Parts, *, longest_s: float, most_bytes: int) -> int:
    """Forget what nobody has used for so long, and the least used beyond so many bytes; how many."""
    async with parts.database.transaction(Scope.system()) as tx:
        forgotten = await tx.execute(_FORGET_OLD, {"longest_s": longest_s})
        return forgotten + await tx.execute(_FORGET_MOST, {"most": most_bytes})


def _files_in(node: ProgramNode, outputs: Mapping[str, Any]) -> Iterator[AssetId]:
    """Every file that a result names."""
    for port in node.spec.outputs:
        if is_file(port.item_type):
            value = outputs.get(port.name)
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and isinstance(one.get("asset"), str):
                    yield AssetId(UUID(one["asset"]))
