"""Somebody with webhooks, and a sender who knows nothing but an address."""

from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from app.engine.engine import Engine
from app.kit.ids import OrganizationId
from app.resources.accounts.roles import Role
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Row, Scope
from app.store.queue import Bells
from tests.engine.fixtures import bus
from tests.engine.world import ADDRESSES, Shelf, World, document, node
from tests.people import People, Person

__all__ = ["bus"]

WORD = document(
    node("word", "core.set", with_={"value": "{{ inputs.word }}"}),
    inputs={"word": {"type": "text", "max": 100}},
    outputs={"word": "{{ steps.word.outputs.value }}"},
)
PAYLOAD = document(
    node("keep", "core.set", with_={"value": "{{ inputs.payload }}"}),
    inputs={"payload": {"type": "json"}},
    outputs={"all": "{{ steps.keep.outputs.value }}"},
)
WORK = document(node("work"))  # waits for a worker


class Hook(msgspec.Struct):
    """A webhook with what was shown once."""

    id: str
    url: str
    secret: str | None
    shown: dict[str, Any]
    workflow_id: str


class Owner:
    """Somebody who keeps webhooks."""

    def __init__(self, person: Person, database: Database) -> None:
        self.person = person
        self.client = person.client
        self._database = database

    async def workflow(self, definition: dict[str, Any]) -> str:
        """A workflow of this document; its id."""
        answer = await self.client.post("/api/v1/workflows", json={"definition": definition})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def hook(self, definition: dict[str, Any] = WORD, **more: Any) -> Hook:
        """A webhook that could be saved."""
        workflow_id = await self.workflow(definition)
        body = {"workflow_id": workflow_id, "name": "Knock", "auth": {"kind": "none"}, **more}
        answer = await self.client.post("/api/v1/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        shown = answer.json()
        return Hook(shown["id"], shown["url"], shown["secret"], shown, workflow_id)

    async def change(self, hook: Hook, **wish: Any) -> dict[str, Any]:
        answer = await self.client.patch(f"/api/v1/webhooks/{hook.id}", json=wish)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def log(self, hook: Hook, **query: Any) -> list[dict[str, Any]]:
        """What was delivered, oldest first."""
        answer = await self.client.get(f"/api/v1/webhooks/{hook.id}/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items[::-1]

    async def delivery(self, hook: Hook, line: dict[str, Any]) -> dict[str, Any]:
        """One delivery, whole."""
        answer = await self.client.get(f"/api/v1/webhooks/{hook.id}/deliveries/{line['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def instance(self, answer: httpx.Response) -> dict[str, Any]:
        """The instance an answer to a sender speaks of."""
        assert answer.status_code in {200, 202}, answer.text
        found: dict[str, Any] = (await self.client.get(answer.json()["status_url"])).json()
        return found

    async def rows(self, sql: str, **params: Any) -> list[Row]:
        """Look into the organization's rows."""
        async with self._database.transaction(Scope.organization(self.person.organization_id)) as tx:
            return await tx.fetch_all(sql, params)

    async def execute(self, sql: str, **params: Any) -> None:
        """Change rows behind everybody's back."""
        async with self._database.transaction(Scope.organization(self.person.organization_id)) as tx:
            await tx.execute(sql, params)


@pytest_asyncio.fixture
async def owner(people: People, database: Database) -> Owner:
    """An editor."""
    return Owner(await people.member(Role.editor), database)


@pytest.fixture
def sender(people: People) -> httpx.AsyncClient:
    """A program somewhere, which nobody is signed in at."""
    return people.stranger()


@pytest_asyncio.fixture
async def theirs(database: Database, bus: Bus, owner: Owner) -> World:
    """The engine's world in the owner's organization, to work by hand."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM instances")
    shelf = Shelf()
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=shelf, callbacks=ADDRESSES)
    return World(database, engine, OrganizationId(owner.person.organization_id), shelf)
