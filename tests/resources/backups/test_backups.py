"""The room of backups: wishes become files for root, and the kit is shown to who says again who they are."""

from collections.abc import Iterator

import msgspec
import pytest

from app.kit.backups import Backups, BackupStatus, Hold, KitHeld
from app.kit.clock import now
from app.kit.passport import read_passport
from app.kit.recovery import ENDING, kit_of, read_kit
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from appliance import passport
from tests.people import PASSWORD, People, problem


@pytest.fixture
def backups(settings: Settings) -> Iterator[Backups]:
    """The folder of the session's box, left as it was."""
    backups = Backups(settings.workspace)
    yield backups
    backups.release()
    for wish in backups.wished():
        (backups.wishes / wish).unlink()
    for file in ("kit.json", "status.json"):
        (backups.folder / file).unlink(missing_ok=True)


async def test_what_is_asked_for_waits_for_root(people: People, backups: Backups) -> None:
    boss = await people.member(is_super_admin=True)

    assert (await boss.client.post("/api/v1/backups")).status_code == 202
    answer = await boss.client.post("/api/v1/backups/drill")

    assert answer.json()["wished"] == ["backup", "drill"]
    assert backups.wished() == ["backup", "drill"]
    for action in ("backup.wished", "backup.drill_wished"):
        entries = (await boss.client.get("/api/v1/audit", params={"action": action})).json()["items"]
        assert len(entries) == 1
    seen = (await boss.client.get("/api/v1/backups")).json()
    assert seen["schedule"]["at"] == "03:00"
    assert seen["next_at"] > seen["schedule"]["at"]
    assert seen["status"]["snapshots"] == [] and seen["point_in_time"]
    problem(await (await people.member(Role.owner)).client.post("/api/v1/backups"), 403)


async def test_everybody_hears_that_the_box_is_held_and_its_super_admin_releases_it(
    people: People, backups: Backups
) -> None:
    boss, viewer = await people.member(is_super_admin=True), await people.member(Role.viewer)
    assert (await viewer.client.get("/api/v1/backups/hold")).json() == {"hold": None}
    refused = problem(await boss.client.post("/api/v1/backups/release"), 409)
    assert refused["type"].endswith("nothing-held")

    hold = Hold(restored_at=now(), moment=now(), snapshot="1234abcd")
    backups.hold_marker.write_bytes(msgspec.json.encode(hold))

    assert (await viewer.client.get("/api/v1/backups/hold")).json()["hold"]["snapshot"] == "1234abcd"
    assert (await boss.client.post("/api/v1/backups/release")).json()["wished"] == ["release"]


@pytest.fixture
def volume(settings: Settings) -> Iterator[None]:
    """A volume with its passport, as a boot leaves it."""
    path = passport.path_of(settings)
    before = path.read_bytes() if path.exists() else None
    passport.stamp(settings, passport.read(settings))
    yield
    if before is None:
        path.unlink()


async def test_the_kit_is_shown_to_who_knows_the_password_again(
    people: People, settings: Settings, volume: None
) -> None:
    boss = await people.member(is_super_admin=True, has_password=True)
    problem(await boss.client.post("/api/v1/backups/kit", json={"password": "not mine"}), 403)

    answer = await boss.client.post("/api/v1/backups/kit", json={"password": PASSWORD})

    assert answer.headers["cache-control"] == "no-store"
    kit = read_kit(answer.json()["text"])
    assert kit.encryption_key == settings.keys.encryption_key
    assert kit.password == settings.repository_password
    for value in (kit.box_id, kit.password, kit.encryption_key):
        assert value in answer.json()["page"]


async def test_whoever_shows_the_kit_whole_or_from_paper_is_believed_and_nothing_is_kept(
    people: People, settings: Settings, volume: None, backups: Backups
) -> None:
    boss = await people.member(is_super_admin=True, has_password=True)
    shown = await boss.client.post("/api/v1/backups/kit", json={"password": PASSWORD})
    kit = read_kit(shown.json()["text"])
    for brought in (
        {"text": shown.json()["text"]},
        {"endings": {"password": kit.password[-ENDING:], "encryption_key": kit.encryption_key[-ENDING:]}},
    ):
        answer = await boss.client.post("/api/v1/backups/kit/confirm", json=brought)
        assert (answer.status_code, answer.json()["wished"]) == (202, ["kit"])
        (backups.wishes / "kit").unlink()
    assert not list(backups.wishes.iterdir())
    entries = (await boss.client.get("/api/v1/audit", params={"action": "backup.kit_held"})).json()["items"]
    assert len(entries) == 2 and kit.password not in str(entries)


async def test_another_kit_a_damaged_one_and_half_an_answer_are_refused(
    people: People, settings: Settings, volume: None, backups: Backups
) -> None:
    boss = await people.member(is_super_admin=True)
    own = kit_of(settings, "of-this-box")
    other = msgspec.structs.replace(own, encryption_key="x" * 40)
    for brought, status, said in (
        ({"text": other.text(now())}, 422, "is not this box's"),
        ({"text": own.text(now()).replace("Check", "Cheek")}, 422, "the line “Check” is missing"),
        ({"endings": {"password": "x" * ENDING, "encryption_key": "y" * ENDING}}, 422, "The line “Password”"),
        ({}, 400, "either the whole “text”"),
    ):
        refused = problem(await boss.client.post("/api/v1/backups/kit/confirm", json=brought), status)
        assert said in refused["detail"]
        assert own.password not in str(refused)
    assert backups.wished() == []


async def test_the_kit_is_wanted_once_there_is_a_backup_and_again_when_it_changes(
    people: People, settings: Settings, volume: None, backups: Backups
) -> None:
    boss = await people.member(is_super_admin=True)

    async def kit() -> tuple[bool, bool]:
        view = (await boss.client.get("/api/v1/backups")).json()["kit"]
        return view["is_current"], view["is_wanted"]

    assert await kit() == (False, False)
    (backups.folder / "status.json").write_bytes(msgspec.json.encode(BackupStatus(last_good_at=now())))
    assert await kit() == (False, True)
    box = read_passport(settings.workspace)
    assert box is not None
    held = KitHeld(since=now(), check=kit_of(settings, box.box_id).check())
    backups.kit_marker.write_bytes(msgspec.json.encode(held))
    assert await kit() == (True, False)
    backups.kit_marker.write_bytes(msgspec.json.encode(msgspec.structs.replace(held, check="1234-5678")))
    assert await kit() == (False, True)
