"""Starts and stops an ASGI application as a server does: one task, the lifespan protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def running(app: Application) -> AsyncIterator[None]:
    """Started up inside the block, shut down after it. An error of either reaches the test."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, inbox.get, outbox.put))
    try:
        await _ask(inbox, outbox, task, "startup")
        yield
        await _ask(inbox, outbox, task, "shutdown")
    finally:
        task.cancel()


async def _ask(
    inbox: asyncio.Queue[dict[str, str]],
    outbox: asyncio.Queue[dict[str, str]],
    task: asyncio.Future[None],
    phase: str,
) -> None:
    await inbox.put({"type": f"lifespan.{phase}"})
    answer = asyncio.ensure_future(outbox.get())
    waiting: set[asyncio.Future[Any]] = {answer, task}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        task.result()
        raise RuntimeError(f"the application ended during its {phase}")
    if answer.result()["type"] != f"lifespan.{phase}.complete":
        raise RuntimeError(f"{phase} failed: {answer.result().get('message')}")
