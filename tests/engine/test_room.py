"""While the volume takes nothing new, instances wait with the reason and go on when there is room."""

from pathlib import Path

import pytest

from app.engine.engine import Engine
from app.flow.messages import Lane, Postponed
from app.kit.volume import ROOM_FILE, Reason, Room, RoomState, VolumeFull, Watch, write
from app.steps.debug_work import DebugWork
from app.steps.discovery import catalog
from app.steps.image_transform import ImageTransform
from app.store.bus import Bus
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, World, node
from tests.steps.bench import Bench

FULL = Room(
    state=RoomState.closed, reason=Reason.full, sentence="The volume is nearly full.", remedy="Delete."
)


@pytest.fixture
def watched(world: World, bus: Bus, tmp_path: Path) -> World:
    """A world whose volume is as the file in `tmp_path` says."""
    world.engine = Engine(
        world.database,
        catalog(),
        Bells(bus.redis),
        bus,
        assets=world.shelf,
        callbacks=ADDRESSES,
        watch=Watch(tmp_path),
    )
    return world


async def test_queued_steps_wait_with_the_reason_and_go_on_by_themselves(
    watched: World, tmp_path: Path
) -> None:
    instance = await watched.start(node("a"), node("b", needs=["a"]))
    hand = watched.worker()
    job = await hand.must_claim()
    write(tmp_path / ROOM_FILE, FULL)
    finished = await hand.complete(job, take_next=True)
    assert finished.accepted, "what has begun ends well"
    assert finished.next is None
    assert await hand.claim() is None
    await watched.execute("UPDATE attempts SET available_at = now() - interval '5 s' WHERE status = 'queued'")
    assert await watched.engine.explain_waits([Lane.cpu, Lane.gpu]) == 1
    row = await watched.instance(instance)
    assert row["status"] == "waiting"
    assert row["reason"] == "The volume is nearly full. The step starts when there is room."

    write(tmp_path / ROOM_FILE, Room())
    assert await watched.drain() == 1
    assert await watched.status(instance) == "completed"


async def test_nothing_new_starts_and_what_runs_may_begin_what_it_needs(
    watched: World, tmp_path: Path
) -> None:
    write(tmp_path / ROOM_FILE, FULL)
    with pytest.raises(VolumeFull, match="nearly full"):
        await watched.start(node("a"))


async def test_a_result_that_does_not_fit_is_made_again_and_uses_up_no_retry(tmp_path: Path) -> None:
    bench = Bench(tmp_path, watch=Watch(tmp_path))
    picture = {"image": {"sample": "photo.jpg"}, "width": 64, "height": 64}
    write(tmp_path / ROOM_FILE, FULL)
    assert not isinstance(await bench.perform(ImageTransform, picture), Postponed), "it still fits"
    write(tmp_path / ROOM_FILE, Room(state=RoomState.shut, reason=Reason.full, sentence="It is full."))
    for step_type, inputs in ((ImageTransform, picture), (DebugWork, {"fail": "No space left on device"})):
        outcome = await bench.perform(step_type, inputs)
        assert isinstance(outcome, Postponed)
        assert outcome.reason == "It is full. The step is tried again when there is room."
