"""What nobody names any more goes after its grace; what somebody still needs never does."""

import os
import time
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from app.kit.blobs import Blob
from app.kit.holds import hold
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.assets import model
from app.resources.assets.collection import Outlook, outlook
from app.resources.assets.jobs import collect_blobs, remove_stale_uploads
from app.resources.periodic import Parts
from app.server.edge import Edge
from app.store.database import Database, Scope, Transaction
from tests.people import People, Person, problem

LONG_AGO = timedelta(hours=60)
NOBODYS = timedelta(days=9)  # older than any step that still runs


class Killed(Exception):
    """The end of a process, as the database and the folder see it."""


@pytest.fixture
def parts(app: Edge) -> Parts:
    state = app.litestar.state
    return Parts(
        settings=state.settings,
        database=state.database,
        engine=state.engine,
        blobs=state.blobs,
        bus=state.bus,
    )


@pytest.fixture
async def person(people: People) -> Person:
    return await people.member(Role.owner)


async def outlook_of(parts: Parts) -> Outlook:
    async with parts.database.transaction(Scope.system()) as tx:
        return await outlook(tx, parts.blobs, parts.settings.collect_after_s)


async def put(person: Person, data: bytes) -> dict[str, str]:
    answer = await person.client.post("/api/v1/assets", files={"file": ("a.txt", data)})
    found: dict[str, str] = answer.json()
    return found


async def grow_old(database: Database, settings: Settings, sha256: str, age: timedelta = LONG_AGO) -> Path:
    """Make these bytes look as if they had been stored, and perhaps left, so long ago."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            "UPDATE blobs SET created_at = now() - %(age)s, "
            "unused_since = CASE WHEN unused_since IS NOT NULL THEN now() - %(age)s END "
            "WHERE sha256 = %(sha256)s",
            {"age": age, "sha256": sha256},
        )
    path = settings.blobs_dir / sha256[:2] / sha256
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))
    return path


async def test_bytes_go_when_their_last_asset_has_gone(
    person: Person, parts: Parts, database: Database, settings: Settings
) -> None:
    first, second = await put(person, b"kept by two"), await put(person, b"kept by two")
    path = await grow_old(database, settings, first["sha256"])
    await person.client.delete(f"/api/v1/assets/{first['id']}")
    await collect_blobs(parts)
    assert path.exists()
    await person.client.delete(f"/api/v1/assets/{second['id']}")
    await collect_blobs(parts)
    assert path.exists(), "a backup that began before may still copy it"
    await grow_old(database, settings, first["sha256"])
    await collect_blobs(parts)
    assert not path.exists()
    again = await put(person, b"kept by two")
    content = await person.client.get(f"/api/v1/assets/{again['id']}/content")
    assert content.content == b"kept by two"


async def test_fresh_bytes_stay_even_without_an_asset(
    person: Person, parts: Parts, settings: Settings
) -> None:
    asset = await put(person, b"fresh and soon without a name")
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    await collect_blobs(parts)
    assert (settings.blobs_dir / asset["sha256"][:2] / asset["sha256"]).exists()


async def test_bytes_that_no_row_knows_go_too(parts: Parts, settings: Settings) -> None:
    stray = settings.blobs_dir / "ab" / ("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"left by a crash")
    for days, is_kept in ((0, True), (3, True), (9, False)):
        then = time.time() - timedelta(days=days).total_seconds()
        os.utime(stray, (then, then))
        await collect_blobs(parts)
        assert stray.exists() is is_kept, "a step may run for a week before it says what it made"


async def test_bytes_stored_again_stay_until_whoever_stored_them_is_done(
    person: Person, parts: Parts, database: Database, settings: Settings
) -> None:
    asset = await put(person, b"made a second time")
    path = await grow_old(database, settings, asset["sha256"])
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    await collect_blobs(parts)
    await grow_old(database, settings, asset["sha256"])
    made = settings.tmp_dir / "made-again"
    made.write_bytes(b"made a second time")
    parts.blobs.adopt(made)
    await collect_blobs(parts)
    assert path.exists()
    await grow_old(database, settings, asset["sha256"], NOBODYS)  # it has no row now, and is a stray
    await collect_blobs(parts)
    assert not path.exists()


async def test_a_running_backup_holds_what_is_due(
    person: Person, parts: Parts, database: Database, settings: Settings
) -> None:
    asset = await put(person, b"to be copied first")
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    await collect_blobs(parts)
    path = await grow_old(database, settings, asset["sha256"])
    with hold(settings.tmp_dir, "nightly backup"):
        assert await collect_blobs(parts) == 0
        assert path.exists()
        assert (await outlook_of(parts)).held_by == ["nightly backup"]
    await collect_blobs(parts)
    assert not path.exists()


async def test_the_outlook_says_what_goes_and_what_was_freed(
    person: Person, parts: Parts, database: Database, settings: Settings
) -> None:
    await collect_blobs(parts)
    before = await outlook_of(parts)
    asset = await put(person, b"x" * 1000)
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    await collect_blobs(parts)
    during = await outlook_of(parts)
    assert during.waiting.bytes == before.waiting.bytes + 1000
    await grow_old(database, settings, asset["sha256"])
    due = (await outlook_of(parts)).due
    assert (due.files, due.bytes) == (1, 1000)
    await collect_blobs(parts)
    after = await outlook_of(parts)
    assert after.due.files == 0
    assert after.freed_30_days.bytes == before.freed_30_days.bytes + 1000


async def test_a_collector_that_was_killed_leaves_no_row_without_bytes(
    person: Person, parts: Parts, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await put(person, b"in the middle of it")
    await person.client.delete(f"/api/v1/assets/{asset['id']}")
    await collect_blobs(parts)
    path = await grow_old(database, settings, asset["sha256"])

    async def killed(*_: object) -> None:
        raise Killed

    def killed_later(_: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(model, "count_collected", killed)  # aside already, not yet committed
        with pytest.raises(Killed):
            await collect_blobs(parts)
    assert not path.exists()
    with hold(settings.tmp_dir, "a look at what is mended"):
        await collect_blobs(parts)
    assert path.read_bytes() == b"in the middle of it"
    with monkeypatch.context() as patch:
        patch.setattr(parts.blobs, "drop_aside", killed_later)
        with pytest.raises(Killed):
            await collect_blobs(parts)
    assert parts.blobs.asides() == [asset["sha256"]]
    await collect_blobs(parts)
    assert not parts.blobs.asides()
    assert not path.exists()


async def test_a_file_that_gets_its_row_while_it_is_judged_stays(
    parts: Parts, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = "cd" * 32
    file = settings.blobs_dir / "cd" / sha256
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"in a hurry")
    then = time.time() - NOBODYS.total_seconds()
    os.utime(file, (then, then))
    look_up = model.known_blobs

    async def slow_look_up(tx: Transaction, hashes: Collection[str]) -> set[str]:
        known = await look_up(tx, hashes)
        async with database.transaction(Scope.system()) as other:
            await model.note_blob(other, Blob(sha256, 10))
        return known

    monkeypatch.setattr(model, "known_blobs", slow_look_up)
    await collect_blobs(parts)
    assert file.exists()
    file.unlink()


async def test_an_upload_nobody_continued_is_given_up(
    person: Person, parts: Parts, database: Database, settings: Settings
) -> None:
    started = (
        await person.client.post("/api/v1/assets/uploads", json={"name": "a.bin", "size_bytes": 10})
    ).json()
    path = f"/api/v1/assets/uploads/{started['id']}"
    await person.client.patch(path, content=b"half", headers={"upload-offset": "0"})
    await remove_stale_uploads(parts)
    assert (await person.client.get(path)).json()["received_bytes"] == 4
    async with database.transaction(Scope.system()) as tx:
        await tx.execute(
            "UPDATE uploads SET touched_at = now() - %(age)s WHERE id = %(id)s",
            {"age": LONG_AGO, "id": started["id"]},
        )
    assert await remove_stale_uploads(parts) >= 1
    problem(await person.client.get(path), 404)
    assert not list(settings.tmp_dir.glob(f"upload-{started['id']}"))
