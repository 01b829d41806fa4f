"""What an operator types from day to day: each command does it, says so, and refuses with a sentence."""

import getpass
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from app.kit.settings import Settings
from app.store.database import Database, Scope
from appliance import scale, slots
from appliance.keyring import keys
from appliance.refusal import Refusal
from tests.admin.commands.conftest import Studio
from tests.people import People, Person


@pytest.fixture
async def gates(database: Database) -> AsyncIterator[None]:
    yield
    async with database.transaction(Scope.nobody()) as tx:
        await tx.execute("DELETE FROM gates")


async def told(person: Person) -> list[str]:
    """What the audit says was done at the command line, oldest first."""
    items = (await person.client.get("/api/v1/audit", params={"limit": 50})).json()["items"]
    mine = [one for one in items if one["actor_id"] is None]
    assert {one["actor_name"] for one in mine} <= {f"{getpass.getuser()} on the box"}
    return [one["words"] for one in reversed(mine)]


@pytest.mark.usefixtures("gates")
async def test_maintenance_is_announced_begun_and_ended(studio: Studio, people: People) -> None:
    chief = await people.member(is_super_admin=True)
    announced = json.loads(studio("maintenance", "on", "--in", "10m", "--message", "Disk", "--json").stdout)
    assert not announced["is_on"] and announced["starts_at"] and announced["message"] == "Disk"
    assert "Maintenance begins at" in studio("maintenance", "show").stdout
    assert "is in maintenance" in studio("maintenance", "on").stdout
    assert "none is announced" in studio("maintenance", "off").stdout
    announced_at, begun_at = "announced maintenance, in 600 s", "announced maintenance, at once"
    assert await told(chief) == [announced_at, begun_at, "ended maintenance"]


def test_a_time_that_is_none_is_refused_with_a_sentence(studio: Studio) -> None:
    refused = studio("maintenance", "on", "--in", "soon")
    assert refused.returncode == 2
    assert "“soon” is no time span" in refused.stderr


@pytest.mark.usefixtures("gates")
async def test_a_lane_is_drained_and_resumed(studio: Studio, people: People) -> None:
    chief, other = await people.member(is_super_admin=True), await people.member()
    drained = json.loads(studio("workers", "drain", "gpu", "--message", "new card", "--json").stdout)["items"]
    assert {one["lane"]: one["is_drained"] for one in drained} == {"cpu": False, "gpu": True}
    assert "drained (“new card”)" in studio("workers", "list").stdout
    resumed = json.loads(studio("workers", "resume", "--json").stdout)["items"]
    assert not any(one["is_drained"] for one in resumed)
    assert studio("workers", "scaled", "cpu=4", "gpu=1").returncode == 0
    assert await told(chief) == [
        "drained the gpu lane",
        "let the gpu lane hand out steps again",
        "set how many steps run at once to cpu=4, gpu=1",
    ]
    assert await told(other) == []


async def test_a_new_password_signs_in_and_ends_every_other_sign_in(studio: Studio, people: People) -> None:
    person = await people.member(has_password=True)
    done = studio("reset-password", person.email, "--generate")
    password = done.stdout.strip()
    assert done.returncode == 0 and "every sign-in of it has ended" in done.stderr
    assert (await person.client.get("/api/v1/auth/me")).status_code == httpx.codes.UNAUTHORIZED
    login = {"email": person.email, "password": password}
    signed_in = await people.stranger().post("/api/v1/auth/login", json=login)
    assert signed_in.status_code == httpx.codes.OK
    again = people.stranger({"authorization": f"Bearer {signed_in.json()['access_token']}"})
    assert await told(replace(person, client=again)) == [f"gave “{person.email}” a new password"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("nobody@example.org", "--generate"), "", "Nobody on this box has the email address"),
        (("{email}",), "", "use --generate or --stdin"),
        (("{email}", "--stdin"), "12345678\n", "password"),
    ],
)
async def test_a_password_that_cannot_be_set_changes_nothing(
    studio: Studio, people: People, arguments: tuple[str, ...], stdin: str, said: str
) -> None:
    person = await people.member(has_password=True)
    refused = studio("reset-password", *(word.format(email=person.email) for word in arguments), stdin=stdin)
    assert refused.returncode == 1 and said in refused.stderr
    assert (await person.client.get("/api/v1/auth/me")).status_code == httpx.codes.OK


def test_psql_opens_the_box_as_owner_and_as_the_application(studio: Studio) -> None:
    ask = ("--", "-qAtc", "SELECT current_user")
    assert studio("psql", *ask).stdout.strip() == "studio"
    assert studio("psql", "--app", *ask).stdout.strip() == "studio_app"


def test_keys_are_told_apart_and_never_shown(studio: Studio, settings: Settings) -> None:
    found = json.loads(studio("keys", "--json").stdout)
    assert [one["source"] for one in found] == [f"keys/{one['name']}" for one in found]
    assert len({one["print"] for one in found}) == len(found)
    everything = studio("keys").stdout + json.dumps(found)
    assert not [one for one in keys(settings) if str(getattr(settings.keys, one.name)) in everything]
    other = studio("keys", "--json", JWT_SECRET_KEY="another secret of forty letters and more, truly")
    assert json.loads(other.stdout)[0]["source"] == "$JWT_SECRET_KEY"
    assert json.loads(other.stdout)[0]["print"] != found[0]["print"]


def test_the_number_of_steps_at_once_is_kept_for_the_next_start(studio: Studio, settings: Settings) -> None:
    try:
        assert "cpu 3" in studio("workers", "scale", "cpu=3").stdout
        assert studio("workers", "scale", "gpu=2").returncode == 0
        assert slots.chosen(settings.workspace) == {"cpu": 3, "gpu": 2}
        assert slots.variables(settings.workspace, {"STUDIO_GPU_SLOTS": "1"}) == {"STUDIO_CPU_SLOTS": "3"}
    finally:
        (settings.workspace / slots.FILE).unlink(missing_ok=True)


@pytest.mark.parametrize("word", ["cpu", "cpu=0", "cpu=9999", "tpu=1", "cpu=many", ""])
def test_a_number_that_cannot_be_is_refused(word: str) -> None:
    with pytest.raises(Refusal, match="is no number of steps"):
        scale.read((word,))


def test_the_environment_wins_and_says_so(studio: Studio) -> None:
    refused = studio("workers", "scale", "cpu=3", STUDIO_CPU_SLOTS="2")
    assert refused.returncode != 0 and "STUDIO_CPU_SLOTS is set to 2" in refused.stderr
