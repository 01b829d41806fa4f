"""Whose attempt it was: a forwarded address is believed from a neighbour alone."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar.connection import ASGIConnection

from app.kit.settings import Settings, load_settings
from app.resources.accounts.connection import Connection, address_of
from app.resources.auth.jobs import forget_ended
from app.resources.auth.throttle import ACCOUNT, SlowDown, count_attempt, key_of
from app.resources.periodic import Parts
from app.server.edge import Edge
from app.store.database import Database, Scope


def connection(peer: str, env: Mapping[str, str], **headers: str) -> Connection:
    """A connection with no more than what is read of it, at a box with these settings."""
    app = SimpleNamespace(state=SimpleNamespace(settings=load_settings(env)))
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Any = {"type": "http", "client": (peer, 1), "headers": raw, "litestar_app": app}
    return ASGIConnection(scope)


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("203.0.113.9", {}, "203.0.113.9"),
        ("203.0.113.9", {"x_forwarded_for": "1.2.3.4"}, "203.0.113.9"),
        ("203.0.113.9", {"cf_connecting_ip": "1.2.3.4"}, "203.0.113.9"),
        ("127.0.0.1", {"x_forwarded_for": "6.6.6.6, 1.2.3.4"}, "1.2.3.4"),
        ("100.64.3.4", {"x_forwarded_for": "6.6.6.6, 1.2.3.4"}, "1.2.3.4"),
        ("172.17.0.1", {}, "172.17.0.1"),
        ("::1", {}, "::1"),
    ],
)
def test_the_address_is_the_peers_unless_a_neighbour_forwards(
    peer: str, headers: dict[str, str], address: str
) -> None:
    assert address_of(connection(peer, {}, **headers)) == address


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({}, "1.2.3.4"),
        ({"STUDIO_BEHIND_CLOUDFLARE": "true"}, "5.5.5.5"),
        ({"CLOUDFLARE_TUNNEL_TOKEN": "a-token"}, "5.5.5.5"),
        ({"RUNPOD_POD_ID": "abc123"}, "5.5.5.5"),
        ({"RUNPOD_POD_ID": "abc123", "STUDIO_BEHIND_CLOUDFLARE": "false"}, "1.2.3.4"),
    ],
)
def test_cloudflares_header_is_believed_only_where_cloudflare_is_in_front(
    env: dict[str, str], address: str
) -> None:
    headers = {"cf_connecting_ip": "5.5.5.5", "x_forwarded_for": "6.6.6.6, 1.2.3.4"}
    assert address_of(connection("10.0.0.7", env, **headers)) == address
    assert address_of(connection("203.0.113.9", env, **headers)) == "203.0.113.9"


async def test_waits_double_and_end(database: Database, settings: Settings) -> None:
    subject = (ACCOUNT, "someone@example.org")
    waits = []
    for _ in range(ACCOUNT.free + 4):
        await count_attempt(database, settings, subject)
        async with database.transaction(Scope.nobody()) as tx:
            row = await tx.fetch_one(
                "SELECT extract(epoch FROM blocked_until - now())::float8 AS wait_s FROM throttles "
                "WHERE key = %(key)s",
                {"key": key_of(settings, *subject)},
            )
            waits.append(row["wait_s"] if row else None)
            # As if the wait were over.
            await tx.execute(
                "UPDATE throttles SET blocked_until = blocked_until - interval '1 hour' WHERE key = %(key)s",
                {"key": key_of(settings, *subject)},
            )
    assert waits[: ACCOUNT.free - 1] == [None] * (ACCOUNT.free - 1)
    assert [round(wait) for wait in waits[ACCOUNT.free - 1 :] if wait] == [1, 2, 4, 8, 16]


async def test_an_attempt_while_waiting_does_not_lengthen_the_wait(
    database: Database, settings: Settings
) -> None:
    subject = (ACCOUNT, "other@example.org")
    for _ in range(ACCOUNT.free):
        await count_attempt(database, settings, subject)
    refusals = []
    for _ in range(5):
        with pytest.raises(SlowDown) as refusal:
            await count_attempt(database, settings, subject)
        refusals.append(int(refusal.value.headers["Retry-After"]))
    assert max(refusals) <= 2


async def test_old_sessions_and_keys_are_forgotten(
    app: Edge, database: Database, client: httpx.AsyncClient
) -> None:
    await client.post("/api/v1/auth/login", json={"email": "ghost@example.org", "password": "x"})
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("UPDATE throttles SET last_failure_at = now() - interval '2 days'")
        await tx.execute(
            "UPDATE sessions SET revoked_at = now() - interval '8 days' WHERE id = "
            "(SELECT id FROM sessions ORDER BY id LIMIT 1)"
        )
    state = app.litestar.state
    await forget_ended(
        Parts(
            settings=state.settings,
            database=state.database,
            engine=state.engine,
            blobs=state.blobs,
            bus=state.bus,
        )
    )
    async with database.transaction(Scope.system()) as tx:
        assert await tx.fetch_value("SELECT count(*) FROM throttles") == 0
        assert not await tx.fetch_value(
            "SELECT count(*) FROM sessions WHERE revoked_at < now() - interval '7 days'"
        )
