"""Whatever is cleared away and collected: nothing that anybody still needs is ever among it.

Random days of an organization, seeded: runs on files, on files that other runs made on the way, on cached
results; runs that wait for a person, runs that go on from others, schedules, deletions, time that passes. In
between everything that may go goes. After each happening every value that is kept finds its files, rows and
bytes, and what may not go is there.
"""

import asyncio
import os
import random
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.engine.engine import Engine
from app.engine.errors import InstanceNotFound
from app.flow.messages import Completed, NewBlob
from app.flow.rerun import Wish
from app.kit.blobs import BlobFolder
from app.kit.ids import InstanceId, new_id
from app.resources.assets import collection, model
from app.resources.assets.service import StepFiles, note_uses
from app.resources.retention.model import Terms
from app.resources.retention.service import RetentionPreview, clear, preview
from app.steps.discovery import catalog
from app.steps.tools.sniff import Facts
from app.store.bus import Bus
from app.store.database import Database, Scope, jsonb
from app.store.queue import Bells
from tests.engine.fixtures import bus, new_organization
from tests.engine.world import ADDRESSES, Shelf, World, document, node

__all__ = ["bus"]

TERMS = Terms(instances_days=100, details_days=10)
ID = re.compile(r'"asset": ?"([0-9a-f-]{36})"')
FILE = document(
    node("small", "image.transform", with_={"image": "{{ inputs.photo }}", "width": 8}),
    node("again", "image.transform", with_={"image": "{{ steps.small.outputs.image }}", "width": 4}),
    node("asked", "human.approve", with_={"question": "Well?"}, when="{{ inputs.asks }}"),
    node(
        "last",
        "image.transform",
        needs=["asked"],
        join="always",
        with_={"image": "{{ inputs.photo }}", "width": 2},
    ),
    inputs={"photo": {"type": "json"}, "asks": {"type": "boolean"}},
    outputs={"film": "{{ steps.again.outputs.image }}"},
)


class Days:
    """One organization, and what happens in it."""

    def __init__(self, world: World, blobs: BlobFolder, seed: int) -> None:
        self.world = world
        self.blobs = blobs
        self.random = random.Random(seed)
        self.schedules: list[UUID] = []
        self.deleted: set[str] = set()  # by a person: nothing promises those
        self.scope = Scope.organization(world.organization_id)

    async def upload(self) -> dict[str, Any]:
        """A file of a person."""
        data = self.random.randbytes(8)
        path = self.blobs.new_scratch()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        blob = self.blobs.adopt(path)
        facts = Facts(mime="image/png", kind="image", width=1, height=1, duration_s=None)
        async with self.world.database.transaction(self.scope) as tx:
            asset = await model.add_asset(
                tx,
                blob,
                facts,
                organization_id=self.world.organization_id,
                name="photo.png",
                source="upload",
            )
        return {"asset": str(asset.id), "name": "photo.png", "mime": "image/png", "size_bytes": 8} | {
            "sha256": blob.sha256
        }

    async def some_file(self) -> dict[str, Any]:
        """A file there is, most of them made on the way by some run."""
        rows = await self.world.rows(
            "SELECT id, name, mime, size_bytes, sha256 FROM assets WHERE organization_id = %(id)s",
            id=self.world.organization_id,
        )
        if not rows or self.random.random() < 0.3:
            return await self.upload()
        row = self.random.choice(rows)
        return {"asset": str(row.pop("id")), **row}

    async def start(self) -> None:
        """A run on some file; perhaps one that will wait."""
        version = await self.world.publish(FILE)
        given = {"photo": await self.some_file(), "asks": self.random.random() < 0.3}
        await self.world.start_version(version, given)

    async def work(self) -> None:
        """What waits for a worker gets its picture, on the disk before it is told."""
        hand = self.world.worker()
        for _ in range(self.random.randrange(1, 6)):
            job = await hand.claim()
            if job is None:
                return
            data = self.random.choice([b"a", b"b", self.random.randbytes(8)])
            path = self.blobs.new_scratch()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            blob = self.blobs.adopt(path)
            made = NewBlob(
                asset=new_id(), name="made.png", mime="image/png", size_bytes=len(data), sha256=blob.sha256
            )
            image = {
                "asset": str(made.asset),
                "name": made.name,
                "mime": made.mime,
                "size_bytes": made.size_bytes,
                "sha256": made.sha256,
            }
            outputs = {"image": image, "width": 1, "height": 1}
            await hand.finish(job, Completed(outputs=outputs, blobs=[made]))

    async def go_on(self) -> None:
        """A run that goes on from one that has ended."""
        ended = await self.world.rows(
            "SELECT id FROM instances WHERE ended_at IS NOT NULL AND organization_id = %(id)s",
            id=self.world.organization_id,
        )
        if ended:
            wish = Wish(keeps=True, nodes=("again",))
            await self.world.again(InstanceId(self.random.choice(ended)["id"]), wish)

    async def schedule(self) -> None:
        """A schedule on some file, or one less."""
        if self.schedules and self.random.random() < 0.5:
            await self.world.execute("DELETE FROM schedules WHERE id = %(id)s", id=self.schedules.pop())
            return
        inputs = {"photo": await self.some_file()}
        schedule_id = new_id()
        async with self.world.database.transaction(self.scope) as tx:
            await tx.execute(
                """
                INSERT INTO schedules (id, organization_id, workflow_id, name, timing, inputs, misfire,
                                       overlap, is_enabled)
                SELECT %(id)s, organization_id, id, 'Daily', '{}', %(inputs)s, 'skip', 'skip', false
                  FROM workflows LIMIT 1
                """,
                {"id": schedule_id, "inputs": jsonb(inputs)},
            )
            await note_uses(tx, inputs, schedule_id)
        self.schedules.append(schedule_id)

    async def cancel(self) -> None:
        """Somebody has had enough of a run."""
        open_ones = await self.world.rows(
            "SELECT id FROM instances WHERE ended_at IS NULL AND organization_id = %(id)s",
            id=self.world.organization_id,
        )
        if open_ones:
            await self.world.cancel(InstanceId(self.random.choice(open_ones)["id"]))

    async def delete(self) -> None:
        """A person deletes a file."""
        rows = await self.world.rows(
            "SELECT id FROM assets WHERE organization_id = %(id)s AND source <> 'step'",
            id=self.world.organization_id,
        )
        if rows:
            asset_id = self.random.choice(rows)["id"]
            async with self.world.database.transaction(self.scope) as tx:
                await model.remove_asset(tx, asset_id)
            self.deleted.add(str(asset_id))

    async def pass_time(self) -> None:
        """Weeks go by for everything that has ended, and for all bytes."""
        days = self.random.choice([5, 30, 60, 120])
        for change in (
            (
                "UPDATE instances SET ended_at = ended_at - make_interval(days => %(days)s) "
                "WHERE organization_id = %(id)s"
            ),
            (
                "UPDATE blobs SET unused_since = unused_since - make_interval(days => %(days)s) "
                "WHERE %(id)s::uuid IS NOT NULL"
            ),
        ):
            await self.world.execute(change, id=self.world.organization_id, days=days)
        then = time.time() - days * 86_400
        for path in self.blobs.root.glob("??/*"):
            os.utime(path, (then, then))

    async def clear(self) -> None:
        """Everything that may go goes, and it is what the preview said."""
        said = await self.preview()
        cleared = await clear(self.world.database, self.world.engine, self.world.organization_id, TERMS)
        assert cleared.is_done
        assert (cleared.gone.instances, cleared.gone.steps) == (said.runs.instances, said.runs.steps)
        assert cleared.gone.events == said.runs.events + said.details.events
        left = (await self.preview()).runs
        assert (left.instances, left.files) == (0, 0)
        await collection.collect(self.world.database, self.blobs, 48 * 3600)

    async def preview(self) -> RetentionPreview:
        async with self.world.database.transaction(self.scope) as tx:
            return await preview(tx, self.world.engine, self.world.organization_id, TERMS)

    async def look(self, before: dict[UUID, UUID | None]) -> None:
        """Everything that is kept finds what it needs; `before`: instances that may not have gone."""
        there = await self.needed()
        instances = await self.world.rows("SELECT id FROM instances")
        assert before.keys() <= {row["id"] for row in instances}, "an instance went that is needed"
        rows = await self.world.rows("SELECT id, sha256 FROM assets")
        assets = {str(row["id"]): row["sha256"] for row in rows}
        lost = there - assets.keys() - self.deleted
        assert not lost, f"kept values name files that are gone: {lost}"
        for sha256 in assets.values():
            assert self.blobs.has(sha256), "a file without its bytes"

    async def needed(self) -> set[str]:
        """The ids of all files that kept rows name."""
        rows = await self.world.rows(
            """
            SELECT coalesce(inputs::text, '') || coalesce(outputs::text, '') AS text FROM instances
             WHERE organization_id = %(id)s
            UNION ALL
            SELECT coalesce(inputs::text, '') || coalesce(outputs::text, '') FROM steps
             WHERE organization_id = %(id)s
            UNION ALL
            SELECT inputs::text FROM schedules WHERE organization_id = %(id)s
            """,
            id=self.world.organization_id,
        )
        return {found for row in rows for found in ID.findall(row["text"])}

    async def kept(self) -> dict[UUID, UUID | None]:
        """Instances that may not go: open, too young, or the origin of one that may not."""
        rows = await self.world.rows(
            "SELECT id, origin_id, coalesce(ended_at > now() - interval '100 days', true) AS stays "
            "FROM instances WHERE organization_id = %(id)s",
            id=self.world.organization_id,
        )
        origins = {row["id"]: row["origin_id"] for row in rows}
        kept: dict[UUID, UUID | None] = {}
        waiting = [row["id"] for row in rows if row["stays"]]
        while waiting:
            one = waiting.pop()
            kept[one] = origins[one]
            if origins[one] is not None:
                waiting.append(origins[one])
        return kept


@pytest.fixture
async def days(database: Database, bus: Bus, tmp_path: Path, request: pytest.FixtureRequest) -> Days:
    async with database.transaction(Scope.system()) as tx:
        for table in ("instances", "step_results", "assets", "blobs"):
            await tx.execute(f"DELETE FROM {table}")  # noqa: S608  constant names
    (tmp_path / "blobs").mkdir()
    blobs = BlobFolder(tmp_path / "blobs", tmp_path / "tmp")
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=StepFiles(blobs), callbacks=ADDRESSES)
    return Days(World(database, engine, await new_organization(database), Shelf()), blobs, request.param)


@pytest.mark.parametrize("days", range(3), indirect=True)
async def test_nothing_that_is_needed_ever_goes(days: Days) -> None:
    happenings = [
        *(days.start, days.work, days.work, days.work, days.go_on, days.schedule),
        *(days.cancel, days.delete, days.pass_time, days.clear),
    ]
    for _ in range(60):
        kept = await days.kept()
        happening = days.random.choice(happenings)
        await happening()
        await days.look(kept)
    for schedule_id in days.schedules:
        await days.world.execute("DELETE FROM schedules WHERE id = %(id)s", id=schedule_id)
    for row in await days.world.rows("SELECT id FROM instances WHERE ended_at IS NULL"):
        await days.world.cancel(InstanceId(row["id"]))
    await days.world.execute("UPDATE instances SET ended_at = now() - interval '1 year'")
    await days.clear()
    assert await days.world.rows("SELECT id FROM instances") == []
    assert await days.world.rows("SELECT id FROM assets WHERE source = 'step'") == [], "nobody uses them"
    assert await days.world.rows("SELECT asset_id FROM asset_uses") == []


@pytest.mark.parametrize("days", [7], indirect=True)
async def test_a_run_that_goes_on_at_the_same_moment_finds_all_or_nothing(days: Days) -> None:
    """Clearing away and going on race for the same instance; whoever wins, no value loses its file."""
    for _ in range(8):
        given = {"photo": await days.upload(), "asks": False}
        started = await days.world.start_version(await days.world.publish(FILE), given)
        while (await days.world.instance(started.id))["ended_at"] is None:
            await days.work()
        await days.world.execute("UPDATE instances SET ended_at = now() - interval '1 year'")
        wish = Wish(keeps=True, nodes=("last",))
        _, begun = await asyncio.gather(
            clear(days.world.database, days.world.engine, days.world.organization_id, TERMS),
            days.world.again(started.id, wish),
            return_exceptions=True,
        )
        # Gone before it was looked for (the helper of the test finds no row), or before it was held.
        assert not isinstance(begun, BaseException) or isinstance(begun, InstanceNotFound | ValueError), begun
        await days.look({} if isinstance(begun, BaseException) else {begun: started.id, started.id: None})
