"""What every answer carries, whoever made it: ids, headers, problem details; and what HEAD and CORS get."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar, get
from litestar.datastructures import State

from app.flow.complaints import MAX_COMPLAINTS
from app.kit.errors import Complaint, Conflict
from app.kit.settings import Settings
from app.kit.tally import Tally
from app.resources.accounts.guards import public
from app.resources.accounts.roles import Role
from app.resources.workflows.samples import document
from app.server.application import create_app
from app.server.edge import Edge
from app.server.problems import answer
from app.server.ui_files import UiFiles
from app.store.database import Database
from tests.lifespan import running
from tests.people import ORIGIN, People, gathering, problem


class KettleBoiling(Conflict):
    """The kettle is boiling; wait for it."""


@get("/api/bug", guards=[public()])
async def bug() -> None:
    raise ZeroDivisionError("the secret is Sesame")


@get("/api/kettle", guards=[public()])
async def kettle() -> None:
    raise KettleBoiling(
        remedy="Have some patience.",
        complaints=[Complaint(message="too hot", field="water")],
        headers={"Retry-After": "3"},
        celsius=99,
    )


@asynccontextmanager
async def calling(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that only has faults."""
    api = Litestar(
        [bug, kettle],
        exception_handlers={Exception: answer},
        state=State({"settings": settings}),
        openapi_config=None,
        logging_config=None,
    )
    app = Edge(api, UiFiles(settings.workspace / "nothing"), Tally())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@pytest_asyncio.fixture
async def faulty(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(settings) as client:
        yield client


@pytest.mark.parametrize(("debug", "kind"), [(False, None), (True, "ZeroDivisionError")])
async def test_a_bug_tells_the_person_an_id_and_under_debug_its_kind(
    settings: Settings, debug: bool, kind: str | None
) -> None:
    async with calling(msgspec.structs.replace(settings, debug=debug)) as faulty:
        response = await faulty.get("/api/bug")
    found = problem(response, 500)
    assert "Sesame" not in response.text
    assert found.get("exception") == kind
    assert found["request_id"] == response.headers["x-request-id"]


async def test_an_error_of_the_house_keeps_all_it_says(faulty: httpx.AsyncClient) -> None:
    response = await faulty.get("/api/kettle")
    found = problem(response, 409)
    assert found["type"] == "urn:studio:problem:kettle-boiling"
    assert found["title"] == "Kettle boiling"
    assert found["detail"] == "The kettle is boiling; wait for it."
    assert found["remedy"] == "Have some patience."
    assert found["complaints"] == [{"message": "too hot", "field": "water"}]
    assert found["celsius"] == 99
    assert response.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/workflows/no-id", 404),
        ("DELETE", "/api/v1/workflows", 405),
        ("POST", "/", 405),
        ("GET", "/missing.js", 404),
        ("GET", "/api/v1/workflows", 401),
    ],
)
async def test_every_refusal_is_a_problem_with_the_usual_headers(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    problem(response, status)
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-request-id"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    if status == 405:
        assert headers["allow"]
    if status == 401:
        assert headers["www-authenticate"].startswith("Bearer")


async def test_values_of_the_wrong_shape_are_named_one_by_one(people: People) -> None:
    client = (await people.member(Role.editor)).client
    missing = problem(await client.post("/api/v1/workflows", json={}), 422)
    assert missing["complaints"] == [{"field": "definition", "message": "“definition” is missing."}]
    new = {"email": "no address", "name": "No", "role": "viewer", "password": "long enough"}
    unfit = problem(await (await people.member(Role.owner)).client.post("/api/v1/members", json=new), 422)
    assert unfit["complaints"] == [{"field": "email", "message": "“email” has not the right form."}]
    nothing = problem(await client.post("/api/v1/workflows"), 422)
    assert nothing["complaints"] == [{"message": "This call wants a JSON body."}]
    wrong = problem(await client.post("/api/v1/workflows", json={"definition": {}, "name": 5}), 422)
    assert wrong["complaints"][0]["field"] == "name"
    broken = await client.post(
        "/api/v1/workflows", content=b"{nope", headers={"content-type": "application/json"}
    )
    problem(broken, 400)
    huge = await client.post("/api/v1/workflows", json={"definition": {"note": "x" * 17_000_000}})
    problem(huge, 413)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"definition": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
        (b'{"definition": {}, "name": "nul \\u0000 inside"}', 422),
        (b'{"definition": {}, "name": "half a pair \\ud800"}', 400),
        (b'{"definition": {}, "name": "\xff"}', 400),
        (b'{"definition": 1e999}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b"", 422),
    ],
)
async def test_a_hostile_body_is_a_complaint_and_no_bug(people: People, body: bytes, status: int) -> None:
    client = (await people.member(Role.editor)).client
    headers = {"content-type": "application/json"}
    problem(await client.post("/api/v1/workflows", content=body, headers=headers), status)


async def test_a_compressed_body_is_refused_as_what_it_is(people: People) -> None:
    client = (await people.member(Role.editor)).client
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = await client.post("/api/v1/workflows", content=bomb, headers=headers)
    assert "without compression" in problem(answer, 400)["detail"]


async def test_a_refusal_has_as_many_complaints_as_somebody_reads(people: People) -> None:
    client = (await people.member(Role.editor)).client
    saved = await client.post("/api/v1/workflows", json={"definition": document()})
    body = {"workflow_id": saved.json()["id"], "inputs": dict.fromkeys(map(str, range(5_000)), 1)}
    found = problem(await client.post("/api/v1/instances", json=body), 422)
    assert len(found["complaints"]) == MAX_COMPLAINTS + 2
    assert "mistakes more" in found["complaints"][-1]["message"]


async def test_a_caller_who_hangs_up_is_no_fault_of_ours(people: People) -> None:
    person = await people.member(Role.editor)
    app, path = person.client._transport.app, "/api/v1/workflows"  # type: ignore[attr-defined]  # the base's type
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    headers = {**dict(person.client.headers), "host": "studio.test", "content-type": "application/json"}
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("198.51.100.7", 1),
        "server": ("studio.test", 80),
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_character_that_cannot_be_stored_is_named_as_such(people: People) -> None:
    client = (await people.member(Role.owner)).client
    new = {"email": "x@example.org", "name": "a\0b", "role": "viewer", "password": "long enough"}
    assert "null character" in problem(await client.post("/api/v1/members", json=new), 422)["detail"]


async def test_a_sane_request_id_of_the_caller_is_kept(client: httpx.AsyncClient) -> None:
    kept = await client.get("/livez", headers={"x-request-id": "proxy-1234567"})
    assert kept.headers["x-request-id"] == "proxy-1234567"
    replaced = await client.get("/livez", headers={"x-request-id": "a b<script>"})
    assert "<" not in replaced.headers["x-request-id"]


async def test_head_is_answered_like_get_without_the_body(people: People) -> None:
    client = (await people.member()).client
    got, head = await client.get("/api/v1/workflows"), await client.head("/api/v1/workflows")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_pages_of_other_origins_get_nothing_unless_named(
    client: httpx.AsyncClient, settings: Settings, database: Database
) -> None:
    preflight = {
        "origin": "https://friend.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    closed = await client.options("/api/v1/workflows", headers=preflight)
    assert "access-control-allow-origin" not in closed.headers
    named = msgspec.structs.replace(settings, cors_origins=("https://friend.example",))
    app = create_app(named)
    async with running(app), gathering(app, database, named) as people:
        friend = people.stranger()
        opened = await friend.options("/api/v1/workflows", headers=preflight)
        assert opened.headers["access-control-allow-origin"] == "https://friend.example"
        assert opened.headers["access-control-allow-credentials"] == "true"
        preflight["origin"] = "https://stranger.example"
        refused = await friend.options("/api/v1/workflows", headers=preflight)
        assert "access-control-allow-origin" not in refused.headers


async def test_the_docs_come_from_here_alone_and_need_a_sign_in(
    people: People, client: httpx.AsyncClient
) -> None:
    problem(await client.get("/api/v1/docs"), 401)
    problem(await client.get("/api/v1/schema"), 401)
    viewer = (await people.member(Role.viewer)).client
    schema = (await viewer.get("/api/v1/schema")).json()
    assert schema["openapi"].startswith("3.")
    page = (await viewer.get("/api/v1/docs")).text
    assert "<script" not in page
    assert "//" not in page.replace("http://", "").split("<style>")[0]
    for path in schema["paths"]:
        assert path in page
