"""What running again needs to know of rows beside what the engine decides."""

from uuid import UUID

import msgspec

from app.flow.rerun import Partly
from app.resources.reruns.schemas import KeptInPart
from app.store.database import Transaction


async def count_items(tx: Transaction, instance_id: UUID, node: str, part: Partly) -> KeptInPart:
    """How many items a fan-out has that is kept in part, and how many of them run."""
    row = await tx.fetch_one(
        """
        SELECT p.node_id AS step, p.items_total, p.items_total - (
                   SELECT count(*) FROM steps s
                    WHERE s.instance_id = p.instance_id AND s.parent_id = p.id AND s.node_id = p.node_id
                      AND (s.status = 'completed' OR (%(keeps_failed)s AND s.error IS NOT NULL))
                      AND s.ordinal <> ALL(%(edits)s::integer[])) AS items_run
          FROM steps p
         WHERE p.instance_id = %(id)s AND p.parent_id IS NULL AND p.node_id = %(node)s
        """,
        {"id": instance_id, "node": node, "keeps_failed": part.keeps_failed, "edits": list(part.edits)},
    )
    return msgspec.convert(row, KeptInPart)
