"""A small world for tests of the engine: an organization, its workflows, and workers that act by hand."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.engine.callbacks import Callbacks
from app.engine.engine import Engine
from app.engine.start import Started, StartRequest
from app.engine.takeover import Origin
from app.flow.messages import (
    Completed,
    ErrorClass,
    Failed,
    Finish,
    Finished,
    GivenBack,
    Job,
    Lane,
    Lease,
    NewBlob,
    Outcome,
    Report,
    StepError,
)
from app.flow.ports import Asset
from app.flow.rerun import Wish
from app.kit.codec import to_plain
from app.kit.ids import AssetId, InstanceId, OrganizationId, VersionId, WorkerId, new_id
from app.store.database import Database, Row, Scope, Transaction, jsonb

ADDRESSES = Callbacks("a key for tests alone", "https://studio.example.org")


class Shelf:
    """An AssetKeeper that only remembers what it was given, and how often it was asked."""

    def __init__(self) -> None:
        self.kept: list[NewBlob] = []
        self.looked_up: list[set[UUID]] = []
        self.results: set[UUID] = set()
        self.used: dict[UUID, set[UUID]] = {}  # what each instance was given and might use
        self._files: dict[tuple[OrganizationId, UUID], Asset] = {}

    def stock(self, organization_id: OrganizationId, mime: str = "image/png") -> dict[str, Any]:
        """A file this organization has, as a value."""
        asset_id = new_id()
        asset = Asset(asset=str(asset_id), name="a file", mime=mime, size_bytes=1, sha256=asset_id.hex * 2)
        self._files[organization_id, asset_id] = asset
        value: dict[str, Any] = to_plain(asset)
        return value

    def lose(self, value: dict[str, Any]) -> None:
        """Delete a file."""
        self._files = {key: asset for key, asset in self._files.items() if asset.asset != value["asset"]}

    async def keep(
        self,
        tx: Transaction,
        blobs: Sequence[NewBlob],
        *,
        organization_id: OrganizationId,
        instance_id: UUID,
        step_id: UUID,
    ) -> Sequence[Asset]:
        self.kept.extend(blobs)
        made = [
            Asset(
                asset=str(one.asset),
                name=one.name,
                mime=one.mime,
                size_bytes=one.size_bytes,
                sha256=one.sha256,
            )
            for one in blobs
        ]
        for asset in made:
            self._files[organization_id, UUID(asset.asset)] = asset
        return made

    async def mark_results(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId
    ) -> None:
        self.results |= set(asset_ids)

    async def use(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId, user: UUID
    ) -> None:
        self.used.setdefault(user, set()).update(asset_ids)

    async def would_let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        return 0, 0

    async def let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        return 0, 0

    async def facts(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId, user: UUID
    ) -> Mapping[AssetId, Asset]:
        self.looked_up.append(set(asset_ids))
        return {
            AssetId(one): self._files[organization_id, one]
            for one in asset_ids
            if (organization_id, one) in self._files
        }


def node(node_id: str, kind: str = "debug.work", **fields: Any) -> dict[str, Any]:
    """One node of a document; `with_` is its `with`."""
    given = fields.pop("with_", None)
    return {"id": node_id, "type": kind, **({"with": given} if given is not None else {}), **fields}


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A workflow document of these nodes."""
    return {"schema": 1, "name": "Test", "nodes": list(nodes), **fields}


class Hand:
    """A worker that does what the test says."""

    def __init__(self, engine: Engine) -> None:
        self.id = WorkerId(new_id())
        self._engine = engine

    async def claim(self, lane: Lane = Lane.cpu) -> Job | None:
        """The next job of a lane."""
        return await self._engine.claim(self.id, lane)

    async def must_claim(self, lane: Lane = Lane.cpu) -> Job:
        """The next job of a lane, which has to be there."""
        job = await self.claim(lane)
        assert job is not None, f"no work in the {lane} lane"
        return job

    async def finish(self, job: Job, outcome: Outcome, *, take_next: bool = False) -> Finished:
        """End a job."""
        return await self._engine.finish(
            self.id,
            Finish(attempt_id=job.attempt_id, fence=job.fence, outcome=outcome, take_next=take_next),
        )

    async def complete(self, job: Job, value: Any = None, *, take_next: bool = False) -> Finished:
        """End a debug.work job well."""
        outputs = {"value": value, "number": job.number}
        return await self.finish(job, Completed(outputs=outputs), take_next=take_next)

    async def fail(
        self, job: Job, error_class: ErrorClass = ErrorClass.bug, message: str = "It broke."
    ) -> Finished:
        """End a job badly."""
        return await self.finish(job, Failed(error=StepError(error_class=error_class, message=message)))

    async def give_back(self, job: Job) -> Finished:
        """End a job because the worker leaves."""
        return await self.finish(job, GivenBack())

    async def beat(self, *jobs: Job) -> tuple[list[UUID], list[UUID]]:
        """Renew these leases; the cancelled and the lost attempts."""
        beat = await self._engine.renew(self.id, [Lease(job.attempt_id, job.fence) for job in jobs])
        return beat.cancelled, beat.lost

    async def report(self, job: Job, **news: Any) -> bool:
        """Tell progress."""
        return await self._engine.report(self.id, Report(attempt_id=job.attempt_id, fence=job.fence, **news))


class World:
    """One organization on an otherwise empty box."""

    def __init__(
        self, database: Database, engine: Engine, organization_id: OrganizationId, shelf: Shelf
    ) -> None:
        self.database = database
        self.engine = engine
        self.organization_id = organization_id
        self.shelf = shelf

    def worker(self) -> Hand:
        """A worker of its own."""
        return Hand(self.engine)

    def worker_like(self, other: Hand) -> Hand:
        """The same worker, after the engine's process was started anew."""
        hand = Hand(self.engine)
        hand.id = other.id
        return hand

    async def publish(self, definition: dict[str, Any]) -> VersionId:
        """A workflow with one version."""
        workflow, version = new_id(), new_id()
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            await tx.execute(
                "INSERT INTO workflows (id, organization_id, name) VALUES (%(id)s, %(org)s, 'Test')",
                {"id": workflow, "org": self.organization_id},
            )
            await tx.execute(
                """INSERT INTO workflow_versions (id, organization_id, workflow_id, number, definition)
                   VALUES (%(id)s, %(org)s, %(workflow)s, 1, %(definition)s)""",
                {
                    "id": version,
                    "org": self.organization_id,
                    "workflow": workflow,
                    "definition": jsonb(definition),
                },
            )
        return VersionId(version)

    async def publish_next(self, workflow: UUID, number: int, definition: dict[str, Any]) -> VersionId:
        """The next version of a workflow; it runs from now on."""
        version = new_id()
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            await tx.execute(
                """INSERT INTO workflow_versions (id, organization_id, workflow_id, number, definition)
                   VALUES (%(id)s, %(org)s, %(workflow)s, %(number)s, %(definition)s)""",
                {
                    "id": version,
                    "org": self.organization_id,
                    "workflow": workflow,
                    "number": number,
                    "definition": jsonb(definition),
                },
            )
            await tx.execute(
                "UPDATE workflows SET latest_version = %(number)s, published_version = %(number)s "
                "WHERE id = %(id)s",
                {"id": workflow, "number": number},
            )
        return VersionId(version)

    async def start_version(
        self, version: VersionId, given: dict[str, Any] | None = None, *, priority: int = 0
    ) -> Started:
        """One more instance of a version."""
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            return await self.engine.start(
                tx, StartRequest(version_id=version, inputs=given or {}, source="test", priority=priority)
            )

    async def start(
        self, *nodes: dict[str, Any], given: dict[str, Any] | None = None, priority: int = 0, **fields: Any
    ) -> InstanceId:
        """An instance of a new workflow of these nodes; `given` are the values of its inputs."""
        version = await self.publish(document(*nodes, **fields))
        return (await self.start_version(version, given, priority=priority)).id

    async def add_version(self, version: VersionId, definition: dict[str, Any]) -> VersionId:
        """The next version of the workflow that this version is of."""
        newer = new_id()
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            await tx.execute(
                """INSERT INTO workflow_versions (id, organization_id, workflow_id, number, definition)
                   SELECT %(id)s, organization_id, workflow_id, number + 1, %(definition)s
                     FROM workflow_versions WHERE id = %(version)s""",
                {"id": newer, "version": version, "definition": jsonb(definition)},
            )
        return VersionId(newer)

    async def again(
        self,
        instance: InstanceId,
        wish: Wish,
        *,
        version: VersionId | None = None,
        given: dict[str, Any] | None = None,
    ) -> InstanceId:
        """A new instance that goes on from one that has ended, as Ada wishes."""
        old = await self.instance(instance)
        request = StartRequest(
            version_id=version or old["version_id"],
            inputs=old["inputs"] if given is None else given,
            source="rerun",
            origin=Origin(id=instance, wish=wish, by=None, name="Ada"),
        )
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            return (await self.engine.start(tx, request)).id

    async def cancel(self, instance: InstanceId) -> None:
        """Cancel it, as a person would."""
        async with self.database.transaction(Scope.organization(self.organization_id)) as tx:
            await self.engine.cancel(tx, instance, by=None)

    async def rows(self, sql: str, **params: Any) -> list[Row]:
        """Look into the database."""
        async with self.database.transaction(Scope.system()) as tx:
            return await tx.fetch_all(sql, params)

    async def execute(self, sql: str, **params: Any) -> None:
        """Change the database behind the engine's back, as time or a crash would."""
        async with self.database.transaction(Scope.system()) as tx:
            await tx.execute(sql, params)

    async def instance(self, instance: InstanceId) -> Row:
        """The instance's row."""
        (row,) = await self.rows("SELECT * FROM instances WHERE id = %(id)s", id=instance)
        return row

    async def status(self, instance: InstanceId) -> str:
        """The instance's status."""
        return str((await self.instance(instance))["status"])

    async def steps(self, instance: InstanceId) -> dict[str, Row]:
        """The steps that are no items, by node."""
        rows = await self.rows(
            "SELECT * FROM steps WHERE instance_id = %(id)s AND parent_id IS NULL", id=instance
        )
        return {row["node_id"]: row for row in rows}

    async def step_statuses(self, instance: InstanceId) -> dict[str, str]:
        """What became of each node."""
        return {node_id: row["status"] for node_id, row in (await self.steps(instance)).items()}

    async def items(self, instance: InstanceId, node_id: str) -> list[Row]:
        """The items of a fan-out, in order."""
        return await self.rows(
            """SELECT * FROM steps WHERE instance_id = %(id)s AND node_id = %(node)s AND parent_id IS NOT NULL
               ORDER BY ordinal""",
            id=instance,
            node=node_id,
        )

    async def attempts(self, instance: InstanceId) -> list[Row]:
        """Every attempt, oldest first."""
        return await self.rows(
            "SELECT * FROM attempts WHERE instance_id = %(id)s ORDER BY created_at, number", id=instance
        )

    async def events(self, instance: InstanceId) -> list[Row]:
        """The story so far; its numbers are checked to have no gap."""
        events = await self.rows("SELECT * FROM events WHERE instance_id = %(id)s ORDER BY seq", id=instance)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "a gap in the events"
        assert (await self.instance(instance))["event_seq"] == len(events)
        return events

    async def story(self, instance: InstanceId) -> list[str]:
        """The types of the events."""
        return [event["type"] for event in await self.events(instance)]

    async def expire_leases(self) -> None:
        """Let every lease run out, as if its worker had been killed 20 s ago."""
        await self.execute("UPDATE attempts SET lease_until = now() - interval '1 s' WHERE status = 'leased'")

    async def drain(self, hand: Hand | None = None, lane: Lane = Lane.cpu) -> int:
        """Complete whatever there is to do, value handed through; how many jobs it was."""
        hand = hand or self.worker()
        done = 0
        job = await hand.claim(lane)
        while job is not None:
            job = (await hand.complete(job, job.inputs.get("value"), take_next=True)).next
            done += 1
        return done
