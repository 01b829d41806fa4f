"""People are told: in the house, and by channels whose secrets nobody sees again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.engine.callbacks import Callbacks
from app.engine.engine import Engine
from app.kit.blobs import BlobFolder
from app.kit.clock import now, rfc3339
from app.kit.settings import Settings
from app.resources.accounts.roles import Role
from app.resources.notifications import jobs, model, service
from app.resources.notifications.ways import Severity
from app.resources.periodic import Parts
from app.server.application import create_app
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Row, Scope
from app.store.queue import Bells
from tests.engine.world import Shelf
from tests.lifespan import running
from tests.people import People, Person, gathering, problem
from tests.resources.notifications.certificates import certified
from tests.resources.notifications.receivers import HttpReceiver, MailReceiver

CHANNELS = "/api/v1/notification-channels"
HERE = "127.0.0.1"


@pytest.fixture
def near(settings: Settings) -> Settings:
    """The settings of a box that may reach this machine."""
    return replace(settings, outgoing_allow=(HERE,), public_urls=("https://studio.test",))


@pytest.fixture
async def chief(near: Settings, database: Database) -> AsyncIterator[Person]:
    """Who runs the box, in an application that may reach this machine."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM notifications")
        await tx.execute("DELETE FROM notification_channels")
    app = create_app(near)
    async with running(app), gathering(app, database, near) as people:
        yield await people.member(Role.viewer, is_super_admin=True)


@pytest.fixture
async def parts(near: Settings, database: Database, tmp_path: Path) -> AsyncIterator[Parts]:
    """What the daemon works with."""
    bus = Bus.open(near.redis.url)
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=Shelf(), callbacks=Callbacks.of(near))
    yield Parts(
        settings=near, database=database, engine=engine, blobs=BlobFolder(tmp_path, tmp_path), bus=bus
    )
    await bus.close()


async def tell(
    database: Database,
    severity: Severity = Severity.warning,
    organization_id: Any = None,
    title: str = "Trouble",
) -> str:
    async with database.transaction(Scope.system()) as tx:
        return str(
            await model.add(
                tx,
                organization_id=organization_id,
                severity=severity,
                title=title,
                body="Something broke.",
                remedy="Mend it.",
                link="/system",
            )
        )


async def add(chief: Person, way: dict[str, Any], **more: Any) -> str:
    answer = await chief.client.post(CHANNELS, json={"name": "Ring", "way": way, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def deliveries(database: Database) -> list[Row]:
    async with database.transaction(Scope.system()) as tx:
        return await tx.fetch_all("SELECT * FROM notification_deliveries ORDER BY id")


async def states(database: Database) -> list[str]:
    return sorted(row["status"] for row in await deliveries(database))


async def wake(database: Database, since: timedelta = timedelta()) -> None:
    """Every channel has rested; what waits has been waiting a little longer than this."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("UPDATE notification_channels SET resting_until = now()")
        await tx.execute(
            "UPDATE notification_deliveries SET due_at = due_at - %(since)s WHERE status = 'pending'",
            {"since": since},
        )


async def test_each_is_told_what_concerns_them_and_the_bell_counts_what_is_new(
    people: People, database: Database
) -> None:
    member = await people.member(Role.viewer)
    chief = await people.member(Role.viewer, member.organization_id, is_super_admin=True)
    other = await people.member(Role.owner)
    about_box = await tell(database)
    about_them = await tell(database, organization_id=member.organization_id)

    async def told(person: Person) -> list[str]:
        items = (await person.client.get("/api/v1/notifications", params={"limit": 50})).json()["items"]
        return [one["id"] for one in items if one["id"] in {about_box, about_them}]

    assert await told(member) == [about_them]
    assert await told(chief) == [about_them, about_box]
    assert await told(other) == []
    assert (await member.client.get("/api/v1/notifications/unseen")).json() == {"count": 1}
    seen = await member.client.post("/api/v1/notifications/seen", json={"until": about_them})
    assert seen.status_code == 204
    assert (await member.client.get("/api/v1/notifications/unseen")).json() == {"count": 0}
    assert (await member.client.get("/api/v1/notifications")).json()["items"][0]["is_seen"]
    assert (await chief.client.get("/api/v1/notifications/unseen")).json()["count"] >= 2
    await tell(database, organization_id=member.organization_id)
    assert (await member.client.get("/api/v1/notifications/unseen")).json() == {"count": 1}
    ahead = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    await member.client.post("/api/v1/notifications/seen", json={"until": ahead})
    await tell(database, organization_id=member.organization_id)
    assert (await member.client.get("/api/v1/notifications/unseen")).json() == {"count": 1}


async def test_a_webhook_slack_and_ntfy_hear_of_it_once(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as there:
        url = f"http://{HERE}:{there.port}"
        await add(chief, {"kind": "webhook"}, secret=f"{url}/hook?key=s3cret-key")
        await add(chief, {"kind": "slack"}, secret=f"{url}/slack")
        await add(chief, {"kind": "ntfy", "server": url, "topic": "box"}, secret="tk_abcdef123456")
        told = await tell(database)
        await tell(database, Severity.info, title="Small talk")
        assert await jobs.send_due(parts) == 3
        assert await jobs.send_due(parts) == 0
    by_path = {one.path: one for one in there.taken}
    hook, slack, ntfy = by_path["/hook?key=s3cret-key"], by_path["/slack"], by_path["/"]
    assert hook.body["id"] == told
    assert (hook.body["severity"], hook.body["link"]) == ("warning", "https://studio.test/system")
    assert slack.body == {"text": "*Trouble*\nSomething broke.\nMend it.\nhttps://studio.test/system"}
    assert (ntfy.body["topic"], ntfy.body["priority"], ntfy.body["title"]) == ("box", 3, "Trouble")
    assert ntfy.headers["authorization"] == "Bearer tk_abcdef123456"
    assert {row["status"] for row in await deliveries(database)} == {"sent"}


def mail_by(relay: MailReceiver, security: str, **more: Any) -> dict[str, Any]:
    """A channel by this relay."""
    whom = {"sender": "studio@example.org", "recipients": ["ada@example.org"]}
    return {"kind": "mail", "host": HERE, "port": relay.port, "security": security, **whom, **more}


async def tried(chief: Person, way: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What became of a trial message by a new channel."""
    answer = await chief.client.post(f"{CHANNELS}/{await add(chief, way, **more)}/test")
    found: dict[str, Any] = answer.json()
    return found


async def test_mail_goes_out_and_a_refusal_says_the_relays_words(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with MailReceiver().open() as relay:
        mail = mail_by(relay, "none")
        await add(chief, mail)
        await tell(database, title="Trouble\u2028with\x85lines")
        assert await jobs.send_due(parts) == 1
        (text,) = relay.mails
        assert "Subject: [Studio] Trouble with lines" in text and "Mend it." in text and "\nDate: " in text
        lost = await tried(chief, mail | {"recipients": ["nobody@example.org"]})
        assert lost["is_sent"] is False
        assert HERE in lost["sentence"] and "nobody of that name" in lost["sentence"]
        some = await tried(chief, mail | {"recipients": ["ada@example.org", "nobody@example.org"]})
        assert some["is_sent"] is True and "did not reach nobody@example.org" in some["sentence"]
        assert len(relay.mails) == 2
        problem(await chief.client.post(CHANNELS, json={"name": "x", "way": mail | {"username": "a"}}), 422)
        await tell(database, title="far too long")
        assert await jobs.send_due(parts) == 0
        assert await states(database) == ["failed"] * 2 + ["pending"] + ["sent"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_mail_goes_out_over_tls_and_no_other_way(
    chief: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    server, trusted = certified(tmp_path, HERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    there = MailReceiver(server, is_implicit=security == "tls", password="right")
    async with there.open() as relay:
        mail = mail_by(relay, security, username="ada")
        assert (await tried(chief, mail, secret="right"))["is_sent"]
        assert "Subject: [Studio] A trial message" in relay.mails[0]
        wrong = await tried(chief, mail, secret="wrong")
        assert not wrong["is_sent"] and "535 who are you" in wrong["sentence"]
        lost = await tried(chief, mail | {"recipients": ["nobody@example.org"]}, secret="right")
        assert not lost["is_sent"] and "550 nobody of that name" in lost["sentence"]
        monkeypatch.delenv("SSL_CERT_FILE")
        unknown = await tried(chief, mail, secret="right")
        assert not unknown["is_sent"] and "certificate" in unknown["sentence"]
        other, trusted = certified(tmp_path, "127.0.0.2")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        async with MailReceiver(other, is_implicit=security == "tls").open() as impostor:
            elsewhere = await tried(chief, mail_by(impostor, security))
        assert not elsewhere["is_sent"] and "certificate" in elsewhere["sentence"]
        assert impostor.mails == [] and len(relay.mails) == 1


async def test_a_relay_without_the_wanted_encryption_gets_no_mail(chief: Person) -> None:
    async with MailReceiver().open() as relay:
        plain = await tried(chief, mail_by(relay, "starttls"))
        assert not plain["is_sent"] and "no STARTTLS" in plain["sentence"]
        deaf = await tried(chief, mail_by(relay, "tls"))
        assert not deaf["is_sent"] and "no TLS" in deaf["sentence"]
    assert relay.mails == []


async def test_what_does_not_get_through_is_tried_again_and_given_up_some_day(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as there:
        channel = await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/")
        await tell(database, title="first")
        await tell(database, title="second")
        there.status = 503
        assert await jobs.send_due(parts) == 0
        assert there.titles("/") == ["first"], "the second waits for the first"
        shown = (await chief.client.get(CHANNELS)).json()["items"][0]
        assert shown["last_delivery"]["status"] == "pending" and "503" in shown["last_delivery"]["error"]
        assert shown["resting_until"] > rfc3339(now())
        assert await jobs.send_due(parts) == 0
        assert len(there.taken) == 1, "it is not due yet"
        there.status = 200
        await wake(database)
        assert await jobs.send_due(parts) == 2
        assert there.titles("/") == ["first", "first", "second"]
        shown = (await chief.client.get(CHANNELS)).json()["items"][0]
        assert (shown["last_delivery"]["status"], shown["resting_until"]) == ("sent", None)
        there.status = 503
        await tell(database, title="third")
        await tell(database, title="fourth")
        for _ in range(len(service.PAUSES_S) + 1):
            await wake(database)
            assert await jobs.send_due(parts) == 0
        assert await states(database) == ["pending", "pending", "sent", "sent"]
        await wake(database, since=service.KEEP_TRYING)
        await tell(database, title="fifth")
        assert await jobs.send_due(parts) == 0
        assert await states(database) == ["failed", "failed", "pending", "sent", "sent"]
        there.status = 200
        assert (await chief.client.post(f"{CHANNELS}/{channel}/test")).json()["is_sent"]
        assert await jobs.send_due(parts) == 1, "a channel that works is not left to rest"
        assert there.titles("/")[-1] == "fifth"


async def test_a_slow_channel_holds_up_no_other_and_each_keeps_its_order(
    chief: Person, database: Database, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_S", 0.01)
    async with HttpReceiver().open() as there, asyncio.TaskGroup() as group:
        there.held["/slow"] = asyncio.Event()
        for path in ("/slow", "/quick"):
            await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}{path}")
        for title in ("first", "second"):
            await tell(database, title=title)
        sending = group.create_task(jobs.send_due(parts))
        await there.until("/slow", 1)
        await there.until("/quick", 2)
        await tell(database, title="third")
        await there.until("/quick", 3)
        assert there.titles("/slow") == ["first"]
        there.held["/slow"].set()
        assert await sending == 6
        assert there.titles("/slow") == there.titles("/quick") == ["first", "second", "third"]


async def test_a_message_that_is_not_wanted_is_given_up_and_the_next_one_goes_out(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as there:
        await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/")
        there.status = 413
        await tell(database)
        assert await jobs.send_due(parts) == 0
        there.status = 200
        await tell(database)
        assert await jobs.send_due(parts) == 1
    assert await states(database) == ["failed", "sent"]


async def test_a_daemon_that_ends_in_the_middle_leaves_the_message_to_the_next(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as there:
        there.held["/"] = asyncio.Event()
        await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/")
        await tell(database)
        sending = asyncio.create_task(jobs.send_due(parts))
        await there.until("/", 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        there.held["/"].set()
        assert await jobs.send_due(parts) == 1
    assert [one.body["id"] for one in there.taken] == [there.taken[0].body["id"]] * 2


async def test_no_channel_reaches_the_box_itself(
    chief: Person, near: Settings, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as redis, HttpReceiver().open() as postgres:
        ports = (redis.port, postgres.port)
        settings = replace(
            near,
            redis=replace(near.redis, url=f"redis://{HERE}:{redis.port}/0"),
            database=replace(near.database, app_url=f"postgresql://x:y@{HERE}:{postgres.port}/studio"),
        )
        for port in ports:
            await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{port}/")
        mail = {"kind": "mail", "host": HERE, "port": redis.port, "sender": "a@b.example", "security": "none"}
        await add(chief, mail | {"recipients": ["ada@example.org"]})
        await tell(database)
        assert await jobs.send_due(replace(parts, settings=settings)) == 0
        assert redis.taken == postgres.taken == []
        assert all("private or internal" in row["error"] for row in await deliveries(database))


async def test_quiet_hours_put_off_what_can_wait(chief: Person, database: Database, parts: Parts) -> None:
    hour = timedelta(hours=1)
    quiet = {"start": f"{now() - hour:%H:%M}", "end": f"{now() + hour:%H:%M}", "time_zone": "UTC"}
    async with HttpReceiver().open() as there:
        url = f"http://{HERE}:{there.port}"
        await add(chief, {"kind": "webhook"}, secret=f"{url}/wakes", quiet=quiet)
        await add(chief, {"kind": "webhook"}, secret=f"{url}/sleeps", quiet=quiet, wakes=False)
        await tell(database, Severity.warning)
        await tell(database, Severity.critical)
        assert await jobs.send_due(parts) == 1
        assert [one.path for one in there.taken] == ["/wakes"]
        waiting = [row for row in await deliveries(database) if row["status"] == "pending"]
        assert len(waiting) == 3
        assert all(row["due_at"] > now() + hour / 2 and row["tries"] == 0 for row in waiting)


async def test_a_private_place_is_refused_unless_it_is_allowed(people: People) -> None:
    chief = await people.member(Role.viewer, is_super_admin=True)
    async with HttpReceiver().open() as there:
        channel = await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/")
        tried = (await chief.client.post(f"{CHANNELS}/{channel}/test")).json()
    assert tried["is_sent"] is False and "STUDIO_OUTGOING_ALLOW" in tried["sentence"]
    assert there.taken == []


async def test_a_secret_is_sealed_and_never_given_out(chief: Person, database: Database) -> None:
    secret = "https://hooks.example.org/s3cret-address"
    channel = await add(chief, {"kind": "slack"}, secret=secret)
    shown = await chief.client.get(CHANNELS)
    assert secret not in shown.text and shown.json()["items"][0]["has_secret"]
    async with database.transaction(Scope.system()) as tx:
        kept = await tx.fetch_value("SELECT secret FROM notification_channels")
    assert kept.startswith("v1:") and "s3cret" not in kept
    renamed = await chief.client.patch(f"{CHANNELS}/{channel}", json={"name": "Bell"})
    assert (renamed.json()["name"], renamed.json()["has_secret"]) == ("Bell", True)
    ntfy = {"way": {"kind": "ntfy", "topic": "box"}}
    moved = await chief.client.patch(f"{CHANNELS}/{channel}", json=ntfy)
    assert moved.json()["has_secret"] is False, "an address is no token"
    problem(await chief.client.patch(f"{CHANNELS}/{channel}", json={"way": {"kind": "slack"}}), 422)
    assert (await chief.client.delete(f"{CHANNELS}/{channel}")).status_code == 204
    problem(await chief.client.delete(f"{CHANNELS}/{channel}"), 404)


@pytest.mark.parametrize(
    "wish",
    [
        {"way": {"kind": "pigeon"}},
        {"way": {"kind": "webhook"}},
        {"way": {"kind": "ntfy", "topic": "a b"}},
        {"way": {"kind": "mail", "host": "x", "sender": "nobody", "recipients": ["a@b"]}},
        {"way": {"kind": "ntfy", "topic": "x"}, "quiet": {"start": "25:00", "end": "07:00"}},
        {
            "way": {"kind": "ntfy", "topic": "x"},
            "quiet": {"start": "22:00", "end": "07:00", "time_zone": "Mars"},
        },
    ],
)
async def test_what_cannot_be_a_channel_is_refused_in_words(chief: Person, wish: dict[str, Any]) -> None:
    found = problem(await chief.client.post(CHANNELS, json={"name": "x", **wish}), 422)
    assert found["complaints"]


async def test_a_channel_whose_secret_does_not_open_holds_up_no_other(
    chief: Person, database: Database, parts: Parts
) -> None:
    async with HttpReceiver().open() as there:
        broken = await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/broken")
        await add(chief, {"kind": "webhook"}, secret=f"http://{HERE}:{there.port}/fine")
        async with database.transaction(Scope.system()) as tx:
            await tx.execute(
                "UPDATE notification_channels SET secret = overlay(secret PLACING 'AAAA' FROM 60) "
                "WHERE id = %(id)s",
                {"id": broken},
            )
        await tell(database)
        assert await jobs.send_due(parts) == 1
    assert [one.path for one in there.taken] == ["/fine"]
    assert await states(database) == ["pending", "sent"]


async def test_a_secret_is_not_taken_along_to_another_place(chief: Person) -> None:
    way = {"kind": "ntfy", "server": "https://ntfy.example.org", "topic": "box"}
    channel = await add(chief, way, secret="tk_abcdef123456")
    address = f"{CHANNELS}/{channel}"
    renamed = await chief.client.patch(address, json={"way": way | {"topic": "other"}})
    assert renamed.json()["has_secret"] is True
    moved = await chief.client.patch(address, json={"way": way | {"server": "https://elsewhere.example.org"}})
    assert moved.json()["has_secret"] is False


async def test_an_address_that_is_none_is_told_without_it(chief: Person) -> None:
    channel = await add(chief, {"kind": "webhook"}, secret="hooks.example.org/s3cret-address")
    tried = await chief.client.post(f"{CHANNELS}/{channel}/test")
    assert "s3cret" not in tried.text and "no web address" in tried.text
