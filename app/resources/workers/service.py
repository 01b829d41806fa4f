"""Workers coming, living and going. What they do to instances is the engine's."""

from pathlib import Path
from typing import Final

from app.engine.engine import Engine
from app.flow.messages import HEARTBEAT_S, LEASE_S, Beat, Heartbeat, Register, Registered
from app.kit.codec import decode_any
from app.kit.crypto import new_token
from app.kit.ids import WorkerId
from app.kit.log import get_logger
from app.kit.machine import is_running, process_table
from app.kit.settings import Settings
from app.resources.accounts.guards import worker_token_hash
from app.resources.workers import model
from app.resources.workers.schemas import Workers, WorkerView
from app.store.database import Database, Scope

log = get_logger(__name__)

SILENT_S: Final = 60.0  # its leases ran out after 20; until here it may come back under its name
FORGET_S: Final = 7 * 24 * 3600.0


async def register(database: Database, engine: Engine, settings: Settings, worker: Register) -> Registered:
    """Admit a worker; what a dead predecessor on this machine held is lost at once."""
    token = new_token("sw")
    here = process_table()
    async with database.transaction(Scope.nobody()) as tx:
        before = [] if here is None else await model.present_in(tx, here)
        worker_id = await model.add(tx, worker, worker_token_hash(settings, token))
    if worker.former is not None:
        await leave(database, engine, WorkerId(worker.former))
    for other, pid in before:
        if other != worker.former and not is_running(pid):
            await _bury(database, engine, other)
    shared = worker.box_id is not None and worker.box_id == box_id(settings.workspace)
    log.info(
        "worker registered",
        action="worker_registered",
        worker=worker_id,
        name=worker.name,
        shared_blobs=shared,
    )
    return Registered(
        worker_id=worker_id, token=token, lease_s=LEASE_S, heartbeat_s=HEARTBEAT_S, shared_blobs=shared
    )


async def heartbeat(database: Database, engine: Engine, worker_id: WorkerId, beat: Heartbeat) -> Beat:
    """Renew every lease of a worker and note how it is."""
    async with database.transaction(Scope.nobody()) as tx:
        await model.note_beat(tx, worker_id, beat)
    return await engine.renew(worker_id, beat.leases)


async def leave(database: Database, engine: Engine, worker_id: WorkerId) -> None:
    """A worker goes: its token ends, its attempts go to others."""
    async with database.transaction(Scope.nobody()) as tx:
        await model.note_left(tx, worker_id)
    given_back = await engine.give_back(worker_id)
    log.info("worker left", action="worker_left", worker=worker_id, given_back=given_back)


async def _bury(database: Database, engine: Engine, worker_id: WorkerId) -> None:
    """A worker has died without a goodbye: perhaps of a step it ran, so its attempts count as lost."""
    async with database.transaction(Scope.nobody()) as tx:
        if not await model.note_left(tx, worker_id):
            return  # another newcomer was faster; of its work the leases take care should that one die, too
    lost = await engine.lose(worker_id)
    log.warning("worker died", action="worker_died", worker=worker_id, lost=lost)


async def mark_silent(database: Database) -> list[WorkerId]:
    """Workers that were silent for a minute count as gone; the engine's sweep has their attempts already."""
    async with database.transaction(Scope.nobody()) as tx:
        silent = await model.note_silent(tx, SILENT_S)
        await model.forget_left(tx, FORGET_S)
    for worker_id, name in silent:
        log.warning(
            "worker went silent; it counts as gone", action="worker_silent", worker=worker_id, name=name
        )
    return [worker_id for worker_id, _ in silent]


async def list_workers(database: Database, scope: Scope) -> Workers:
    """Every present worker, with those of its attempts that `scope` may see."""
    async with database.transaction(scope) as tx:
        rows = await model.list_present(tx)
        held = await model.held_by(tx, [row.id for row in rows])
    return Workers(
        items=[WorkerView.of(row, [one for one in held if one.worker_id == row.id]) for row in rows]
    )


def box_id(workspace: Path) -> str | None:
    """The volume's own id; a worker that knows it sees the same volume."""
    try:
        found = decode_any((workspace / "studio.json").read_bytes())
    except (OSError, ValueError):
        return None
    return str(found.get("box_id")) if isinstance(found, dict) and found.get("box_id") else None
