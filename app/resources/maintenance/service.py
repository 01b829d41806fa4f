"""Announcing and ending maintenance, draining lanes; the gates themselves are the engine's."""

from typing import Final

from app.engine.engine import Engine
from app.engine.gates import Gate, Why
from app.flow.messages import Lane
from app.kit.log import get_logger
from app.resources.accounts.principal import Principal
from app.resources.audit.record import Actor, actor_of, record_of_box
from app.resources.maintenance import acts
from app.resources.maintenance.schemas import LaneWork, Maintenance
from app.store.database import Transaction

log = get_logger(__name__)

SERVED: Final = (Lane.cpu, Lane.gpu)

_WORK = """
SELECT lane, count(*) FILTER (WHERE status = 'leased') AS running,
       count(*) FILTER (WHERE status = 'queued') AS queued
  FROM attempts WHERE status IN ('leased', 'queued') GROUP BY lane
"""


async def maintenance(tx: Transaction, engine: Engine) -> Maintenance:
    """What was announced, if anything was."""
    for one in await engine.closings(tx):
        if one.why is Why.maintenance:
            return Maintenance(
                is_on=one.is_closed, starts_at=one.closes_at, message=one.message, said_by=one.said_by
            )
    return Maintenance(is_on=False)


async def begin_maintenance(
    tx: Transaction, engine: Engine, *, in_s: float, message: str, by: Principal | Actor
) -> Maintenance:
    """Announce it, or begin it at once with `in_s` 0; announced again, the later word holds. Needs the
    system scope, as all that follows.
    """
    await engine.close_gates(
        tx, list(Gate), Why.maintenance, in_s=in_s, message=message, said_by=actor_of(by).name
    )
    log.warning("maintenance announced", action="maintenance_on", in_s=in_s, said_by=actor_of(by).name)
    await record_of_box(tx, acts.ANNOUNCED, by, when=f"in {in_s:g} s" if in_s else "at once", message=message)
    return await maintenance(tx, engine)


async def end_maintenance(tx: Transaction, engine: Engine, *, by: Principal | Actor) -> Maintenance:
    """Take everything again; harmless when there was none."""
    if await engine.open_gates(tx, list(Gate), Why.maintenance):
        log.warning("maintenance over", action="maintenance_off", said_by=actor_of(by).name)
        await record_of_box(tx, acts.ENDED, by)
    return await maintenance(tx, engine)


async def lanes(tx: Transaction, engine: Engine) -> list[LaneWork]:
    """Each lane, whether it is closed and what is in it; needs the system scope."""
    work = {row["lane"]: row for row in await tx.fetch_all(_WORK)}
    closed = await engine.closed_lanes(tx)
    drained = {one.name for one in await engine.closings(tx) if one.why is Why.drain}
    return [
        LaneWork(
            lane=lane,
            closed_because=closed.get(lane),
            is_drained=Gate(lane) in drained,
            running=work.get(lane, {}).get("running", 0),
            queued=work.get(lane, {}).get("queued", 0),
        )
        for lane in SERVED
    ]


async def drain(tx: Transaction, engine: Engine, lane: Lane, *, message: str, by: Principal | Actor) -> None:
    """Hand out no more steps of a lane; what its workers have begun they finish."""
    await engine.close_gates(tx, [Gate(lane)], Why.drain, in_s=0, message=message, said_by=actor_of(by).name)
    log.warning("lane drained", action="lane_drained", lane=lane, said_by=actor_of(by).name)
    await record_of_box(tx, acts.DRAINED, by, lane=lane, message=message)


async def resume(tx: Transaction, engine: Engine, lane: Lane, *, by: Principal | Actor) -> None:
    """Hand out its steps again; harmless when it was not drained."""
    if await engine.open_gates(tx, [Gate(lane)], Why.drain):
        log.warning("lane opened", action="lane_opened", lane=lane, said_by=actor_of(by).name)
        await record_of_box(tx, acts.RESUMED, by, lane=lane)
