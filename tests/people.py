"""People of the tests: organizations, members of each role and their clients, each test with its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import msgspec

from app.kit.ids import OrganizationId, new_id
from app.kit.settings import Settings
from app.resources.accounts import model as accounts
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import make_access_token
from app.resources.auth import model as sessions
from app.resources.auth.passwords import hash_password
from app.server.edge import Edge
from app.store.database import Database, Scope

ORIGIN = "http://studio.test"
PASSWORD = "correct horse battery"


class Person(msgspec.Struct, kw_only=True):
    """Someone signed in, with a client that says so in every call."""

    client: httpx.AsyncClient
    user_id: UUID
    email: str
    organization_id: UUID
    role: Role
    access_token: str


class People:
    """Makes people; what it opened is closed with the test."""

    def __init__(self, app: Edge, database: Database, settings: Settings) -> None:
        self._app = app
        self._database = database
        self._settings = settings
        self._clients: list[httpx.AsyncClient] = []
        self._password_hash: str | None = None

    def stranger(
        self, headers: Mapping[str, str] | None = None, address: str = "198.51.100.7"
    ) -> httpx.AsyncClient:
        """A client nobody is signed in at, from this address."""
        transport = httpx.ASGITransport(app=self._app, client=(address, 40000), raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        self._clients.append(client)
        return client

    async def organization(self, name: str = "Test") -> OrganizationId:
        """A new, empty organization."""
        scope = Scope.organization(new_id())
        async with self._database.transaction(scope) as tx:
            return (await accounts.add_organization(tx, name)).id

    async def member(
        self,
        role: Role = Role.owner,
        organization_id: UUID | None = None,
        *,
        is_super_admin: bool = False,
        has_password: bool = False,
    ) -> Person:
        """A signed-in person with this role, in a new organization unless one is named."""
        organization_id = organization_id or await self.organization()
        email = f"{role}-{new_id().hex}@example.org"
        password_hash = await self._hash() if has_password else None
        async with self._database.transaction(Scope.system()) as tx:
            user = await accounts.add_user(
                tx, email=email, name=role.value, password_hash=password_hash, is_super_admin=is_super_admin
            )
            await accounts.add_membership(tx, organization_id, user.id, role)
            session_id, _ = await sessions.start_session(
                tx, user.id, organization_id, user_agent="tests", address=None
            )
        token = make_access_token(self._settings, user.id, session_id)
        return Person(
            client=self.stranger({"authorization": f"Bearer {token}"}),
            user_id=user.id,
            email=email,
            organization_id=organization_id,
            role=role,
            access_token=token,
        )

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            await client.aclose()

    async def _hash(self) -> str:
        # One hash costs 50 ms and 64 MiB; nobody minds that test people share a password.
        if self._password_hash is None:
            self._password_hash = await hash_password(PASSWORD)
        return self._password_hash


@asynccontextmanager
async def gathering(app: Edge, database: Database, settings: Settings) -> AsyncIterator[People]:
    """People for one test."""
    people = People(app, database, settings)
    try:
        yield people
    finally:
        await people.close()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer that was to fail with this status, held to their form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == status
    assert found["type"].startswith("urn:studio:problem:")
    assert found["title"]
    assert found["detail"].endswith((".", "?", "!")) or found.get("complaints"), found
    assert "Traceback" not in response.text
    return found
