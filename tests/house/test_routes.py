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

from app.kit.settings import Settings
from app.resources.accounts.guards import (
    Guard,
    Hook,
    Public,
    Requires,
    Scrape,
    SuperAdmin,
    Worker,
    WorkerSecret,
)
from app.resources.accounts.roles import Role
from app.resources.openapi import document
from app.resources.workflows.samples import document as sample_document
from app.server.edge import FOR_PROGRAMS, Edge
from app.store.database import Database, Scope
from tests.furnish import furnish
from tests.house.tables import tables
from tests.people import People, problem

ONE_PAGE = {"type": "null", "description": "Always null: this list is short and has one page."}

REFUSALS = {
    "not-signed-in",
    "sign-in-ended",
    "not-a-member",
    "role-too-low",
    "not-super-admin",
    "worker-unknown",
    "wrong-worker-secret",
    "metrics-closed",
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
        case Scrape():
            return "metrics-closed"
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


async def test_another_organization_finds_nothing_under_any_address(
    app: Edge, people: People, settings: Settings
) -> None:
    owner = await people.member(Role.owner)
    other = await people.member(Role.owner)
    belongings = await furnish(owner, settings)
    looked_at = 0
    for call in calls(app):
        if not call.parameters or not call.in_schema or isinstance(call.guard, SuperAdmin):
            continue  # what those who run the box may do is no organization's, and closed to all others
        missing = set(call.parameters) - set(belongings)
        assert not missing, f"{call}: no furnish.py of tests/resources makes a thing for {missing}"
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


async def test_a_list_holds_what_is_ones_own_and_nothing_of_another(
    app: Edge, people: People, settings: Settings, database: Database
) -> None:
    owner = await people.member(Role.owner)
    other = await people.member(Role.owner)
    belongings = set((await furnish(owner, settings)).values())
    common = await shared_ids(database) - belongings
    walked = 0
    for call in calls(app):
        if call.parameters or not is_list(call) or not isinstance(call.guard, Requires):
            continue
        answers = [await send(one.client, call, call.path) for one in (owner, other)]
        assert [answer.status_code for answer in answers] == [200, 200], f"{call}: {answers[0].text}"
        mine, theirs = [answer.json()["items"] for answer in answers]
        assert mine, f"{call}: no furnish.py of tests/resources makes anything that stands in this list"
        if any(name_of(item) for item in mine):
            leaked = {name_of(item) for item in mine} & {name_of(item) for item in theirs} - common
            assert not leaked, f"{call} shows {leaked} to both"
        else:
            assert mine == theirs, f"{call} has items without an id, so it must say the same to everybody"
        walked += 1
    assert walked > 4


def test_every_list_has_pages_or_one_page_or_goes_on_by_a_number(app: Edge) -> None:
    lists = [call for call in calls(app) if is_list(call)]
    assert len(lists) > 10
    for call in lists:
        asked = {one["name"] for one in document()["paths"][call.path]["get"].get("parameters", [])}
        cursor = list_schema(call)["properties"].get("next_cursor")
        if "after" in asked:
            assert cursor is None and "cursor" not in asked, f"{call} goes on by a number; it has no cursor"
        elif "cursor" in asked:
            assert "limit" in asked and cursor and cursor != ONE_PAGE, f"{call} must answer a next_cursor"
        else:
            assert cursor == ONE_PAGE, f"{call} must take limit and cursor, or say paging.OnePage"


async def shared_ids(database: Database) -> set[str]:
    """The ids of what belongs to the box and may be shown to every organization."""
    found: set[str] = set()
    for table in await tables(database):
        if not table["is_enabled"] and table["has_id"]:
            async with database.transaction(Scope.system()) as tx:
                rows = await tx.fetch_all(f"SELECT id::text FROM {table['name']}")  # noqa: S608  from the catalogue
            found |= {row["id"] for row in rows}
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/nothing",
        "/api/v1/nothing",
        "/internal/v1/nothing",
        "/hooks",
        "/hooks/nobody/knows/this",
        "/health/nothing",
        "/metrics/nothing",
        "/.well-known/nothing",
    ],
)
async def test_an_address_that_is_none_is_a_problem_and_no_page(client: httpx.AsyncClient, path: str) -> None:
    problem(await client.get(path), 404)
    problem(await client.post(path), 404)


async def test_every_root_of_the_map_is_a_route_or_a_problem_and_no_page(
    app: Edge, client: httpx.AsyncClient
) -> None:
    """What later versions answer there is no page today either."""
    routes = {path for _, path, _, _ in handlers(app)}
    for root in FOR_PROGRAMS:
        answer = await client.get(f"/{root}")
        assert f"/{root}" in routes or answer.status_code == 404, f"/{root}: {answer.status_code}"
        assert not answer.headers["content-type"].startswith("text/html")


def is_list(call: Call) -> bool:
    """Whether its answer is a page of a list, as the document says."""
    if call.method != "GET" or not call.in_schema:
        return False
    # A step has “items” too: how far its fan-out is, which is no array.
    items: dict[str, Any] = list_schema(call).get("properties", {}).get("items", {})
    return items.get("type") == "array"


def list_schema(call: Call) -> dict[str, Any]:
    """The schema of what a GET answers; empty when it is no object of JSON."""
    answer = document()["paths"][call.path]["get"]["responses"].get("200", {})
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    found: dict[str, Any] = document()["components"]["schemas"].get(
        schema.get("$ref", "").rpartition("/")[2], {}
    )
    return found


def name_of(item: dict[str, Any]) -> str | None:
    """What tells a thing from all others."""
    return item.get("id") or item.get("user_id")


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
