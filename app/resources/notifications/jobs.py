"""The daemon's part: hands new notifications to the channels, sends what is due, forgets what is old."""

from datetime import timedelta
from typing import Final

from app.kit.clock import now
from app.kit.ids import first_id_at
from app.kit.log import get_logger
from app.resources.notifications import model, service
from app.resources.notifications.ways import Post
from app.resources.periodic import Job, Parts
from app.store.database import Scope
from app.store.vault import Vault

log = get_logger(__name__)

AT_ONCE: Final = 20  # what is left comes with the next look, a moment later
KEEP_FOR: Final = timedelta(days=90)


async def send_due(parts: Parts) -> int:
    """Hand out what is new and send what is due; how many were sent."""
    async with parts.database.transaction(Scope.system()) as tx:
        await model.hand_to_channels(tx)
        due = await model.list_due(tx, AT_ONCE)
    if not due:
        return 0
    post, vault, sent = Post(parts.settings), Vault(parts.settings.keys), 0
    try:
        for one in due:
            try:
                sent += await service.deliver(parts.database, vault, post, parts.settings, one)
            except Exception as exc:  # noqa: BLE001  one channel's trouble must not hold up the others
                log.error(
                    "notification not sent",
                    action="notification_failed",
                    channel=one.channel.id,
                    error=repr(exc),
                )
                await _give_up_for_now(parts, one)
    finally:
        await post.close()
    return sent


async def _give_up_for_now(parts: Parts, due: model.Due) -> None:
    """A channel whose secret does not open, for example: it comes again like one that did not get through."""
    async with parts.database.transaction(Scope.system()) as tx:
        again_in_s = service.PAUSES_S[due.tries] if due.tries < len(service.PAUSES_S) else None
        await model.note_failed(
            tx, due.id, "It could not be sent; the log of studio-daemon says why.", again_in_s
        )


async def forget_old(parts: Parts) -> int:
    """Forget notifications after some months."""
    async with parts.database.transaction(Scope.system()) as tx:
        return await model.forget_old(tx, first_id_at(now() - KEEP_FOR))


JOBS = (
    Job(name="notifications sent", every_s=5.0, run=send_due),
    Job(name="old notifications forgotten", every_s=3600.0, run=forget_old),
)
