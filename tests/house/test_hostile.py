"""Walks every route with what nobody means well: whatever comes, the answer is a sentence and no bug.

Nothing is listed of the routes: paths, parameters and bodies come from the application and its OpenAPI
document. Each place gets some of the values in turn, so that every value meets many places and the walk is
short; the numbers and letters themselves are those that have broken other servers.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from app.kit.settings import Settings
from app.resources.accounts.guards import SuperAdmin, Worker
from app.resources.accounts.roles import Role
from app.resources.openapi import document
from app.server.edge import Edge
from app.store.database import Database
from tests.furnish import furnish
from tests.house.test_routes import Call, calls, example
from tests.people import People
from tests.resources.workers.conftest import Hall

MAX_ANSWER_BYTES = 64 * 1024  # of a refusal
TRIED = 2  # values at each place


def nested(depth: int) -> Any:
    """Lists and objects in one another."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


BODIES: list[Any] = [
    "\0",
    "\ud800",
    "x" * 70_000,
    10**400,
    -1,
    2**63,
    2**31,
    1e308,
    float("nan"),
    float("-inf"),
    [],
    {},
    None,
    True,
    "",
    " ",
    "\u202egnp.exe",
    "a\r\nSet-Cookie: x=1",
    "../../etc/passwd",
    {"\0": "\0"},
    {"a": ["\0"]},
    {"a\ud800": 1},
    "{{ 1",
    "9" * 5_000,
    {"asset": "x"},
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    [0] * 20_000,
    {str(number): number for number in range(3_000)},
    nested(150),
    nested(700),
]
RAW = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"name": 1, "name": 2}',
    b"\x1f\x8b\x08\x00",
    b"\xef\xbb\xbf{}",
    b"[]",
    b"null",
    b'"x"',
    b"{} {}",
    b"1" * 10_000,
]
PARTS = [
    "x",
    "%00",
    "%ff",
    "..%2f..",
    "9" * 400,
    "-1",
    "%F0%9F%92%A9",
    "a" * 3_000,
    "%0d%0a",
    "%ED%A0%80",
    "0",
]
QUERIES = ["", "x", "%00", "%ff", "9" * 40, "-1", str(2**63), "A" * 100, "A" * 22, "%ED%A0%80", "NaN", "1.5"]
HEADERS = [
    ("idempotency-key", ""),
    ("idempotency-key", "x" * 5_000),
    ("idempotency-key", "\xff\0"),
    ("content-encoding", "gzip"),
    ("content-length", "-5"),
    ("content-type", "multipart/form-data"),
    ("content-type", "multipart/form-data; boundary="),
    ("content-type", "application/json; charset=utf-16"),
    ("content-type", "\xff"),
    ("cookie", "x" * 9_000),
    ("studio-organization", "\xff"),
    ("authorization", "Basic !!!"),
    ("authorization", "Bearer \xff.\xff.\xff"),
    ("range", "bytes=9-1," + "0-1," * 5_000),
    ("if-none-match", "\xff"),
    ("origin", "null"),
    ("x-forwarded-for", "\xff"),
    ("host", "\xff"),
    ("upload-offset", "9" * 100),
    ("x-request-id", "\xff"),
]


class Attack:
    """One request that means harm, and how to say which it was."""

    def __init__(self, call: Call, path: str, what: str, **request: Any) -> None:
        self.call, self.path, self.what, self.request = call, path, what, request

    def fault_of(self, answer: httpx.Response) -> str | None:
        """What is wrong with the answer."""
        if answer.status_code >= 500:
            return f"{self}: {answer.status_code} {answer.text}"
        if answer.status_code < 400 or self.call.method == "HEAD":
            return None
        if answer.headers["content-type"] != "application/problem+json":
            return f"{self}: {answer.status_code} is no problem but {answer.headers['content-type']}"
        found = answer.json()
        if not found["detail"].endswith((".", "?", "!")) or "Traceback" in answer.text:
            return f"{self}: {found['detail']!r} is no sentence"
        if len(answer.content) > MAX_ANSWER_BYTES:
            return f"{self}: a refusal of {len(answer.content):,} bytes"
        return None

    def __str__(self) -> str:
        return f"{self.call} with {self.what}"


class Turns:
    """Hands out a few of a list at a time, and goes on where it stopped."""

    def __init__(self) -> None:
        self._turn = 0

    def some(self, values: list[Any]) -> list[Any]:
        """The next ones."""
        self._turn += TRIED
        return [values[(self._turn + step) % len(values)] for step in range(TRIED)]


def attacks(call: Call, belongings: dict[str, str], turns: Turns) -> Iterator[Attack]:
    """Some of everything, at every place of this call."""
    fill = {name: belongings.get(name, str(value)) for name, value in call.parameters.items()}
    # What is deleted would be missed by those that come after.
    good = call.path.format(**(call.parameters if call.method == "DELETE" else fill))
    operation = document()["paths"].get(call.path, {}).get(call.method.lower(), {})
    for name in call.parameters:
        for part in turns.some(PARTS):
            yield Attack(call, call.path.format(**{**fill, name: part}), f"{name}={part[:40]}")
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            for value in turns.some(QUERIES):
                query = f"?{parameter['name']}={value}"
                yield Attack(call, f"{good}{query}&{query[1:]}", query[:40])
    for header, value in turns.some(HEADERS):
        headers = [(header.encode(), value.encode("latin-1"))]
        yield Attack(call, good, f"{header}: {value[:40]!r}", headers=headers, content=b"{}")
    if call.method in {"POST", "PUT", "PATCH"}:
        for what, body in bodies(operation, belongings, turns):
            json_type = {"content-type": "application/json"}
            yield Attack(call, good, what, headers=json_type, content=body)


def bodies(
    operation: dict[str, Any], belongings: dict[str, str], turns: Turns
) -> Iterator[tuple[str, bytes]]:
    """Bodies that are none, and bodies that fit but for one field."""
    for raw in turns.some(RAW):
        yield f"the body {raw[:20]!r}", raw
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return
    schema = content["application/json"]["schema"]
    fields = properties(schema)
    base = {**(example(schema) or {}), "workflow_id": belongings["workflow_id"]}
    base = {name: value for name, value in base.items() if name in fields}
    for name in fields:
        for value in turns.some(BODIES):
            yield f"{name}: {json.dumps(value)[:40]}", json.dumps({**base, name: value}).encode()


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body."""
    if "$ref" in schema:
        return properties(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            return properties(schema[key][0])
    found: dict[str, Any] = schema.get("properties", {})
    return found


async def test_whatever_comes_the_answer_is_a_sentence_and_no_bug(
    app: Edge, people: People, database: Database, settings: Settings
) -> None:
    owner = await people.member(Role.owner)
    chief = await people.member(Role.viewer, owner.organization_id, is_super_admin=True)
    belongings = await furnish(owner, settings)
    hall = Hall(app, database, settings)
    worker = people.stranger({"authorization": f"Bearer {(await hall.register()).token}"})
    wrong, tried, turns = [], 0, Turns()
    for call in calls(app):
        if call.path.endswith(("/auth/logout", "/live/sse")):
            continue  # one would sign the owner out, the other does not end
        # Not as who runs the box: a maintenance, say, would be one for every test that follows.
        client = worker if isinstance(call.guard, Worker) else owner.client
        if isinstance(call.guard, SuperAdmin) and call.method == "GET":
            client = chief.client
        for attack in attacks(call, belongings, turns):
            tried += 1
            answer = await client.request(call.method, attack.path, **attack.request)
            fault = attack.fault_of(answer)
            if fault is not None:
                wrong.append(fault[:500])
    assert tried > 500
    assert not wrong, "\n".join(wrong)
