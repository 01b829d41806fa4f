"""Who a new worker replaces: the dead of its own process table and who it was itself; never the living."""

import asyncio
import os
import socket
import subprocess
from uuid import UUID

from structlog.testing import capture_logs

from app.flow.messages import Gpu, Lane, Registered
from app.kit.ids import OrganizationId, WorkerId, new_id
from app.kit.machine import process_table
from app.resources.accounts import model as accounts
from app.store.database import Scope
from tests.engine.world import Shelf, World, node
from tests.resources.workers.conftest import Hall


def dead_pid() -> int:
    """The id of a process that has ended and is reaped."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


async def is_present(hall: Hall, worker_id: UUID) -> bool:
    """Whether a worker counts as there."""
    async with hall.database.transaction(Scope.nobody()) as tx:
        return bool(
            await tx.fetch_value("SELECT left_at IS NULL FROM workers WHERE id = %(id)s", {"id": worker_id})
        )


async def with_a_job(hall: Hall, worker: Registered) -> World:
    """Let a worker hold the only step of a new organization's only instance."""
    organization = OrganizationId(new_id())
    async with hall.database.transaction(Scope.organization(organization)) as tx:
        made = await accounts.add_organization(tx, "Test")
    world = World(hall.database, hall.engine, OrganizationId(made.id), Shelf())
    await world.start(node("a"))
    assert await hall.engine.claim(WorkerId(worker.worker_id), Lane.cpu) is not None
    return world


async def test_what_a_dead_worker_of_this_machine_held_is_lost_at_once(hall: Hall) -> None:
    here = process_table()
    dead = await hall.register(host=socket.gethostname(), pid=dead_pid(), process_table=here)
    world = await with_a_job(hall, dead)
    await hall.register(host=socket.gethostname(), pid=os.getpid(), process_table=here)
    assert not await is_present(hall, dead.worker_id)
    again = await world.worker().must_claim()
    assert (again.number, (await world.steps(again.instance_id))["a"]["times_lost"]) == (2, 1)  # type: ignore[arg-type]


async def test_newcomers_at_the_same_moment_bury_a_dead_worker_once(hall: Hall) -> None:
    here = process_table()
    await hall.register(host=socket.gethostname(), pid=dead_pid(), process_table=here)
    with capture_logs() as told:
        newcomers = (
            hall.register(host=socket.gethostname(), pid=os.getpid(), process_table=here) for _ in range(8)
        )
        await asyncio.gather(*newcomers)
    assert [line["action"] for line in told].count("worker_died") == 1


async def test_a_worker_that_shares_the_hosts_name_but_counts_its_processes_apart_is_not_taken_for_dead(
    hall: Hall,
) -> None:
    neighbour = await hall.register(host=socket.gethostname(), pid=dead_pid(), process_table="other/4026")
    unknown = await hall.register(host=socket.gethostname(), pid=dead_pid(), process_table=None)
    world = await with_a_job(hall, neighbour)
    await hall.register(host=socket.gethostname(), pid=os.getpid(), process_table=process_table())
    assert await is_present(hall, neighbour.worker_id)
    assert await is_present(hall, unknown.worker_id)
    assert await world.worker().claim() is None


async def test_who_registers_anew_has_given_back_what_it_held_before(hall: Hall) -> None:
    here = {"host": socket.gethostname(), "pid": os.getpid(), "process_table": process_table()}
    before = await hall.register(**here)
    world = await with_a_job(hall, before)
    now = await hall.register(**here, former=before.worker_id)
    assert not await is_present(hall, before.worker_id)
    assert await is_present(hall, now.worker_id)
    again = await world.worker().must_claim()
    assert (again.number, (await world.steps(again.instance_id))["a"]["times_lost"]) == (2, 0)  # type: ignore[arg-type]


async def test_a_worker_that_is_started_again_still_misses_the_card_its_predecessor_lost(hall: Hall) -> None:
    async def cards_at_start(worker: Registered) -> int:
        async with hall.database.transaction(Scope.nobody()) as tx:
            return int(
                await tx.fetch_value(
                    "SELECT status->>'gpus_at_start' FROM workers WHERE id = %(id)s", {"id": worker.worker_id}
                )
            )

    cards = [Gpu(index=one, name="L4", memory_total_bytes=24, memory_used_bytes=1) for one in range(2)]
    name = f"gpu-{new_id().hex}"
    first = await hall.register(name=name, process_table="a boot/1", gpus=cards)
    assert await cards_at_start(first) == 2
    again = await hall.register(name=name, process_table="a boot/1", gpus=cards[:1])
    assert await cards_at_start(again) == 2
    elsewhere = await hall.register(name=name, process_table="another/1", gpus=cards[:1])
    assert await cards_at_start(elsewhere) == 1, "the machine was started again, and this is what it has"
