"""Every change that a person makes over HTTP leaves an entry, but for those named here with their reason.

Routes come from the application, acts from the rooms: a new one of either fails here until it is made once.
"""

from collections.abc import Iterator
from typing import Final

import httpx
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from app.kit.backups import Backups, Hold
from app.kit.clock import now
from app.kit.passport import Seen
from app.kit.settings import Settings
from app.resources.accounts.guards import Guard, Hook, Worker, WorkerSecret
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import REFRESH_COOKIE
from app.resources.audit.record import Act
from app.resources.discovery import room_modules
from app.server.edge import Edge
from app.store.database import Database, Scope
from appliance import passport
from tests.asking import answer, approve, begin, step_of
from tests.engine.world import node
from tests.entries import entries, made
from tests.house.test_routes import handlers
from tests.people import PASSWORD, People, Person

DEFINITION = {
    "schema": 1,
    "name": "Said",
    "nodes": [{"id": "said", "type": "core.set", "with": {"value": "hello"}}],
}
LOUDER = {**DEFINITION, "nodes": [{"id": "said", "type": "core.set", "with": {"value": "HELLO"}}]}
# Done by no route, or once in a box's life: their tests are beside them.
ELSEWHERE: Final = {"box.claimed", "account.password_reset", "lane.scaled"}

_LOOKS = "it only looks; nothing is written"
_OWN_ROW = "the file's own row says who brought it and when; that it was deleted leaves an entry"
_OWN_EVENTS = "the run's own row and events say who and when"
EXCEPT: Final = {
    "validateWorkflow": _LOOKS,
    "planInstance": _LOOKS,
    "planRerun": _LOOKS,
    "previewRetention": _LOOKS,
    "previewSchedule": _LOOKS,
    "uploadAsset": _OWN_ROW,
    "startUpload": _OWN_ROW,
    "uploadPiece": _OWN_ROW,
    "finishUpload": _OWN_ROW,
    "giveUpUpload": _OWN_ROW,
    "startInstance": _OWN_EVENTS,
    "cancelInstance": _OWN_EVENTS,
    "pauseInstance": _OWN_EVENTS,
    "resumeInstance": _OWN_EVENTS,
    "cancelStep": _OWN_EVENTS,
    "retryInstance": _OWN_EVENTS,
    "rerunStep": "a rerun; giving values by hand leaves an entry either way",
    "refreshSession": "it goes on with a sign-in, every quarter of an hour; misuse leaves an entry",
    "markNotificationsSeen": "how far a person has read is nobody else's",
    "claimBox": "once in a box's life; its test is beside it",
}
# Programs, not people: what they do stands in the events of runs and in the deliveries of webhooks.
PROGRAMS: Final = (Hook, Worker, WorkerSecret)
WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}


class Witness:
    """Sees the calls of some clients, and whether an entry was there after each."""

    def __init__(self, app: Edge, database: Database, person: Person) -> None:
        self._database = database
        self._organization_id = person.organization_id
        self._entries = 0
        self._told: set[str] = set()
        self._routes = {
            (method, path): handler
            for method, path, _, handler in handlers(app)
            if method in WRITES and not isinstance(_guard(handler), PROGRAMS)
        }
        self._litestar = app.litestar

    def watch(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """This client's calls, too."""
        client.event_hooks["response"].append(self._see)
        return client

    def unseen(self) -> list[str]:
        """The changes that were not made, or left no entry, and that nobody excused."""
        names = {_name(handler) for handler in self._routes.values()}
        assert set(EXCEPT) <= names, f"no route is named {set(EXCEPT) - names}"
        assert not self._told & set(EXCEPT), f"{self._told & set(EXCEPT)} need no excuse"
        return sorted(names - self._told - set(EXCEPT))

    async def _see(self, response: httpx.Response) -> None:
        before, self._entries = self._entries, await self._count()
        request = response.request
        if request.method in WRITES and response.is_success and self._entries > before:
            self._told |= {
                _name(handler)
                for (method, path), handler in self._routes.items()
                if method == request.method and _fits(path, request.url.path)
            }

    async def _count(self) -> int:
        """A refused sign-in is written behind its answer, and would be taken for another's."""
        async with self._database.transaction(Scope.organization(self._organization_id)) as tx:
            return int(
                await tx.fetch_value(
                    "SELECT count(*) FROM audit_entries WHERE organization_id = %(organization)s "
                    "AND action <> 'account.sign_in_refused'",
                    {"organization": self._organization_id},
                )
            )


def _guard(handler: HTTPRouteHandler) -> Guard:
    (guard,) = [one for one in handler.resolve_guards() if isinstance(one, Guard)]
    return guard


def _name(handler: HTTPRouteHandler) -> str:
    return str(handler.operation_id)


def _fits(template: str, path: str) -> bool:
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(
        one.startswith("{") or one == other for one, other in zip(wanted, given, strict=True)
    )


@pytest.fixture
def backups(settings: Settings) -> Iterator[Backups]:
    """A volume with its passport, as a boot leaves it."""
    path = passport.path_of(settings)
    before = path.read_bytes() if path.exists() else None
    passport.stamp(settings, passport.read(settings))
    found = Backups(settings.workspace)
    yield found
    found.release()
    for wish in found.wished():
        (found.wishes / wish).unlink()
    if before is None:
        path.unlink()


def every_act() -> Iterator[Act]:
    """Those that the rooms name."""
    for module in room_modules("acts"):
        for value in vars(module).values():
            named = value.values() if isinstance(value, dict) else (value,)
            yield from (one for one in named if isinstance(one, Act))


async def test_every_change_leaves_an_entry_and_every_act_is_one_of_them(
    app: Edge, people: People, database: Database, backups: Backups, settings: Settings
) -> None:
    chief = await people.member(Role.owner, is_super_admin=True, has_password=True)
    witness = Witness(app, database, chief)
    do = witness.watch(chief.client)
    kit = made(await do.post("/api/v1/backups/kit", json={"password": PASSWORD}))
    made(await do.post("/api/v1/backups/kit/confirm", json={"text": kit["text"]}))
    workflow = made(await do.post("/api/v1/workflows", json={"definition": DEFINITION}))
    path = f"/api/v1/workflows/{workflow['id']}"
    made(await do.patch(path, json={"description": "Says it."}))
    made(await do.put(f"{path}/definition", json={"definition": LOUDER, "publish": False}))
    made(await do.post(f"{path}/versions/1/restore"))
    made(await do.post(f"{path}/versions/1/publish"))
    made(await do.post("/api/v1/workflows/import", json=DEFINITION))
    run = made(await do.post("/api/v1/instances", json={"workflow_id": workflow["id"]}))
    made(
        await do.post(
            f"/api/v1/instances/{run['id']}/rerun", json={"outputs": {"said": {"value": "goodbye"}}}
        )
    )
    plan = {"workflow_id": workflow["id"], "name": "Daily", "timing": {"kind": "every", "seconds": 86_400}}
    schedule = made(await do.post("/api/v1/schedules", json=plan))
    made(await do.patch(f"/api/v1/schedules/{schedule['id']}", json={"is_enabled": False}))
    made(await do.post(f"/api/v1/schedules/{schedule['id']}/run"))
    made(await do.delete(f"/api/v1/schedules/{schedule['id']}"))
    hook = made(
        await do.post(
            "/api/v1/webhooks",
            json={"workflow_id": workflow["id"], "name": "Door", "auth": {"kind": "header", "name": "X-Key"}},
        )
    )
    made(await do.patch(f"/api/v1/webhooks/{hook['id']}", json={"secret": "a secret nobody may read"}))
    made(await do.post(f"/api/v1/webhooks/{hook['id']}/rotate"))
    trial = made(await do.post(f"/api/v1/webhooks/{hook['id']}/test", json={}))
    made(await do.post(f"/api/v1/webhooks/{hook['id']}/deliveries/{trial['id']}/replay"))
    made(await do.delete(f"/api/v1/webhooks/{hook['id']}"))
    made(await do.delete(path))
    asset = made(await do.post("/api/v1/assets", files={"file": ("notes.txt", b"hello")}))
    made(await do.delete(f"/api/v1/assets/{asset['id']}"))
    await try_members(people, chief)
    made(await do.patch(f"/api/v1/organizations/{chief.organization_id}", json={"max_running_steps": 4}))
    made(await do.put("/api/v1/retention", json={"instances_days": 90, "details_days": 7}))
    made(await do.post("/api/v1/retention/run"))
    await try_box(chief, backups, settings)
    await try_questions(chief)
    await try_channels(chief)
    await try_sign_ins(people, chief, witness)
    found = await entries(chief, limit=200)
    assert {one["action"] for one in found} == {act.name for act in every_act()} - ELSEWHERE
    assert witness.unseen() == [], "a change that leaves no entry, or that nobody made here"
    assert "nobody may read" not in str(found)
    words = {one["action"]: one["words"] for one in found}
    assert words["workflow.published"] == "let version 1 of “Said” run from now on"
    assert words["webhook.changed"] == "changed the webhook “Door”: secret"
    assert words["workflow.drafted"] == "saved version 2 of “Said” as a draft"
    assert words["run.edited"] == f"gave values by hand to said of run {run['number'] + 1}"
    assert [one["action"] for one in found].count("account.signed_out") == 1, "once is enough"
    assert words["workflow.changed"] == "changed the workflow “Said”: description"
    assert words["run.answered"] == "answered “ask” of run 1"
    assert words["channel.changed"] == "changed the channel “Bell”: is_enabled"
    assert words["maintenance.announced"] == "announced maintenance, in 600 s"
    for one in found:
        assert one["actor_id"] == str(chief.user_id)
        assert one["address"] == "198.51.100.7"


async def try_members(people: People, chief: Person) -> None:
    other = await people.member(Role.viewer, chief.organization_id)
    path = f"/api/v1/members/{other.user_id}"
    made(await chief.client.patch(path, json={"role": "editor"}))
    made(await chief.client.delete(path))
    made(await chief.client.post("/api/v1/members", json={"email": other.email, "role": "viewer"}))


async def try_box(chief: Person, backups: Backups, settings: Settings) -> None:
    do = chief.client
    made(await do.put("/api/v1/maintenance", json={"in_s": 600}))
    made(await do.delete("/api/v1/maintenance"))
    made(await do.post("/api/v1/infrastructure/lanes/gpu/drain"))
    made(await do.post("/api/v1/infrastructure/lanes/gpu/resume"))
    made(await do.post("/api/v1/retention/bytes/collect"))
    made(await do.post("/api/v1/backups"))
    made(await do.post("/api/v1/backups/drill"))
    hold = Hold(restored_at=now(), moment=now(), snapshot="1234abcd")
    backups.hold_marker.write_bytes(msgspec.json.encode(hold))
    made(await do.post("/api/v1/backups/release"))
    box = passport.read(settings)
    assert box is not None
    passport.note_seen(settings, box, Seen(version="1.0.0", since=now(), former="0.9.0"))
    made(await do.post("/api/v1/infrastructure/upgrades/healthy"))
    passport.replace(settings, box)


async def try_questions(chief: Person) -> None:
    run = await begin(chief.client, approve())
    made(await answer(chief.client, run, await step_of(chief.client, run), {"decision": "approved"}))
    run = await begin(chief.client, node("ask", "core.set", with_={"value": 1}, mode="stop"))
    step = await step_of(chief.client, run)
    made(await chief.client.post(f"/api/v1/instances/{run['id']}/steps/{step['id']}/start"))


async def try_channels(chief: Person) -> None:
    path = "/api/v1/notification-channels"
    hook = {"name": "Bell", "way": {"kind": "webhook"}, "secret": "not even an address nobody may read"}
    channel = made(await chief.client.post(path, json=hook))["id"]
    made(await chief.client.patch(f"{path}/{channel}", json={"is_enabled": False}))
    made(await chief.client.post(f"{path}/{channel}/test"))
    made(await chief.client.delete(f"{path}/{channel}"))


async def try_sign_ins(people: People, chief: Person, witness: Witness) -> None:
    browser = witness.watch(people.stranger())
    wrong = {"email": chief.email, "password": "not this one at all"}
    assert (await browser.post("/api/v1/auth/login", json=wrong)).status_code == 401
    made(await browser.post("/api/v1/auth/login", json={**wrong, "password": PASSWORD}))
    stolen = browser.cookies[REFRESH_COOKIE]
    made(await browser.post("/api/v1/auth/refresh"))
    thief = people.stranger({"cookie": f"{REFRESH_COOKIE}={stolen}"})
    assert (await thief.post("/api/v1/auth/refresh")).status_code == 401
    again = witness.watch(people.stranger())
    made(await again.post("/api/v1/auth/login", json={**wrong, "password": PASSWORD}))
    leaving = witness.watch(people.stranger())
    made(await leaving.post("/api/v1/auth/login", json={**wrong, "password": PASSWORD}))
    made(await leaving.post("/api/v1/auth/logout"))
    made(await leaving.post("/api/v1/auth/logout"))
    sessions = made(await chief.client.get("/api/v1/auth/sessions"))["items"]
    other = next(one["id"] for one in sessions if not one["is_current"])
    made(await chief.client.delete(f"/api/v1/auth/sessions/{other}"))
    change = {"current": PASSWORD, "new": "another horse battery staple"}
    made(await chief.client.post("/api/v1/auth/password", json=change))
