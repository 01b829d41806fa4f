"""Whoever is given a file that a run made on the way keeps it: schedules, webhooks, documents, runs."""

from uuid import UUID

from app.kit.blobs import Blob, BlobFolder
from app.kit.ids import new_id
from app.resources.accounts.roles import Role
from app.resources.assets import model
from app.server.edge import Edge
from app.steps.tools.sniff import Facts
from app.store.database import Database, Scope
from tests.people import People, Person


async def made_on_the_way(person: Person, app: Edge, database: Database) -> str:
    """A picture that a step of some run made."""
    blobs: BlobFolder = app.litestar.state.blobs
    path = blobs.new_scratch()
    path.write_bytes(new_id().bytes)
    blob: Blob = blobs.adopt(path)
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        asset = await model.add_asset(
            tx,
            blob,
            Facts(mime="image/png", kind="image", width=1, height=1, duration_s=None),
            organization_id=person.organization_id,
            name="made.png",
            source="step",
            instance_id=new_id(),
        )
    return str(asset.id)


async def users_of(person: Person, database: Database, asset_id: str) -> set[UUID]:
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        rows = await tx.fetch_all(
            "SELECT holder_id FROM asset_uses WHERE asset_id = %(id)s", {"id": asset_id}
        )
    return {row["holder_id"] for row in rows}


async def test_all_that_is_given_a_file_made_on_the_way_keeps_it(
    people: People, app: Edge, database: Database
) -> None:
    person = await people.member(Role.owner)
    asset_id = await made_on_the_way(person, app, database)
    picture = {"asset": asset_id}
    definition = {
        "schema": 1,
        "name": "Shown",
        "inputs": {"picture": {"type": "image"}},
        "nodes": [
            {"id": "shown", "type": "core.set", "with": {"value": "{{ inputs.picture }}"}},
            {"id": "beside", "type": "core.set", "with": {"value": picture}},
        ],
    }
    do = person.client
    workflow = (await do.post("/api/v1/workflows", json={"definition": definition})).json()
    inputs = {"workflow_id": workflow["id"], "inputs": {"picture": picture}}
    run = (await do.post("/api/v1/instances", json=inputs)).json()
    timing = {"name": "Daily", "timing": {"kind": "every", "seconds": 86_400}}
    schedule = (await do.post("/api/v1/schedules", json={**inputs, **timing})).json()
    door = {"name": "Door", "auth": {"kind": "none"}}
    webhook = (await do.post("/api/v1/webhooks", json={**inputs, **door})).json()
    holders = [workflow["version_id"], run["id"], schedule["id"], webhook["id"]]
    assert await users_of(person, database, asset_id) == {UUID(one) for one in holders}
