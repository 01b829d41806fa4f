"""What people see of the workers, and what they do not."""

from app.flow.messages import Gpu, Heartbeat, Lane, LaneSlots
from app.kit.ids import OrganizationId, WorkerId, new_id
from app.resources.accounts.roles import Role
from app.resources.workers import model, service
from app.store.database import Scope
from tests.engine.world import Shelf, World, node
from tests.people import People, problem
from tests.resources.workers.conftest import Hall


async def test_a_viewer_sees_lanes_cards_and_life(hall: Hall, people: People) -> None:
    worker = await hall.register()
    card = Gpu(index=0, name="NVIDIA L4", memory_total_bytes=24_000_000_000, memory_used_bytes=7)
    beat = Heartbeat(leases=[], gpus=[card], memory_used_bytes=123, resident_models=["all-MiniLM-L6-v2"])
    await service.heartbeat(hall.database, hall.engine, WorkerId(worker.worker_id), beat)
    viewer = await people.member(Role.viewer)
    (seen,) = (await viewer.client.get("/api/v1/workers")).raise_for_status().json()["items"]
    assert seen["id"] == str(worker.worker_id)
    assert seen["lanes"] == [{"lane": "cpu", "slots": 2}]
    assert seen["gpus"][0]["memory_used_bytes"] == 7
    assert (seen["memory_used_bytes"], seen["resident_models"]) == (123, ["all-MiniLM-L6-v2"])
    assert seen["is_alive"] is True
    assert worker.token not in str(seen)


async def test_a_silent_worker_is_shown_as_such_and_then_leaves(hall: Hall, people: People) -> None:
    worker = await hall.register()
    viewer = await people.member(Role.viewer)
    await hall.age(worker.worker_id, 30)
    (seen,) = (await viewer.client.get("/api/v1/workers")).json()["items"]
    assert seen["is_alive"] is False
    assert await service.mark_silent(hall.database) == []
    await hall.age(worker.worker_id, 90)
    assert await service.mark_silent(hall.database) == [worker.worker_id]
    assert (await viewer.client.get("/api/v1/workers")).json()["items"] == []


async def test_the_work_of_other_organizations_is_not_shown(hall: Hall, people: People) -> None:
    worker = await hall.register()
    owner, stranger = await people.member(Role.owner), await people.member(Role.owner)
    world = World(hall.database, hall.engine, OrganizationId(owner.organization_id), Shelf())
    instance = await world.start(node("a", with_={"seconds": 60}))
    assert await hall.engine.claim(WorkerId(worker.worker_id), Lane.cpu) is not None
    (seen,) = (await owner.client.get("/api/v1/workers")).json()["items"]
    assert [(one["instance_id"], one["node_id"]) for one in seen["attempts"]] == [(str(instance), "a")]
    (seen,) = (await stranger.client.get("/api/v1/workers")).json()["items"]
    assert seen["attempts"] == []


async def test_nobody_sees_workers_without_signing_in(people: People) -> None:
    problem(await people.stranger().get("/api/v1/workers"), 401)


async def test_a_workers_token_opens_no_door_for_people(hall: Hall, people: People) -> None:
    worker = await hall.register()
    client = people.stranger({"authorization": f"Bearer {worker.token}"})
    problem(await client.get("/api/v1/workers"), 401)


async def test_lanes_are_served_by_living_workers_only(hall: Hall) -> None:
    worker = await hall.register(lanes=[LaneSlots(Lane.gpu, 1)])
    async with hall.database.transaction(Scope.nobody()) as tx:
        assert await model.served_lanes(tx) == {Lane.gpu}
    await hall.age(worker.worker_id, 30)
    async with hall.database.transaction(Scope.nobody()) as tx:
        assert await model.served_lanes(tx) == set()


async def test_only_a_worker_that_knows_the_volume_shares_its_bytes(hall: Hall) -> None:
    passport = hall.settings.workspace / "studio.json"
    if not passport.exists():
        passport.write_text(f'{{"box_id": "{new_id()}"}}')
    box_id = service.box_id(hall.settings.workspace)
    assert (await hall.register(box_id=box_id)).shared_blobs is True
    assert (await hall.register(box_id="another")).shared_blobs is False
    assert (await hall.register(box_id=None)).shared_blobs is False
