"""Files on their way into a step: looked up, never believed; and what a refused finish leaves behind."""

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from app.engine.engine import Engine
from app.flow.messages import Completed, NewBlob
from app.flow.plan import ITEMS_PER_PAGE
from app.kit.blobs import BlobFolder
from app.kit.ids import OrganizationId, new_id
from app.resources.assets.service import StepFiles
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, World, node

DATA = {"data": {"type": "json"}}


def shrink(image: str = "{{ inputs.data }}", **fields: Any) -> dict[str, Any]:
    """A step that takes a picture."""
    return node("small", "image.transform", with_={"image": image, "width": 8}, **fields)


async def test_a_file_of_the_organization_reaches_the_worker_with_its_own_facts(world: World) -> None:
    value = world.shelf.stock(world.organization_id)
    await world.start(shrink(), given={"data": {**value, "sha256": "f" * 64, "more": 1}}, inputs=DATA)
    assert (await world.worker().must_claim()).inputs["image"] == value


async def test_a_forged_file_fails_the_step_before_any_worker_sees_it(world: World) -> None:
    foreign = world.shelf.stock(OrganizationId(new_id()))
    for forged in ({**foreign, "asset": "x"}, foreign):
        kept = node("kept", "core.set", with_={"value": "{{ inputs.data }}"})
        for nodes in ([shrink()], [kept, shrink("{{ steps.kept.outputs.value }}")]):
            instance = await world.start(*nodes, given={"data": forged}, inputs=DATA)
            error = (await world.steps(instance))["small"]["error"]
            assert error["class"] == "bad_input"
            assert forged["asset"] in error["message"]
            assert await world.attempts(instance) == []


async def test_a_file_made_by_a_worker_out_of_thin_air_is_not_believed(world: World) -> None:
    foreign = world.shelf.stock(OrganizationId(new_id()))
    instance = await world.start(node("made"), shrink("{{ steps.made.outputs.value }}"))
    hand = world.worker()
    await hand.complete(await hand.must_claim(), foreign)
    assert (await world.steps(instance))["small"]["error"]["class"] == "bad_input"


async def test_a_file_of_the_wrong_kind_is_named_by_its_real_type(world: World) -> None:
    film = world.shelf.stock(world.organization_id, "video/mp4")
    instance = await world.start(shrink(), given={"data": {**film, "mime": "image/png"}}, inputs=DATA)
    assert "video/mp4" in (await world.steps(instance))["small"]["error"]["message"]


async def test_a_fan_out_looks_its_files_up_a_page_at_a_time(world: World) -> None:
    files = [world.shelf.stock(world.organization_id) for _ in range(ITEMS_PER_PAGE + 1)]
    forged = {**files[0], "asset": str(new_id())}
    given = [files[0], forged, *files[1:]]
    instance = await world.start(
        shrink("{{ item }}", each="{{ inputs.data }}", on_error="continue", max_parallel=len(given)),
        given={"data": given},
        inputs=DATA,
    )
    assert [len(asked) for asked in world.shelf.looked_up] == [ITEMS_PER_PAGE, 2]
    items = await world.items(instance, "small")
    assert [item["ordinal"] for item in items if item["status"] == "failed"] == [1]
    assert items[1]["error"]["class"] == "bad_input"
    assert items[-1]["inputs"]["image"] == files[-1]


async def test_steps_without_files_look_nothing_up_and_one_file_is_looked_up_once(world: World) -> None:
    await world.start(node("a", with_={"value": "{{ inputs.data }}"}), given={"data": {}}, inputs=DATA)
    assert world.shelf.looked_up == []
    value = world.shelf.stock(world.organization_id)
    second = {**shrink(), "id": "second"}
    await world.start(shrink(), second, given={"data": value}, inputs=DATA)
    assert len(world.shelf.looked_up) == 1


async def test_what_an_instance_gives_out_is_a_result_and_the_rest_in_between(world: World) -> None:
    frame, film, sheet = (world.shelf.stock(world.organization_id) for _ in range(3))
    await world.start(
        node("frames", with_={"value": frame}),
        node("film", with_={"value": {"film": film, "more": [{"sheets": [sheet]}]}}, needs=["frames"]),
        outputs={"all": "{{ steps.film.outputs.value }}", "words": "no file"},
    )
    hand = world.worker()
    await hand.complete(await hand.must_claim(), frame)
    assert world.shelf.results == set()
    await hand.complete(await hand.must_claim(), {"film": film, "more": [{"sheets": [sheet]}]})
    assert world.shelf.results == {UUID(film["asset"]), UUID(sheet["asset"])}


async def test_what_a_workflow_gives_to_another_is_still_in_between(world: World) -> None:
    inner = {"nodes": [node("a")], "outputs": {"file": "{{ steps.a.outputs.value }}"}}
    taken, left = (world.shelf.stock(world.organization_id) for _ in range(2))
    await world.start(
        node("sub", "core.repeat", with_={"body": inner, "until": "{{ true }}"}),
        node("other", "core.repeat", with_={"body": inner, "until": "{{ true }}"}),
        outputs={"file": "{{ steps.sub.outputs.file }}"},
    )
    hand = world.worker()
    await hand.complete(await hand.must_claim(), taken)
    assert world.shelf.results == set()
    await hand.complete(await hand.must_claim(), left)
    assert world.shelf.results == {UUID(taken["asset"])}


async def test_a_finish_that_lacks_the_bytes_of_one_file_leaves_no_file(
    world: World, bus: Bus, tmp_path: Path
) -> None:
    blobs = BlobFolder(tmp_path / "blobs", tmp_path / "tmp")
    for place in (blobs.root, blobs.scratch):
        place.mkdir()
    made = tmp_path / "made.txt"
    made.write_bytes(new_id().bytes)
    there = blobs.adopt(made)
    first = NewBlob(
        asset=new_id(),
        name="a.txt",
        mime="text/plain",
        size_bytes=there.size_bytes,
        sha256=there.sha256,
    )
    missing = replace(first, asset=new_id(), sha256=hashlib.sha256(new_id().bytes).hexdigest())
    world.engine = Engine(
        world.database, catalog(), Bells(bus.redis), bus, assets=StepFiles(blobs), callbacks=ADDRESSES
    )
    instance = await world.start(node("a"))
    hand = world.worker()
    job = await hand.must_claim()
    done = Completed(outputs={"value": 1, "number": 1}, blobs=[first, missing])
    assert (await hand.finish(job, done)).accepted
    assert (await world.steps(instance))["a"]["error"]["class"] == "bug"
    assert await world.rows("SELECT id FROM assets WHERE instance_id = %(id)s", id=instance) == []
