"""What follows a commit: bells and messages at once, further moves partly in the background.

A move may lead to others, each a transaction of its own, and those to more: a thousand rounds of a loop, a
thousand instances of a fan-out. Whoever made the first move waits for a few of them, because mostly there are
no more, and never for all: the rest goes on in the background of the process.

Nothing here is promised. What is lost with its process, the daemon finds in the database and does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context, ContextVar
from typing import Any, Final

import msgspec

from app.kit.log import get_logger

log = get_logger(__name__)

Action = Callable[[], Awaitable[Any]]

AWAITED: Final = 10  # moves that the first one's caller waits for; some 10 ms each
AT_ONCE: Final = 2  # moves in the background, so that most connections are there for those who wait


class After(msgspec.Struct, frozen=True):
    """Something to be done after a commit."""

    action: Action
    is_move: bool  # a transaction of its own: nobody has to wait for it


class _Chain:
    """What is to be done after a commit, and after those that this leads to, in order."""

    def __init__(self, actions: Iterable[After], *, awaited: int | None) -> None:
        self.actions = deque(actions)
        self.awaited = awaited  # moves that are still waited for; None: all, nobody waits
        self.is_open = True  # False: too late to add; a task that an action left behind may still see it


# Of this task, while it does what follows a commit.
_chain: ContextVar[_Chain | None] = ContextVar("_chain", default=None)


class Aftermath:
    """What goes on in this process after commits."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._is_ending = False

    async def follow(self, actions: list[After]) -> None:
        """Do what waited for a commit.

        An action may open a transaction of its own, with actions of its own: those follow behind the ones
        already waiting, not inside. A thousand rounds that each lead to the next are a thousand turns of one
        loop; inside one another they ran out of stack after some two hundred.
        """
        if not actions:
            return
        outer = _chain.get()
        if outer is not None and outer.is_open:
            outer.actions.extend(actions)
            return
        later = await self._work_off(_Chain(actions, awaited=AWAITED))
        if later and not self._is_ending:
            # In a context of its own: the caller's may belong to a chain that goes on.
            task = asyncio.create_task(self._go_on(later), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _go_on(self, actions: list[After]) -> None:
        await self._work_off(_Chain(actions, awaited=None))

    async def _work_off(self, chain: _Chain) -> list[After]:
        """Do it all, but for the moves beyond those that are waited for."""
        later: list[After] = []
        token = _chain.set(chain)
        try:
            while chain.actions:
                after = chain.actions.popleft()
                if not after.is_move:
                    await _do(after)
                elif chain.awaited is None:
                    async with self._turns:
                        if not self._is_ending:
                            await _do(after)
                elif chain.awaited:
                    chain.awaited -= 1
                    await _do(after)
                else:
                    later.append(after)
        finally:
            chain.is_open = False
            _chain.reset(token)
        return later

    async def settled(self) -> None:
        """Wait until nothing goes on in the background any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Finish the moves that have begun, before what they need is closed; the others are the daemon's."""
        self._is_ending = True
        await self.settled()


async def _do(after: After) -> None:
    try:
        await after.action()
    except Exception as exc:  # noqa: BLE001
        # The facts are committed; sweeps and replays repair what this missed.
        log.error("after-commit action failed", action="after_commit_failed", error=repr(exc))
