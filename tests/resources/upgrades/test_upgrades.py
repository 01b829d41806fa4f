"""The room of upgrades: what the volume keeps of its versions, and what going back would lose."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from app.kit.backups import Backups, BackupStatus, Rehearsal, Snapshot
from app.kit.clock import now
from app.kit.passport import Passport, Seen, read_passport
from app.kit.settings import Settings
from app.kit.version import studio_version
from app.resources.workflows.samples import document
from appliance import passport, upgrade
from tests.people import People, problem

TAKEN = Seen(
    version=studio_version(),
    schema="0002_second",
    since=now() - timedelta(hours=2),
    former="0.0.9",
    former_schema="0001_first",
    backup="a1b2c3d4",
    canary="signed in; cpu: ran in 0.4 s; gpu: not here",
)


class Volume:
    """The session's volume, with the past that a test gives it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.backups = Backups(settings.workspace)

    def has_seen(self, *seen: Seen, storage: str = "local") -> None:
        box = Passport(
            box_id="b", layout=1, version=studio_version(), created_at="", storage=storage, seen=list(seen)
        )
        passport.replace(self.settings, box)

    def keeps(self, snapshot: str, made_at_hours_ago: float) -> None:
        kept = Snapshot(
            id=snapshot,
            made_at=now() - timedelta(hours=made_at_hours_ago),
            took_s=1.0,
            studio="0.0.9",
            schema="0001_first",
            database_bytes=1,
            blobs=0,
            blobs_bytes=0,
            added_bytes=None,
        )
        status = BackupStatus(snapshots=[kept])
        (self.backups.folder / "status.json").write_bytes(msgspec.json.encode(status))


@pytest.fixture
def volume(settings: Settings) -> Iterator[Volume]:
    files = [passport.path_of(settings)]
    volume = Volume(settings)
    files += [volume.backups.folder / "status.json", volume.backups.rehearsed]
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    yield volume
    for file, content in before.items():
        if content is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(content)
    for wish in volume.backups.wished():
        (volume.backups.wishes / wish).unlink()


async def test_the_page_tells_the_way_back_and_what_it_would_lose(people: People, volume: Volume) -> None:
    volume.has_seen(TAKEN, msgspec.structs.replace(TAKEN, version="0.0.9", since=now() - timedelta(days=9)))
    volume.keeps("a1b2c3d4", made_at_hours_ago=2.1)
    boss = await people.member(is_super_admin=True)
    lost = (await boss.client.get("/api/v1/infrastructure/upgrades")).json()["way_back"]["lost"]
    made = await boss.client.post("/api/v1/workflows", json={"name": "Made since", "definition": document()})
    assert made.status_code == 201, made.text

    seen = (await boss.client.get("/api/v1/infrastructure/upgrades")).json()

    assert [one["version"] for one in seen["seen"]] == [studio_version(), "0.0.9"]
    assert seen["seen"][0]["outcome"] == "untried"
    assert seen["schema"] == seen["schema_wanted"]
    assert "run `studio upgrade back` with this version" in seen["way_back"]["sentence"]
    assert seen["way_back"]["is_kept"] is True
    assert seen["way_back"]["lost"]["versions"] == lost["versions"] + 1


async def test_a_backup_that_is_gone_and_a_database_that_was_not_changed_lose_nothing_to_count(
    people: People, volume: Volume
) -> None:
    boss = await people.member(is_super_admin=True)

    async def way_back() -> dict[str, object]:
        found = (await boss.client.get("/api/v1/infrastructure/upgrades")).json()["way_back"]
        return {} if found is None else dict(found)

    volume.has_seen(TAKEN)
    volume.keeps("another", made_at_hours_ago=2.1)
    gone = await way_back()
    assert (gone["backup"], gone["is_kept"], gone["lost"]) == ("a1b2c3d4", False, None)
    volume.has_seen(msgspec.structs.replace(TAKEN, former_schema=TAKEN.schema, backup=None))
    same = await way_back()
    assert same["sentence"] == (
        "The database is as it was: start the version before, Studio 0.0.9 (image tag 0.0.9)."
    )
    assert (same["backup"], same["lost"]) == (None, None)
    volume.has_seen(TAKEN, storage="hydrate")
    assert "run `studio upgrade back`" in str((await way_back())["sentence"])
    volume.has_seen(msgspec.structs.replace(TAKEN, former=None, former_schema=None, backup=None))
    assert await way_back() == {}


async def test_a_version_is_marked_by_whoever_saw_that_it_works_and_once(
    people: People, volume: Volume
) -> None:
    boss = await people.member(is_super_admin=True)
    volume.has_seen(TAKEN)

    asked = await boss.client.post("/api/v1/infrastructure/upgrades/healthy")

    assert (asked.status_code, asked.json()["is_asked"]) == (202, True)
    assert volume.backups.wished() == ["healthy"]
    entries = await boss.client.get("/api/v1/audit", params={"action": "upgrade.believed"})
    assert len(entries.json()["items"]) == 1
    believed = upgrade.believe(volume.settings)
    box = read_passport(volume.settings.workspace)
    assert box is not None and box.seen == [believed]
    refused = problem(await boss.client.post("/api/v1/infrastructure/upgrades/healthy"), 409)
    assert refused["type"].endswith("nothing-to-believe")


async def test_rehearsals_are_shown_with_the_version_that_was_tried(people: People, volume: Volume) -> None:
    tried = Rehearsal(
        at=now(),
        is_right=False,
        sentence="The migrations do not work on the copy: the disk is on fire",
        studio="9.9.9",
        snapshot="a1b2c3d4",
        moment=now(),
        before="0001_first",
        after="0001_first",
        restore_s=1.5,
        migrate_s=0.5,
    )
    volume.backups.rehearsed.write_bytes(msgspec.json.encode([tried]))
    boss = await people.member(is_super_admin=True)
    found = (await boss.client.get("/api/v1/infrastructure/upgrades")).json()["rehearsals"]
    assert [(one["studio"], one["is_right"]) for one in found] == [("9.9.9", False)]
