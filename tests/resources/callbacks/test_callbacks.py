"""Calling a step back over HTTP: by the address its view shows, with bodies of every kind, from anywhere."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.resources.accounts.roles import Role
from app.resources.callbacks.calls import MAX_BODY_BYTES, MAX_FIELDS, MAX_HEADERS, headers_of
from tests.asking import begin, instance_of, step_of
from tests.engine.world import node
from tests.people import People, Person, problem

OUTPUTS = {name: f"{{{{ steps.ask.outputs.{name} }}}}" for name in ("body", "query", "headers")}


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    """Somebody who may build and run."""
    return await people.member(Role.editor)


@pytest.fixture
def program(people: People) -> httpx.AsyncClient:
    """Another program: nobody is signed in."""
    return people.stranger()


async def waiting(person: Person, **inputs: Any) -> tuple[dict[str, Any], str]:
    """A run that waits for a call, and the path of its address."""
    made = await begin(person.client, node("ask", "webhook.wait", with_=inputs), outputs=OUTPUTS)
    address = (await step_of(person.client, made))["wait"]["address"]
    return made, httpx.URL(address).path


async def test_a_call_goes_into_the_run_and_the_address_works_once(
    person: Person, program: httpx.AsyncClient
) -> None:
    made, path = await waiting(person)
    taken = await program.post(f"{path}?id=7&tag=a&tag=b", json={"state": "done"})
    assert (taken.status_code, taken.json()) == (200, {"accepted": True})
    outputs = (await instance_of(person.client, made))["outputs"]
    assert (outputs["body"], outputs["query"]) == ({"state": "done"}, {"id": "7", "tag": ["a", "b"]})
    assert outputs["headers"]["content-type"] == "application/json"
    found = problem(await program.post(path, json={}), 410)
    assert "once" in found["detail"]
    assert (await step_of(person.client, made))["wait"] is None


@pytest.mark.parametrize(
    ("body", "kind", "read"),
    [
        (b"a=1&a=2&b=%C3%A9", "application/x-www-form-urlencoded", {"a": ["1", "2"], "b": "é"}),
        (b"[1, null]", "application/vnd.api+json; charset=utf-8", [1, None]),
        ("Grüße".encode(), "text/plain", "Grüße"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"", "application/json", None),
    ],
)
async def test_a_body_is_read_as_what_it_says_it_is(
    person: Person, program: httpx.AsyncClient, body: bytes, kind: str, read: Any
) -> None:
    made, path = await waiting(person)
    assert (await program.post(path, content=body, headers={"content-type": kind})).status_code == 200
    assert (await instance_of(person.client, made))["outputs"]["body"] == read


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{not json", "application/json", 400),
        (b"[" * 5_000 + b"]" * 5_000, "application/json", 400),
        (b"\xff\xfe", "text/plain", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"&".join(b"a=1" for _ in range(MAX_FIELDS + 1)), "application/x-www-form-urlencoded", 400),
        (b"\x89PNG", "image/png", 415),
        (b"x" * (MAX_BODY_BYTES + 1), "text/plain", 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_and_the_address_still_works(
    person: Person, program: httpx.AsyncClient, body: bytes, kind: str, status: int
) -> None:
    _, path = await waiting(person)
    problem(await program.post(path, content=body, headers={"content-type": kind}), status)
    assert (await program.post(path, json=1)).status_code == 200


async def test_whoever_only_looks_at_a_link_does_not_call(person: Person, program: httpx.AsyncClient) -> None:
    _, path = await waiting(person)
    problem(await program.get(path), 405)
    made, path = await waiting(person, accept_get=True)
    assert (await program.head(path)).status_code == 405
    assert (await instance_of(person.client, made))["status"] == "waiting"
    assert (await program.get(f"{path}?choice=blue")).status_code == 200
    outputs = (await instance_of(person.client, made))["outputs"]
    assert (outputs["body"], outputs["query"]) == (None, {"choice": "blue"})


async def test_an_address_that_was_never_given_leads_nowhere(
    person: Person, program: httpx.AsyncClient
) -> None:
    _, path = await waiting(person)
    for wrong in (path[:-1], path[:-4] + "AAAA", "/hooks/steps/x"):
        problem(await program.post(wrong, json={}), 404)


async def test_the_page_of_another_site_may_call_and_no_sign_in_is_looked_at(
    person: Person, program: httpx.AsyncClient
) -> None:
    _, path = await waiting(person)
    headers = {"origin": "https://elsewhere.example", "authorization": "Bearer nonsense"}
    assert (await program.post(path, json={}, headers=headers)).status_code == 200


async def test_who_may_only_look_is_not_shown_the_address(person: Person, people: People) -> None:
    made, _ = await waiting(person)
    viewer = await people.member(Role.viewer, person.organization_id)
    assert (await step_of(viewer.client, made))["wait"]["address"] is None


async def test_a_run_that_was_cancelled_takes_no_call(person: Person, program: httpx.AsyncClient) -> None:
    made, path = await waiting(person)
    await person.client.post(f"/api/v1/instances/{made['id']}/cancel")
    problem(await program.post(path, json={}), 410)


def test_secrets_and_what_proxies_add_stay_out_of_a_run() -> None:
    secret = ("Authorization", "Cookie", "X-Forwarded-For", "X-Real-IP", "X-Api-Key", "X-Hub-Token", "Host")
    shown = {"Content-Type": "text/plain", "X-GitHub-Event": "push", "User-Agent": "x" * 5_000}
    kept = headers_of({**dict.fromkeys(secret, "?"), **shown})
    assert set(kept) == {"content-type", "x-github-event", "user-agent"}
    assert len(kept["user-agent"]) == 1_000
    assert len(headers_of({f"X-{number}": "1" for number in range(500)})) == MAX_HEADERS
