"""Waiting for an instance on behalf of a sender: by its live events, holding no database connection."""

import asyncio
from contextlib import aclosing
from typing import Final
from uuid import UUID

from app.flow.states import InstanceStatus
from app.resources.instances import service as instances
from app.resources.instances.schemas import InstanceView
from app.resources.live.follow import Follower
from app.store.bus import Bus
from app.store.database import Database, Scope

MOST_WAITING: Final = 200  # in one API process; one more is told where to look instead
# Some of them may be left again by a person's hand, which no sender waits for.
_ENDS: Final = frozenset({InstanceStatus.completed, InstanceStatus.failed, InstanceStatus.cancelled})
_END_EVENTS: Final = frozenset(f"instance.{status}" for status in _ENDS)


class WaitingRoom:
    """Where senders wait, one room for each API process."""

    def __init__(self, database: Database, bus: Bus, closing: asyncio.Event) -> None:
        self._database = database
        self._bus = bus
        self._closing = closing
        self._waiting = 0

    async def result(self, scope: Scope, instance_id: UUID, wait_s: float) -> InstanceView | None:
        """The instance when it has ended, None when it has not within this time or the room is full."""
        view = await self._look(scope, instance_id)
        if _has_ended(view):
            return view
        if self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        try:
            if not await self._has_ended_within(scope, instance_id, wait_s):
                return None
        finally:
            self._waiting -= 1
        view = await self._look(scope, instance_id)
        return view if _has_ended(view) else None

    async def _look(self, scope: Scope, instance_id: UUID) -> InstanceView:
        async with self._database.transaction(scope) as tx:
            return await instances.get(tx, instance_id)

    async def _has_ended_within(self, scope: Scope, instance_id: UUID, wait_s: float) -> bool:
        tasks = [
            asyncio.create_task(self._follow(scope, instance_id)),
            asyncio.create_task(self._closing.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            return tasks[0] in done and tasks[0].result() is True
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, scope: Scope, instance_id: UUID) -> bool:
        follower = Follower(self._database, self._bus, scope, instance_id, after=0)
        async with aclosing(follower.news()) as all_news:
            async for news in all_news:
                if any(event.type in _END_EVENTS for event in news.events):
                    return True
        return False


def _has_ended(view: InstanceView) -> bool:
    return view.status in _ENDS
