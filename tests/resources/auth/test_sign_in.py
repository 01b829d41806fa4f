"""Signing in, staying in, leaving: what a thief, a stranger and a tired person run into."""

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx
import jwt
import pytest

from app.kit.clock import now
from app.kit.crypto import derive
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import ACCESS_COOKIE, AUDIENCE, ISSUER, REFRESH_COOKIE
from app.store.database import Database, Scope
from tests.people import ORIGIN, PASSWORD, People, Person, problem


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.editor, has_password=True)


async def test_login_answers_with_a_token_and_two_cookies_that_scripts_cannot_read(
    people: People, person: Person
) -> None:
    client = people.stranger()
    answer = await log_in(client, person.email.upper())
    assert answer.status_code == 200
    assert answer.json()["expires_in"] <= 900
    assert answer.json()["user"]["email"] == person.email
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert all("HttpOnly" in cookie and "samesite=lax" in cookie.lower() for cookie in cookies)
    assert not any("secure" in cookie.lower() for cookie in cookies)
    by_cookie = await client.get("/api/v1/auth/me")
    by_token = await people.stranger().get(
        "/api/v1/auth/me", headers={"authorization": f"Bearer {answer.json()['access_token']}"}
    )
    assert by_cookie.json() == by_token.json()
    assert by_cookie.json()["role"] == "editor"


async def test_cookies_are_secure_when_the_person_came_by_https(people: People, person: Person) -> None:
    client = people.stranger({"x-forwarded-proto": "https"})
    cookies = (await log_in(client, person.email)).headers.get_list("set-cookie")
    assert all("secure" in cookie.lower() for cookie in cookies)


async def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    people: People, person: Person
) -> None:
    client = people.stranger(address="198.51.100.21")
    wrong = problem(await log_in(client, person.email, "not it"), 401)
    unknown = problem(await log_in(client, "nobody@example.org", "not it"), 401)
    assert {**wrong, "request_id": ""} == {**unknown, "request_id": ""}


async def test_guessing_is_slowed_down_with_a_time_to_wait(people: People, person: Person) -> None:
    client = people.stranger(address="198.51.100.22")
    answers = [await log_in(client, person.email, f"guess {number}") for number in range(7)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    refused = problem(answers[-1], 429)
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "second" in refused["detail"]
    # The right password waits as well: otherwise the wait would tell which guess was right.
    problem(await log_in(client, person.email), 429)


async def test_a_hundred_guesses_at_once_count_as_a_hundred(people: People, person: Person) -> None:
    client = people.stranger(address="198.51.100.23")
    answers = await asyncio.gather(*(log_in(client, person.email, "guess") for _ in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) <= 5


async def test_a_right_password_forgives_the_wrong_ones(people: People, person: Person) -> None:
    client = people.stranger(address="198.51.100.24")
    for _ in range(3):
        for _ in range(3):
            problem(await log_in(client, person.email, "typo"), 401)
        assert (await log_in(client, person.email)).status_code == 200


async def test_refresh_gives_new_tokens_and_spends_the_old_one(people: People, person: Person) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    before = client.cookies[REFRESH_COOKIE]
    answer = await client.post("/api/v1/auth/refresh")
    assert answer.status_code == 200
    assert client.cookies[REFRESH_COOKIE] != before
    assert (await client.get("/api/v1/auth/me")).status_code == 200


async def test_a_refresh_token_shown_twice_ends_the_sign_in_for_both(people: People, person: Person) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    stolen = client.cookies[REFRESH_COOKIE]
    await client.post("/api/v1/auth/refresh")
    thief = people.stranger({"cookie": f"{REFRESH_COOKIE}={stolen}"})
    problem(await thief.post("/api/v1/auth/refresh"), 401)
    problem(await client.get("/api/v1/auth/me"), 401)
    problem(await client.post("/api/v1/auth/refresh"), 401)


async def test_logout_ends_the_session_on_the_server(people: People, person: Person) -> None:
    client = people.stranger()
    token = (await log_in(client, person.email)).json()["access_token"]
    kept = dict(client.cookies)
    answer = await client.post("/api/v1/auth/logout")
    assert answer.status_code == 204
    assert not client.cookies
    for headers in (
        {"authorization": f"Bearer {token}"},
        {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())},
    ):
        problem(await people.stranger(headers).get("/api/v1/auth/me"), 401)
        problem(await people.stranger(headers).post("/api/v1/auth/refresh"), 401)
    assert (await client.post("/api/v1/auth/logout")).status_code == 204


@pytest.mark.parametrize(
    ("claims", "purpose"),
    [
        pytest.param({"typ": "refresh"}, "access-token", id="another-type"),
        pytest.param({"aud": "elsewhere"}, "access-token", id="another-audience"),
        pytest.param({"iss": "elsewhere"}, "access-token", id="another-issuer"),
        pytest.param({"exp": now() - timedelta(seconds=5)}, "access-token", id="run-out"),
        pytest.param({"sid": "not-an-id"}, "access-token", id="no-session-id"),
        pytest.param({}, "refresh-token", id="the-key-of-another-purpose"),
    ],
)
async def test_a_token_that_is_not_quite_ours_opens_nothing(
    people: People, settings: Settings, claims: dict[str, object], purpose: str
) -> None:
    person = await people.member()
    good = jwt.decode(person.access_token, options={"verify_signature": False})
    key = derive(settings.keys.require("jwt_secret_key"), purpose)
    forged = jwt.encode({**good, **claims}, key, algorithm="HS256")
    answer = await people.stranger({"authorization": f"Bearer {forged}"}).get("/api/v1/auth/me")
    problem(answer, 401)


async def test_an_unsigned_token_opens_nothing(people: People) -> None:
    person = await people.member()
    good = jwt.decode(person.access_token, options={"verify_signature": False})
    assert good["iss"] == ISSUER
    assert good["aud"] == AUDIENCE
    unsigned = jwt.encode(good, "", algorithm="none")
    problem(await people.stranger({"authorization": f"Bearer {unsigned}"}).get("/api/v1/auth/me"), 401)


async def test_a_header_of_another_scheme_is_refused_even_beside_good_cookies(
    people: People, person: Person
) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    problem(await client.get("/api/v1/auth/me", headers={"authorization": "Basic YTpi"}), 401)


async def test_a_deactivated_user_is_out_at_once(people: People, database: Database, person: Person) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute("UPDATE users SET is_active = false WHERE id = %(id)s", {"id": person.user_id})
    problem(await client.get("/api/v1/auth/me"), 401)
    problem(await client.post("/api/v1/auth/refresh"), 401)
    problem(await log_in(people.stranger(), person.email), 401)


async def test_a_removed_member_is_out_of_the_organization_at_once(
    people: People, database: Database
) -> None:
    person = await people.member(Role.admin)
    async with database.transaction(Scope.organization(person.organization_id)) as tx:
        await tx.execute("DELETE FROM memberships WHERE user_id = %(id)s", {"id": person.user_id})
    problem(await person.client.get("/api/v1/workflows"), 403)


async def test_a_member_of_two_organizations_switches_by_header_and_to_no_third(
    people: People, database: Database
) -> None:
    person = await people.member(Role.owner)
    second, third = await people.organization(), await people.organization()
    async with database.transaction(Scope.organization(second)) as tx:
        await tx.execute(
            "INSERT INTO memberships (organization_id, user_id, role) VALUES (%(o)s, %(u)s, 'viewer')",
            {"o": second, "u": person.user_id},
        )
    answer = await person.client.get("/api/v1/auth/me", headers={"studio-organization": str(second)})
    assert answer.json()["role"] == "viewer"
    assert UUID(answer.json()["organization"]["id"]) == second
    problem(await person.client.get("/api/v1/auth/me", headers={"studio-organization": str(third)}), 403)
    problem(await person.client.get("/api/v1/auth/me", headers={"studio-organization": "mine"}), 400)


async def test_a_page_of_another_site_cannot_act_with_a_visitors_cookies(
    people: People, person: Person
) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    body: dict[str, object] = {"definition": {}}
    for origin in (
        "https://evil.example",
        "null",
        "http://studio.test.evil.example",
        "http://studio.test:81",
    ):
        answer = await client.post("/api/v1/workflows/validate", json=body, headers={"origin": origin})
        assert "PUBLIC_URL" in problem(answer, 403)["remedy"]
        foreign_login = await people.stranger({"origin": origin}).post("/api/v1/auth/login", json={})
        problem(foreign_login, 403)
    same = await client.post("/api/v1/workflows/validate", json=body, headers={"origin": ORIGIN})
    assert same.status_code == 200
    proxied = await client.post(
        "/api/v1/workflows/validate",
        json=body,
        headers={"origin": "https://studio.example.org", "x-forwarded-host": "studio.example.org"},
    )
    assert proxied.status_code == 200


async def test_sessions_are_listed_and_can_be_ended_elsewhere(people: People, person: Person) -> None:
    here, there = people.stranger(), people.stranger({"user-agent": "Other browser"})
    await log_in(here, person.email)
    await log_in(there, person.email)
    listed = (await here.get("/api/v1/auth/sessions")).json()["items"]
    assert [one["is_current"] for one in listed].count(True) == 1
    other = next(one for one in listed if one["user_agent"] == "Other browser")
    assert (await here.delete(f"/api/v1/auth/sessions/{other['id']}")).status_code == 204
    problem(await there.get("/api/v1/auth/me"), 401)
    stranger = await people.member()
    mine = next(one for one in listed if one["is_current"])
    problem(await stranger.client.delete(f"/api/v1/auth/sessions/{mine['id']}"), 404)


async def test_a_new_password_needs_the_old_one_and_ends_the_other_sign_ins(
    people: People, person: Person
) -> None:
    here, there = people.stranger(), people.stranger()
    await log_in(here, person.email)
    await log_in(there, person.email)
    change = {"current": "not it", "new": "a much better one"}
    problem(await here.post("/api/v1/auth/password", json=change), 403)
    short = problem(await here.post("/api/v1/auth/password", json={"current": PASSWORD, "new": "short"}), 422)
    assert short["complaints"][0]["field"] == "new"
    own = problem(
        await here.post("/api/v1/auth/password", json={"current": PASSWORD, "new": person.email}), 422
    )
    assert own["detail"] == "The password must not be your email address or your name."
    change["current"] = PASSWORD
    assert (await here.post("/api/v1/auth/password", json=change)).status_code == 204
    assert (await here.get("/api/v1/auth/me")).status_code == 200
    problem(await there.get("/api/v1/auth/me"), 401)
    assert (await log_in(people.stranger(), person.email, "a much better one")).status_code == 200


async def test_what_is_kept_of_a_session_cannot_be_used_to_sign_in(
    people: People, database: Database, person: Person
) -> None:
    client = people.stranger()
    await log_in(client, person.email)
    shown = client.cookies[REFRESH_COOKIE]
    async with database.transaction(Scope.system()) as tx:
        rows = await tx.fetch_all("SELECT * FROM refresh_tokens")
    assert not any(shown.encode() in bytes(row["token_hash"]) for row in rows)
    assert ACCESS_COOKIE in client.cookies
