"""The live connection: in order, without gaps, only for who may see it, whatever Redis does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.engine.engine import Engine
from app.flow.messages import Lane, LogLine, live_channel
from app.kit.ids import InstanceId, OrganizationId
from app.resources.accounts.roles import Role
from app.resources.accounts.tokens import ACCESS_COOKIE
from app.resources.live import follow, welcome
from app.server.edge import Edge
from app.steps.discovery import catalog
from app.store.bus import Bus
from app.store.database import Database, Scope
from app.store.queue import Bells
from tests.engine.world import ADDRESSES, Shelf, World, node
from tests.patience import PATIENCE_S
from tests.people import ORIGIN, People, Person


@pytest_asyncio.fixture
async def address(app: Edge) -> AsyncIterator[str]:
    """Host and port of a real server: WebSockets and streams need one."""
    config = uvicorn.Config(
        app.api,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        ws="websockets-sansio",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest_asyncio.fixture
async def person(people: People) -> Person:
    """Somebody who may watch and start."""
    return await people.member(Role.operator)


@pytest_asyncio.fixture
async def theirs(database: Database, bus: Bus, person: Person) -> World:
    """The engine's world in that person's organization."""
    async with database.transaction(Scope.system()) as tx:
        await tx.execute("DELETE FROM instances")
    shelf = Shelf()
    engine = Engine(database, catalog(), Bells(bus.redis), bus, assets=shelf, callbacks=ADDRESSES)
    return World(database, engine, OrganizationId(person.organization_id), shelf)


@asynccontextmanager
async def socket(address: str, person: Person, **headers: str) -> AsyncIterator[ClientConnection]:
    """A live connection of somebody."""
    signed = {"authorization": f"Bearer {person.access_token}", **headers}
    async with connect(f"ws://{address}/api/v1/live", additional_headers=signed) as opened:
        yield opened


async def ask(opened: ClientConnection, **wish: Any) -> None:
    await opened.send(json.dumps(wish))


async def frame(opened: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(opened.recv(), PATIENCE_S))
    return found


async def told(opened: ClientConnection, until: str = "instance.completed") -> list[dict[str, Any]]:
    """The events up to one of this type."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != until:
        events += (await frame(opened)).get("events", [])
    return events


async def test_events_come_in_order_while_they_happen(address: str, person: Person, theirs: World) -> None:
    instance = await theirs.start(node("a"), node("b", needs=["a"]))
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=0)
        assert await frame(opened) == {"topic": f"instance:{instance}", "subscribed": True}
        await theirs.drain()
        events = await told(opened)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events] == await theirs.story(instance)


async def test_a_reconnect_goes_on_behind_the_last_event(address: str, person: Person, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    await theirs.drain()
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=3)
        events = await told(opened)
    assert [event["seq"] for event in events] == [4, 5, 6]


async def test_lost_doubled_and_reordered_messages_leave_no_gap(
    address: str, person: Person, theirs: World, bus: Bus
) -> None:
    instance = await theirs.start(node("a"))
    hand = theirs.worker()
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=0)
        await frame(opened)
        assert [event["seq"] for event in (await frame(opened))["events"]] == [1, 2]
        silent = Engine(
            theirs.database,
            catalog(),
            Bells(bus.redis),
            DeafBus(bus),
            assets=theirs.shelf,
            callbacks=ADDRESSES,
        )
        theirs.engine = silent  # commits, but tells nobody
        job = await theirs.worker_like(hand).must_claim()
        # A message about something later arrives first: the follower reads what lies between.
        await bus.publish(
            live_channel(instance),
            b'[{"seq":99,"type":"x","step_id":null,"data":{},"at":"2026-11-23T22:00:00Z"}]',
        )
        assert [event["seq"] for event in (await frame(opened))["events"]] == [3, 4]
        await theirs.worker_like(hand).complete(job)
        await bus.publish(live_channel(instance), b"[]")
        assert [event["type"] for event in await told(opened)] == ["step.completed", "instance.completed"]


class DeafBus(Bus):
    """A bus whose messages are lost."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus.redis, bus.redis)

    async def publish(self, channel: str, payload: bytes) -> None:
        """Lost."""

    async def publish_all(self, messages: Any) -> None:
        """Lost."""


async def test_a_message_that_never_came_is_noticed_soon(
    address: str, person: Person, theirs: World, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK_AGAIN_S", 0.1)
    instance = await theirs.start(node("a"))
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=2)
        await frame(opened)
        theirs.engine = Engine(
            theirs.database,
            catalog(),
            Bells(bus.redis),
            DeafBus(bus),
            assets=theirs.shelf,
            callbacks=ADDRESSES,
        )
        await theirs.drain()
        assert [event["seq"] for event in await told(opened)] == [3, 4, 5, 6]


async def test_without_redis_the_view_goes_on_and_says_that_it_is_late(
    database: Database, bus: Bus, theirs: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_S", 0.05)
    nowhere = Bus.open("redis://127.0.0.1:1/0")
    instance = await theirs.start(node("a"))
    follower = follow.Follower(
        database, nowhere, Scope.organization(person.organization_id), instance, after=0
    )
    news = follower.news()
    assert (await anext(news)).message() == {"late": True}, "once, and first"
    seen = [event.type for event in (await anext(news)).events]
    await theirs.drain()
    while "instance.completed" not in seen:
        told = await asyncio.wait_for(anext(news), PATIENCE_S)
        assert told.is_late is None
        seen += [event.type for event in told.events]
    assert seen == await theirs.story(instance)
    monkeypatch.setattr(follower, "_bus", bus)
    assert (await asyncio.wait_for(anext(news), PATIENCE_S)).message() == {"late": False}
    await news.aclose()
    await nowhere.close()


async def test_a_view_outlives_a_restart_of_the_database(
    address: str, person: Person, theirs: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(follow, "PATIENCE_S", 0.05)
    instance = await theirs.start(node("a"))
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=2)
        await frame(opened)
        for _ in range(3):  # as a restart does to every connection there is
            await theirs.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %(name)s",
                name="studio-api",
            )
            await asyncio.sleep(0.05)
        await theirs.drain()
        assert [event["seq"] for event in await told(opened)] == [3, 4, 5, 6]


async def test_progress_is_passed_on_without_a_number(address: str, person: Person, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    hand = theirs.worker()
    job = await hand.must_claim(Lane.cpu)
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=4)
        await frame(opened)
        heard = asyncio.create_task(frame(opened))
        line = LogLine(at="2026-11-23T22:00:00Z", level="info", message="hello")
        while not heard.done():
            await hand.report(job, progress_fraction=0.25, progress_message="A quarter", logs=[line])
            await asyncio.wait([heard], timeout=0.05)
    progress = heard.result()["progress"]
    assert progress["step_id"] == str(job.step_id)
    assert (progress["data"]["progress_fraction"], progress["data"]["node"]) == (0.25, "a")
    assert progress["data"]["logs"][0]["message"] == "hello"


async def test_another_organizations_instance_is_refused(address: str, people: People, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    stranger = await people.member(Role.owner)
    async with socket(address, stranger) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=0)
        answer = await frame(opened)
        assert answer["topic"] == f"instance:{instance}"
        assert answer["refused"]["status"] == 404
        await ask(opened, ping="still here")
        assert await frame(opened) == {"pong": "still here"}


@pytest.mark.parametrize("text", ["not json", "[]", '{"subscribe": 5}', '{"subscribe": "walrus:1"}'])
async def test_nonsense_is_answered_and_harms_nothing(address: str, person: Person, text: str) -> None:
    async with socket(address, person) as opened:
        await opened.send(text)
        assert (await frame(opened))["refused"]["status"] == 400
        await ask(opened, ping=1)
        assert await frame(opened) == {"pong": 1}


async def test_what_is_unsubscribed_is_heard_no_more(address: str, person: Person, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    async with socket(address, person) as opened:
        await ask(opened, subscribe=f"instance:{instance}", after=0)
        await frame(opened)
        await frame(opened)
        await ask(opened, unsubscribe=f"instance:{instance}", ping=1)
        assert await frame(opened) == {"pong": 1}
        await ask(opened, ping=2)
        await theirs.drain()
        assert await frame(opened) == {"pong": 2}
        await ask(opened, ping=3)
        assert await frame(opened) == {"pong": 3}


async def test_a_list_page_hears_of_every_instance(address: str, person: Person, theirs: World) -> None:
    async with socket(address, person) as opened:
        await ask(opened, subscribe="instances")
        await frame(opened)
        heard = asyncio.create_task(frame(opened))
        started: set[InstanceId] = set()
        while not heard.done():
            started.add(await theirs.start(node("a")))
            await asyncio.wait([heard], timeout=0.05)
    (event, *_) = heard.result()["events"]
    assert UUID(event["instance_id"]) in started
    assert event["type"] == "instance.created"


async def test_nobody_watches_without_a_sign_in_or_from_another_site(address: str, person: Person) -> None:
    assert await refusal(address) in {403, 4401}
    cookie = f"{ACCESS_COOKIE}={person.access_token}"
    assert await refusal(address, cookie=cookie, origin="https://evil.example") in {403, 4403}
    async with connect(
        f"ws://{address}/api/v1/live", additional_headers={"cookie": cookie, "origin": f"http://{address}"}
    ) as opened:
        await ask(opened, ping=1)
        assert await frame(opened) == {"pong": 1}


async def refusal(address: str, **headers: str) -> int:
    """The status or close code that a socket with these headers is refused with."""
    try:
        async with connect(f"ws://{address}/api/v1/live", additional_headers=headers) as opened:
            await asyncio.wait_for(opened.recv(), PATIENCE_S)
    except InvalidStatus as exc:
        return exc.response.status_code
    except ConnectionClosed as exc:
        return exc.rcvd.code if exc.rcvd else 0
    return 0


async def test_a_view_ends_with_its_sign_in(
    address: str, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.resources.live.routes.ASK_S", 0.1)
    async with socket(address, person) as opened:
        assert await frame(opened) == {"ping": True}
        async with database.transaction(Scope.system()) as tx:
            await tx.execute(
                "UPDATE sessions SET revoked_at = now() WHERE user_id = %(id)s", {"id": person.user_id}
            )
        with pytest.raises(ConnectionClosed) as closed:
            await drained(opened)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    assert welcome.ASK_S > 1


async def drained(opened: ClientConnection) -> None:
    """Hear everything until the other side closes, which raises."""
    while True:
        await frame(opened)


async def test_server_sent_events_say_the_same(address: str, person: Person, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    url = f"http://{address}/api/v1/live/sse?subscribe=instance:{instance}&after=1"
    headers = {"authorization": f"Bearer {person.access_token}"}
    seen: list[int] = []
    last = 0
    async with httpx.AsyncClient(headers=headers) as client, client.stream("GET", url) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        async with asyncio.timeout(PATIENCE_S):
            async for line in lines:
                if line.startswith("id: "):
                    last = int(line.removeprefix("id: "))
                if line.startswith("data: "):
                    events = json.loads(line.removeprefix("data: "))["events"]
                    seen += [event["seq"] for event in events]
                    assert seen[-1] == last
                    if events[-1]["type"] == "instance.completed":
                        break
                    await theirs.drain()
    assert seen == [2, 3, 4, 5, 6]


async def test_a_stream_of_a_foreign_instance_is_not_found(people: People, theirs: World) -> None:
    instance = await theirs.start(node("a"))
    stranger = await people.member(Role.owner)
    answer = await stranger.client.get(f"{ORIGIN}/api/v1/live/sse?subscribe=instance:{instance}")
    assert answer.status_code == 404
    assert (await stranger.client.get(f"{ORIGIN}/api/v1/live/sse?subscribe=walrus")).status_code == 400
