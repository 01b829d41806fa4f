"""The daemon's part: hands new notifications to the channels, sends what is due, forgets what is old."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.kit.clock import now
from app.kit.ids import first_id_at
from app.kit.log import get_logger
from app.resources.notifications import model, service
from app.resources.notifications.ways import Post
from app.resources.periodic import Job, Parts
from app.store.database import DatabaseUnavailable, Scope
from app.store.vault import Vault

log = get_logger(__name__)

AT_ONCE: Final = 16  # channels that are sent to in the same moment
LOOK_EVERY_S: Final = 1.0  # for what is due elsewhere, while a channel keeps us waiting
KEEP_FOR: Final = timedelta(days=90)


async def send_due(parts: Parts) -> int:
    """Hand out what is new and send what is due; how many were sent.

    Each channel is sent one message after the other, in their order, and several channels at once. One that
    is slow or away holds up itself alone: while it is waited for, the others' messages are looked for.
    Nothing is remembered here, so whoever comes after a daemon that was killed goes on where it was.
    """
    post, vault, sent = Post(parts.settings), Vault(parts.settings.keys), 0
    under_way: dict[UUID, asyncio.Task[bool]] = {}
    try:
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    found = await _find_due(parts, under_way)
                except DatabaseUnavailable:
                    if not under_way:
                        raise
                    found = []  # what is under way may have been taken: ended now, it would go out twice
                for due in found:
                    under_way[due.channel.id] = group.create_task(_send(parts, vault, post, due))
                if not under_way:
                    return sent
                done, _ = await asyncio.wait(
                    under_way.values(), timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                )
                sent += sum(task.result() for task in done)
                under_way = {channel: task for channel, task in under_way.items() if task not in done}
    finally:
        await post.close()


async def _find_due(parts: Parts, under_way: Collection[UUID]) -> list[model.Due]:
    async with parts.database.transaction(Scope.system()) as tx:
        await model.hand_to_channels(tx)
        return await model.list_due(tx, AT_ONCE - len(under_way), under_way)


async def _send(parts: Parts, vault: Vault, post: Post, due: model.Due) -> bool:
    try:
        return await service.deliver(parts.database, vault, post, parts.settings, due)
    except Exception as exc:  # noqa: BLE001  a secret that does not open, for example, is one channel's trouble
        log.error(
            "notification not sent",
            action="notification_failed",
            channel=due.channel.id,
            error=repr(exc),
        )
        with suppress(DatabaseUnavailable):  # it stays due
            await service.note_failure(
                parts.database, due, "It could not be sent; the log of studio-daemon says why."
            )
        return False


async def forget_old(parts: Parts) -> int:
    """Forget notifications after some months."""
    async with parts.database.transaction(Scope.system()) as tx:
        return await model.forget_old(tx, first_id_at(now() - KEEP_FOR))


JOBS = (
    Job(name="notifications sent", every_s=5.0, run=send_due),
    Job(name="old notifications forgotten", every_s=3600.0, run=forget_old),
)
