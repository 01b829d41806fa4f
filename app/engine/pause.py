"""The moves that let an instance stand still and go on.

While it is paused nothing of it begins: its attempts are kept out of the queue, steps that have become ready
stay pending, timers that come due are not looked at. What runs finishes, and an answer is taken; what follows
from either waits. Its own timeout and those of what its steps run stand still with it.

What its steps run as instances of their own is paused and resumed with it, parent locked first.
"""

from functools import partial
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from app.engine import announce, statements
from app.engine.board import Board
from app.engine.errors import InstanceAlreadyFinished, InstanceNotFound
from app.engine.held import hold_instance, lock_instance
from app.engine.parts import Parts
from app.engine.rows import Pause
from app.engine.storable import storable
from app.engine.walk import Walk
from app.flow.messages import Lane
from app.flow.states import INSTANCE_MOVES, InstanceStatus, is_settled
from app.kit.ids import InstanceId, UserId, new_id
from app.store.database import Row, Transaction

_PAUSE: Final = "UPDATE instances SET pause = %(pause)s::jsonb WHERE id = %(id)s"

_TAKE_BACK: Final = """
UPDATE attempts a SET status = 'paused', rung_at = NULL
  FROM steps s
 WHERE s.instance_id = %(id)s AND s.status = 'queued' AND a.step_id = s.id AND a.status = 'queued'
"""

_RESUME: Final = """
UPDATE instances
   SET pause = NULL, deadline_at = deadline_at + (%(now)s::timestamptz - %(since)s::timestamptz)
 WHERE id = %(id)s
"""

# The time that what a step runs may take, not the moment at which its next round begins.
_PROLONG: Final = """
UPDATE steps SET due_at = due_at + (%(now)s::timestamptz - %(since)s::timestamptz)
 WHERE instance_id = %(id)s AND status = 'waiting' AND wait_kind = 'child'
   AND wait -> 'request' ->> 'instance' IS NOT NULL
"""

_PAUSED: Final = """
SELECT a.id FROM steps s JOIN attempts a ON a.step_id = s.id
 WHERE s.instance_id = %(id)s AND s.status = 'queued' AND a.status = 'paused'
"""

# Under new ids: a worker that heard the bell before and found nothing would drop a second one.
_RELEASE: Final = """
UPDATE attempts a
   SET id = r.new, status = 'queued',
       rung_at = CASE WHEN a.available_at <= %(now)s::timestamptz THEN %(now)s::timestamptz END
  FROM unnest(%(old)s::uuid[], %(new)s::uuid[]) AS r(old, new)
 WHERE a.id = r.old
RETURNING a.id, a.lane, a.rung_at
"""

_OPEN_CHILDREN: Final = """
SELECT id FROM instances WHERE parent_id = %(id)s AND status IN ('pending', 'running', 'waiting') ORDER BY id
"""


async def pause(
    parts: Parts, tx: Transaction, instance_id: InstanceId, *, by: UserId | None, name: str
) -> InstanceStatus:
    """Let it stand still; once more is harmless. Raises InstanceNotFound, InstanceAlreadyFinished."""
    board = await hold_instance(parts, tx, instance_id)
    if board is None:
        raise InstanceNotFound
    if board.has_ended:
        raise InstanceAlreadyFinished
    if board.is_paused:
        return board.instance.status
    await _pause(parts, board, Pause(by=by, name=name, at=board.now))
    return board.instance.status


async def _pause(parts: Parts, board: Board, by: Pause) -> None:
    tx, instance_id = board.tx, board.instance.id
    board.pause(by)
    await tx.execute(_PAUSE, {"id": instance_id, "pause": storable(by)})
    await tx.execute(_TAKE_BACK, {"id": instance_id})
    await board.save()
    announce.announce(parts, tx, board)
    for child_id in await _open_children(tx, instance_id):
        child = await hold_instance(parts, tx, InstanceId(child_id))
        if child is not None and not child.has_ended and not child.is_paused:
            await _pause(parts, child, by)


async def resume(
    parts: Parts, tx: Transaction, instance_id: InstanceId, *, by: UserId | None, name: str
) -> InstanceStatus:
    """Let it go on; one that is not paused stays as it is.

    Raises InstanceNotFound, InstanceAlreadyFinished, Invalid (the step types have changed since: it can only
    be cancelled).
    """
    instance = await lock_instance(tx, instance_id)
    if instance is None:
        raise InstanceNotFound
    if is_settled(INSTANCE_MOVES, instance.status):
        raise InstanceAlreadyFinished
    paused = instance.pause
    if paused is None:
        return instance.status
    program = await parts.programs.get(tx, instance.version_id, instance.body)
    now = await tx.fetch_value("SELECT clock_timestamp()")
    board = Board(tx, program, replace(instance, pause=None), now)
    span = {"id": instance.id, "now": now, "since": paused.at}
    await tx.execute(_RESUME, span)
    await tx.execute(_PROLONG, span)
    paused_ids = [row["id"] for row in await tx.fetch_all(_PAUSED, {"id": instance.id})]
    ids = {"old": paused_ids, "new": [new_id() for _ in paused_ids], "now": now}
    released = await tx.fetch_all(_RELEASE, ids)
    board.resume(by, name)
    await board.load_nodes(program.order)
    if not instance.is_held:
        await Walk(parts, board).begin()
    await board.save()
    await tx.execute(statements.NOTIFY_DUE)
    announce.announce(parts, tx, board)
    _ring(parts, tx, released)
    for child_id in await _open_children(tx, instance_id):
        await resume(parts, tx, InstanceId(child_id), by=by, name=name)
    return board.instance.status


async def _open_children(tx: Transaction, instance_id: InstanceId) -> list[UUID]:
    return [row["id"] for row in await tx.fetch_all(_OPEN_CHILDREN, {"id": instance_id})]


def _ring(parts: Parts, tx: Transaction, released: list[Row]) -> None:
    """Wake workers for what is claimable again; whoever comes takes the rest, too."""
    due: dict[Lane, list[UUID]] = {}
    for row in released:
        if row["rung_at"] is not None:
            due.setdefault(Lane(row["lane"]), []).append(row["id"])
    for lane, attempt_ids in due.items():
        tx.after_commit(partial(parts.bells.ring, lane, attempt_ids[: announce.MAX_BELLS]))
