"""Walks every route × (nobody, another organization, each role): what its guard says is what happens.

Nothing is listed here: routes come from the application, expectations from their guards, bodies from the
OpenAPI document. A route whose guard or parameters this file cannot read fails.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute, WebSocketRoute

from app.resources.accounts.guards import Guard, Hook, Public, Requires, SuperAdmin, Worker, WorkerSecret
from app.resources.accounts.roles import Role
from app.resources.openapi import document
from app.resources.workflows.samples import document as sample_document
from app.server.edge import Edge
from tests.people import People, Person, problem

REFUSALS = {
    "not-signed-in",
    "sign-in-ended",
    "not-a-member",
    "role-too-low",
    "not-super-admin",
    "worker-unknown",
    "wrong-worker-secret",
}


class Call(msgspec.Struct, frozen=True):
    """One method of one route."""

    method: str
    path: str
    parameters: dict[str, Any]  # names of the path's parameters, each with a value of its type
    guard: Guard
    in_schema: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def handlers(app: Edge) -> Iterator[tuple[str, str, dict[str, Any], HTTPRouteHandler]]:
    """Method, path, its parameters and the handler, for every HTTP call there is."""
    for route in app.litestar.routes:
        if isinstance(route, HTTPRoute):
            nothing = {
                name: 10**6 if one.type is int else UUID(int=0) for name, one in route.path_parameters.items()
            }
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":
                    yield method, route.path_format, nothing, handler


def calls(app: Edge) -> list[Call]:
    """Every HTTP call with its guard; those without exactly one fail."""
    found = []
    for method, path, parameters, handler in handlers(app):
        guards = [guard for guard in handler.resolve_guards() if isinstance(guard, Guard)]
        assert len(guards) == 1, (
            f"{method} {path} must carry exactly one guard of app.resources.accounts.guards"
        )
        found.append(Call(method, path, parameters, guards[0], bool(handler.resolve_include_in_schema())))
    return found


def refused(answer: httpx.Response) -> str | None:
    """The name of the guard's refusal, None when the call reached its handler."""
    if answer.status_code not in (401, 403):
        return None
    if answer.request.method == "HEAD":
        return "not-signed-in" if answer.status_code == 401 else "role-too-low"  # no body to tell which
    name = str(answer.json()["type"]).removeprefix("urn:studio:problem:")
    return name if name in REFUSALS else None


def test_every_route_carries_exactly_one_guard(app: Edge) -> None:
    assert len(calls(app)) > 30
    for route in app.litestar.routes:
        if isinstance(route, WebSocketRoute):
            guards = [one for one in route.route_handler.resolve_guards() if isinstance(one, Guard)]
            assert len(guards) == 1, f"the WebSocket {route.path} must carry exactly one guard"


def test_every_public_operation_of_the_document_is_known_by_its_name(app: Edge) -> None:
    operations = [one for item in document()["paths"].values() for one in item.values()]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for one in operations:
        assert one["operationId"].isidentifier(), one["operationId"]
        assert one["summary"], one["operationId"]
        assert one["x-studio-access"] != "unguarded", one["operationId"]


def expected(guard: Guard, role: Role | None, *, is_super_admin: bool = False) -> str | None:
    """What the guard says to someone with this role (None: nobody), in the words of its refusal."""
    match guard:
        case Public() | Hook():
            return None
        case Requires():
            if role is None:
                return "not-signed-in"
            return None if role.covers(guard.role) else "role-too-low"
        case SuperAdmin():
            if role is None:
                return "not-signed-in"
            return None if is_super_admin else "not-super-admin"
        case Worker():
            return "not-signed-in" if role is None else "worker-unknown"
        case WorkerSecret():
            return "wrong-worker-secret"
        case _:
            raise AssertionError(f"{type(guard).__name__} has no expectation here; add one")


async def test_each_role_may_do_what_the_guard_says_and_nothing_more(app: Edge, people: People) -> None:
    organization = await people.organization()
    members = [await people.member(role, organization) for role in Role]
    chief = await people.member(Role.viewer, organization, is_super_admin=True)
    actors: list[tuple[Role | None, bool, httpx.AsyncClient]] = [
        (None, False, people.stranger()),
        *((member.role, False, member.client) for member in members),
        (Role.viewer, True, chief.client),
    ]
    wrong = []
    for call in calls(app):
        if call.path == "/api/v1/auth/logout":
            continue  # it would sign the actor out, and its tests are beside it
        path = call.path.format(**call.parameters)
        for role, is_super_admin, client in actors:
            answer = await client.request(call.method, path)
            want = expected(call.guard, role, is_super_admin=is_super_admin)
            said = bool(refused(answer)) == bool(want) if call.method == "HEAD" else refused(answer) == want
            if not said or answer.status_code >= 500:
                wrong.append(f"{call} as {role or 'nobody'}: {answer.status_code} {answer.text}, not {want}")
    assert not wrong, "\n".join(wrong)


async def test_another_organization_finds_nothing_under_any_address(app: Edge, people: People) -> None:
    owner = await people.member(Role.owner)
    other = await people.member(Role.owner)
    belongings = await furnish(owner)
    looked_at = 0
    for call in calls(app):
        if not call.parameters or not call.in_schema:
            continue
        missing = set(call.parameters) - set(belongings)
        assert not missing, f"{call}: furnish() below does not make a thing for {missing}"
        path = call.path.format(**belongings)
        answer = await send(other.client, call, path)
        assert answer.status_code == 404, (
            f"{call} as another organization: {answer.status_code} {answer.text}"
        )
        looked_at += 1
    assert looked_at > 10
    for call in calls(app):
        if call.parameters and call.in_schema and call.method == "GET":
            answer = await send(owner.client, call, call.path.format(**belongings))
            assert answer.status_code == 200, f"{call} as its owner: {answer.status_code} {answer.text}"


async def test_lists_of_another_organization_are_empty(app: Edge, people: People) -> None:
    owner = await people.member(Role.owner)
    other = await people.member(Role.owner)
    await furnish(owner)
    for call in calls(app):
        if call.method == "GET" and not call.parameters and isinstance(call.guard, Requires):
            answer = await other.client.get(call.path)
            if not answer.headers.get("content-type", "").startswith("application/json"):
                continue
            for item in answer.json().get("items", []) if isinstance(answer.json(), dict) else []:
                assert str(owner.organization_id) not in str(item)
                assert str(owner.user_id) not in str(item), f"{call} shows {item}"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing", "/internal/v1/nothing"])
async def test_an_address_that_is_none_is_a_problem_and_no_page(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), 404)
    problem(await client.post(path), 404)


async def furnish(owner: Person) -> dict[str, str]:
    """One thing of each kind in the owner's organization, by the name of its path parameter."""
    client = owner.client
    workflow = (await client.post("/api/v1/workflows", json={"definition": instant_document()})).json()
    asset = (await client.post("/api/v1/assets", files={"file": ("note.txt", b"kept here")})).json()
    upload = (await client.post("/api/v1/assets/uploads", json={"name": "film.mp4", "size_bytes": 9})).json()
    session = (await client.get("/api/v1/auth/sessions")).json()["items"][0]
    daily = {"kind": "every", "seconds": 86_400}
    plan = {"workflow_id": workflow["id"], "name": "Daily", "timing": daily}
    schedule = (await client.post("/api/v1/schedules", json=plan)).json()
    await client.post(f"/api/v1/schedules/{schedule['id']}/run")
    belongings = {
        "workflow_id": workflow["id"],
        "schedule_id": schedule["id"],
        "number": "1",
        "other": "1",
        "asset_id": asset["id"],
        "upload_id": upload["id"],
        "session_id": session["id"],
        "user_id": str(owner.user_id),
    }
    started = await client.post("/api/v1/instances", json={"workflow_id": workflow["id"], "inputs": {}})
    if started.status_code == 201:
        instance = started.json()["id"]
        steps = (await client.get(f"/api/v1/instances/{instance}/steps")).json()["items"]
        belongings |= {"instance_id": instance, "step_id": steps[0]["id"]}
    return belongings


def instant_document() -> dict[str, Any]:
    """A workflow that has ended by the time its start is answered."""
    node = {"id": "word", "type": "core.set", "with": {"value": "here"}}
    return {"schema": 1, "name": "Instant", "nodes": [node], "outputs": {}}


async def send(client: httpx.AsyncClient, call: Call, path: str) -> httpx.Response:
    """The call with the least that its document asks for, so that nothing but the address can be wrong."""
    operation = document()["paths"][call.path][call.method.lower()]
    headers, query = {}, {}
    for parameter in operation.get("parameters", []):
        if parameter.get("required"):
            value = str(example(parameter["schema"]))
            if parameter["in"] == "header":
                headers[parameter["name"]] = value
            elif parameter["in"] == "query":
                query[parameter["name"]] = value
    content = operation.get("requestBody", {}).get("content", {})
    body = example(content["application/json"]["schema"]) if "application/json" in content else None
    return await client.request(call.method, path, headers=headers, params=query, json=body)


def example(schema: dict[str, Any], name: str = "") -> Any:
    """A small value that fits a JSON Schema."""
    if name == "definition":
        return sample_document()
    if "$ref" in schema:
        return example(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            return example(schema[key][0], name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: example(properties[key], key) for key in schema.get("required", [])}
        case "array":
            return [example(schema.get("items", {}))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "string":
            return (
                str(UUID(int=1)) if schema.get("format") == "uuid" else "x" * int(schema.get("minLength", 1))
            )
        case _:
            return None
