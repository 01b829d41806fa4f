"""Claiming a box, on a database of its own: once, by the token, whoever is faster."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import psycopg
import pytest
import pytest_asyncio

from app.admin.seed import Seeded, seed
from app.kit.ids import new_id
from app.kit.settings import Settings
from app.migrations import runner
from app.server.application import create_app
from app.store.database import Database
from tests.lifespan import running
from tests.people import People, gathering, problem

PERSON = {
    "email": "First@Example.org",
    "password": "correct horse",
    "name": "Ada",
    "organization": "Analytical",
}


@pytest_asyncio.fixture
async def fresh(settings: Settings) -> AsyncIterator[Settings]:
    """A box whose database is new: only the claim of the whole box needs one of its own."""
    name = f"claim_{new_id().hex}"
    with psycopg.connect(settings.database.owner_url, autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE "{name}"')
    parts = settings.database
    new = msgspec.structs.replace(
        settings,
        database=msgspec.structs.replace(
            parts, owner_url=_named(parts.owner_url, name), app_url=_named(parts.app_url, name)
        ),
    )
    runner.upgrade(new.database.owner_url)
    yield new
    with psycopg.connect(settings.database.owner_url, autocommit=True) as owner:
        owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest_asyncio.fixture
async def visitors(fresh: Settings) -> AsyncIterator[People]:
    """People before the fresh box."""
    app, database = create_app(fresh), Database.open(fresh, "tests")
    async with running(app), gathering(app, database, fresh) as people:
        yield people
    await database.close()


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def claim(client: httpx.AsyncClient, token: str | None, **other: str) -> httpx.Response:
    return await client.post("/api/v1/setup", json={"token": token or "", **PERSON, **other})


async def test_the_first_person_claims_and_finds_something_to_run(fresh: Settings, visitors: People) -> None:
    client = visitors.stranger()
    assert (await client.get("/api/v1/setup")).json() == {"claimed": False}
    seeded = await seed(fresh)
    assert not seeded.claimed
    answer = await claim(client, seeded.setup_token)
    assert answer.status_code == 201
    assert answer.json()["user"] == {
        "id": answer.json()["user"]["id"],
        "email": "first@example.org",
        "name": "Ada",
        "is_super_admin": True,
    }
    assert (answer.json()["organization"]["name"], answer.json()["role"]) == ("Analytical", "owner")
    assert (await client.get("/api/v1/setup")).json() == {"claimed": True}
    workflows = (await client.get("/api/v1/workflows")).json()["items"]
    assert [(one["name"], one["is_sample"]) for one in workflows] == [("Picture story", True)]
    photos = (await client.get("/api/v1/assets", params={"source": "sample"})).json()["items"]
    assert len(photos) == 5
    assert {(one["width"] > one["height"]) for one in photos} == {True, False}
    assert await seed(fresh) == Seeded(claimed=True, setup_token=None)
    login = {"email": "first@example.org", "password": PERSON["password"]}
    assert (await visitors.stranger().post("/api/v1/auth/login", json=login)).status_code == 200


async def test_of_two_who_claim_at_once_one_gets_the_box(fresh: Settings, visitors: People) -> None:
    token = (await seed(fresh)).setup_token
    answers = await asyncio.gather(
        *(claim(visitors.stranger(), token, email=f"person{number}@example.org") for number in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    late = await claim(visitors.stranger(), token, email="late@example.org")
    assert "sign in" in problem(late, 409)["detail"]


async def test_only_the_newest_token_claims(fresh: Settings, visitors: People) -> None:
    old, new = (await seed(fresh)).setup_token, (await seed(fresh)).setup_token
    problem(await claim(visitors.stranger(), old), 403)
    assert (await claim(visitors.stranger(), new)).status_code == 201


async def test_a_box_that_was_never_seeded_cannot_be_claimed(visitors: People) -> None:
    problem(await claim(visitors.stranger(), ""), 403)
    problem(await claim(visitors.stranger(), "setup_guess"), 403)


async def test_guessing_the_token_is_slowed_down(fresh: Settings, visitors: People) -> None:
    token = (await seed(fresh)).setup_token
    client = visitors.stranger()
    answers = [await claim(client, f"setup_{number}") for number in range(8)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    problem(await claim(client, token), 429)
    elsewhere = visitors.stranger(address="203.0.113.5")
    assert (await claim(elsewhere, token)).status_code == 201


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "analytical"}, "password"),
        ({"email": "nobody"}, "email"),
    ],
)
async def test_a_bad_value_leaves_the_box_unclaimed(
    fresh: Settings, visitors: People, wrong: dict[str, str], field: str
) -> None:
    token = (await seed(fresh)).setup_token
    found = problem(await claim(visitors.stranger(), token, **wrong), 422)
    assert found["complaints"][0]["field"] == field
    assert (await claim(visitors.stranger(), token)).status_code == 201


async def test_the_settings_may_say_who_claims(fresh: Settings, visitors: People) -> None:
    named = msgspec.structs.replace(fresh, admin_email="Boss@example.org", admin_password="long enough")
    assert await seed(named) == Seeded(claimed=True, setup_token=None)
    assert await seed(named) == Seeded(claimed=True, setup_token=None)
    login = {"email": "boss@example.org", "password": "long enough"}
    answer = await visitors.stranger().post("/api/v1/auth/login", json=login)
    assert answer.json()["user"]["is_super_admin"]
    # A changed ADMIN_PASSWORD is no back door into a claimed box.
    other = msgspec.structs.replace(named, admin_password="another one")
    await seed(other)
    login["password"] = "another one"
    problem(await visitors.stranger().post("/api/v1/auth/login", json=login), 401)
