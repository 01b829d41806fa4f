"""Watching live: one WebSocket for whatever a page follows, server-sent events where none gets through.

Both tell the same story as asking GET /api/v1/instances/{id}/events?after= again and again, only sooner.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from litestar import Controller, WebSocket, get, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream

from app.kit.codec import encode_text
from app.kit.log import get_logger
from app.resources.accounts.guards import requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.live.conversation import Conversation, instance_of, refuse_foreign
from app.resources.live.follow import Follower, News
from app.resources.live.welcome import ASK_S, is_still_welcome
from app.store.bus import Bus
from app.store.database import Database

log = get_logger(__name__)

SIGN_IN_ENDED = 4401  # 4000 + the HTTP status, as every refusal of a WebSocket here

Topic = Annotated[str, Parameter(description="instance:<id>", max_length=60)]
After = Annotated[int, Parameter(ge=0, description="Only events behind this number")]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=20)]


class LiveController(Controller):
    """Events as they happen."""

    path = "/api/v1/live"
    tags = ("live",)

    @websocket("/", guards=[requires(Role.viewer)])
    async def converse(self, socket: WebSocket[Any, Any, Any], database: Database, bus: Bus) -> None:
        """Follow instances; the protocol stands in `conversation.py`."""
        principal: Principal = socket.state.principal  # the guard has asked
        await socket.accept()
        conversation = Conversation(database, bus, principal, socket.send_text)
        watch = asyncio.create_task(_watch(socket, database, principal, conversation))
        try:
            while True:
                await conversation.hear(await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            watch.cancel()
            await conversation.close()

    @get(
        "/sse", operation_id="followInstance", guards=[requires(Role.viewer)], media_type="text/event-stream"
    )
    async def stream(
        self,
        *,
        principal: Principal,
        database: Database,
        bus: Bus,
        state: State,
        subscribe: Topic,
        after: After = 0,
        last_event_id: LastEventId = None,
    ) -> Stream:
        """Follow one instance as server-sent events; a reconnect goes on where it broke off."""
        instance_id = instance_of(subscribe)
        await refuse_foreign(database, principal, instance_id)
        if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
            after = max(after, int(last_event_id))
        follower = Follower(database, bus, principal.scope, instance_id, after)
        return Stream(
            _frames(follower, subscribe, database, principal, state.closing),
            media_type="text/event-stream",
            # The second asks nginx, which many proxies are, not to gather the stream.
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )


async def _watch(
    socket: WebSocket[Any, Any, Any], database: Database, principal: Principal, conversation: Conversation
) -> None:
    """Keep a quiet line open through proxies, and close it when its sign-in has ended."""
    while True:
        await asyncio.sleep(ASK_S)
        if not await is_still_welcome(database, principal):
            await socket.close(code=SIGN_IN_ENDED, reason="This sign-in has ended; sign in again.")
            return
        await conversation.say({"ping": True})


async def _frames(
    follower: Follower, topic: str, database: Database, principal: Principal, closing: asyncio.Event
) -> AsyncIterator[str]:
    """The news as server-sent events; ends when the sign-in has ended or the server stops."""
    heard: asyncio.Queue[News | None] = asyncio.Queue(maxsize=8)
    tasks = [asyncio.create_task(_listen(follower, heard)), asyncio.create_task(_close(closing, heard))]
    yield "retry: 1000\n\n"
    try:
        while True:
            try:
                async with asyncio.timeout(ASK_S):
                    news = await heard.get()
            except TimeoutError:
                if not await is_still_welcome(database, principal):
                    return
                yield ": still here\n\n"
                continue
            if news is None:
                return
            yield _frame(topic, news)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(follower: Follower, heard: asyncio.Queue[News | None]) -> None:
    """Pass the news on; when that breaks off the stream ends, and the browser comes again."""
    try:
        async with aclosing(follower.news()) as all_news:
            async for news in all_news:
                await heard.put(news)
    except Exception as exc:  # noqa: BLE001  a request door: the headers are out, so only the end can tell
        log.warning("a live stream broke off", action="live_broken", error=repr(exc))
        await heard.put(None)


async def _close(closing: asyncio.Event, heard: asyncio.Queue[News | None]) -> None:
    await closing.wait()
    await heard.put(None)


def _frame(topic: str, news: News) -> str:
    number = f"id: {news.events[-1].seq}\n" if news.events else ""
    return f"{number}data: {encode_text({'topic': topic, **news.message()})}\n\n"
