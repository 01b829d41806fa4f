"""Whether a box that has just taken a volume over works: it is used as a person would use it.

Somebody who exists for this alone signs in, runs one small step on each lane that this box serves, and is
gone again with everything they made. The steps are the hidden ones of the tests: they need no files, no
models and no network.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from app.admin.tools import Tools
from app.flow.messages import Lane
from app.kit.backups import Backups
from app.kit.crypto import new_token
from app.kit.ids import new_id
from app.resources.accounts import model as accounts
from app.resources.accounts.roles import Role
from app.resources.auth.passwords import hash_password
from app.resources.workers import model as workers
from app.resources.workflows import service as workflows
from app.resources.workflows.schemas import NewWorkflow
from app.steps.discovery import catalog
from app.store.database import Scope

PATIENCE_S: Final = 180.0  # workers begin after the API, and a torch child takes its time on a cold disk
AGAIN_S: Final = 0.1
DOMAIN: Final = "canary.invalid"  # reserved: no person has such an address (RFC 2606)
KINDS: Final[Mapping[Lane, str]] = {Lane.cpu: "debug.work", Lane.gpu: "debug.gpu_work"}
ENDED: Final = frozenset({"completed", "failed", "cancelled"})


class Canary(msgspec.Struct, frozen=True):
    """What came of it. `is_whole`: everything this box serves was tried; a skip is no pass."""

    failure: str | None
    cpu: str
    gpu: str
    is_whole: bool


class _Wrong(Exception):
    """Something did not work; the text is a sentence."""


async def try_out(tools: Tools) -> Canary:
    """Sign in and run; what did not work is in the answer."""
    said = dict.fromkeys((Lane.cpu, Lane.gpu), "not tried")
    try:
        await _forget(tools)
        token = await _sign_in(tools)
        async with _client(tools, token) as client:
            for lane in said:
                said[lane] = await _skip(tools, lane) or await _run(tools, client, lane)
        failure = None
    except _Wrong as exc:
        failure = str(exc)
    except httpx.HTTPError as exc:
        failure = f"The API does not answer as it should ({type(exc).__name__})."
    finally:
        await _forget(tools)
    is_whole = failure is None and not any(word.startswith("not tried") for word in said.values())
    return Canary(failure, said[Lane.cpu], said[Lane.gpu], is_whole)


async def _sign_in(tools: Tools) -> str:
    """Make somebody, and sign them in at the API; their access token."""
    email, password = f"{new_id().hex}@{DOMAIN}", new_token("canary")
    hashed = await hash_password(password)
    async with tools.database.transaction(Scope.organization(new_id())) as tx:
        organization = await accounts.add_organization(tx, "Canary")
        user = await accounts.add_user(tx, email=email, name="Canary", password_hash=hashed)
        await accounts.add_membership(tx, organization.id, user.id, Role.owner)
    async with _client(tools) as client:
        answer = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
    return str(_judged(answer, "Nobody can sign in")["access_token"])


async def _run(tools: Tools, client: httpx.AsyncClient, lane: Lane) -> str:
    """Run one step on this lane to its end."""
    began = time.monotonic()
    me = _judged(await client.get("/api/v1/auth/me"), "The session is not known")
    document = {
        "schema": 1,
        "name": "Canary",
        "nodes": [{"id": "work", "type": KINDS[lane], "with": {"value": 7}}],
        "outputs": {"value": "{{ steps.work.outputs.value }}"},
    }
    async with tools.database.transaction(Scope.organization(me["organization"]["id"])) as tx:
        workflow = await workflows.create(tx, catalog(), NewWorkflow(definition=document), created_by=None)
    begun = await client.post("/api/v1/instances", json={"workflow_id": str(workflow.id), "inputs": {}})
    instance = _judged(begun, "No workflow can be started")
    while instance["status"] not in ENDED:
        if time.monotonic() - began > PATIENCE_S:
            raise _Wrong(f"A step of the {lane} lane was not done within {PATIENCE_S:.0f} s.")
        await asyncio.sleep(AGAIN_S)
        found = await client.get(f"/api/v1/instances/{instance['id']}")
        instance = _judged(found, "An instance cannot be looked at")
    if instance["status"] != "completed" or instance["outputs"] != {"value": 7}:
        raise _Wrong(f"A step of the {lane} lane ended as {instance['status']} with {instance['outputs']}.")
    return f"ran in {time.monotonic() - began:.1f} s"


async def _skip(tools: Tools, lane: Lane) -> str | None:
    """Why nothing is run on this lane, None when something is."""
    settings = tools.settings
    if f"worker-{lane}" not in settings.roles:
        return "not served by this box"
    if Backups(settings.workspace).is_held():
        return "not tried: the box was restored and holds its work back"
    async with tools.database.transaction(Scope.nobody()) as tx:
        closed = await tools.engine.closed_lanes(tx)
    if lane in closed:
        return f"not tried: {closed[lane]}"
    if lane is Lane.gpu and not await _has_card(tools):
        return "no card here"
    return None


async def _has_card(tools: Tools) -> bool:
    """Whether the worker of this box that serves the GPU lane sees a card; waits until there is one."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        async with tools.database.transaction(Scope.system()) as tx:
            for worker in await workers.list_present(tx):
                if worker.is_alive and any(one.lane is Lane.gpu for one in worker.lanes):
                    return bool(worker.gpus)
        await asyncio.sleep(AGAIN_S)
    raise _Wrong(f"No worker of the gpu lane has come within {PATIENCE_S:.0f} s.")


async def _forget(tools: Tools) -> None:
    """Take everybody away who was made for this, with all that is theirs; a killed canary left some."""
    mine = {"mine": f"%@{DOMAIN}"}
    async with tools.database.transaction(Scope.system()) as tx:
        await tx.execute(
            "DELETE FROM organizations WHERE id IN (SELECT m.organization_id FROM memberships m "
            "JOIN users u ON u.id = m.user_id WHERE u.email LIKE %(mine)s)",
            mine,
        )
        await tx.execute("DELETE FROM users WHERE email LIKE %(mine)s", mine)


def _client(tools: Tools, token: str | None = None) -> httpx.AsyncClient:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=tools.settings.local_url, headers=headers, timeout=30, trust_env=False)


def _judged(answer: httpx.Response, complaint: str) -> dict[str, Any]:
    if not answer.is_success:
        raise _Wrong(f"{complaint}: {answer.request.url.path} answers {answer.status_code}.")
    found: dict[str, Any] = answer.json()
    return found
