"""Notifications read, channels kept and tried out, messages sent."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from app.flow.quiet import checked, quiet_until
from app.kit.clock import now, rfc3339
from app.kit.errors import Complaint, Conflict, Invalid, NotFound
from app.kit.ids import OrganizationId, new_id
from app.kit.log import get_logger
from app.kit.settings import Settings
from app.resources.accounts.principal import Principal
from app.resources.audit.record import named, record
from app.resources.notifications import acts, model
from app.resources.notifications.model import Channel, Due, Notification
from app.resources.notifications.schemas import (
    ChannelChange,
    Channels,
    ChannelView,
    NewChannel,
    Notifications,
    NotificationView,
    Tried,
)
from app.resources.notifications.ways import Message, NotSent, Post, Severity, Unwanted, needs_secret, reaches
from app.resources.paging import Page
from app.store.database import Database, Scope, Transaction
from app.store.vault import Vault

log = get_logger(__name__)

MOST_CHANNELS: Final = 50
MOST_COUNTED: Final = 100
# How long a channel rests after so many failures in a row; the last goes on. Short at first, for a server
# that restarts; never so long that what is urgent waits for a channel that has long been mended.
PAUSES_S: Final = (10.0, 30.0, 120.0, 600.0)
KEEP_TRYING: Final = timedelta(days=1)  # for one message
LIMIT_S: Final = 60.0  # for one try; every way has a shorter one of its own


class ChannelNotFound(NotFound):
    """There is no such channel in this organization."""


class TooManyChannels(Conflict):
    """This organization has as many channels as one may have; delete one first."""


async def list_notifications(database: Database, principal: Principal, page: Page) -> Notifications:
    """What somebody is told: of the organization, and of the box to those who run it."""
    async with database.transaction(Scope.system()) as tx:
        rows = await model.list_notifications(
            tx, principal.organization_id, runs_the_box=principal.is_super_admin, page=page
        )
        seen = await model.seen_until(tx, principal.user_id)
    items, cursor = page.cut(rows, lambda row: row.id)
    return Notifications(items=[NotificationView.of(row, seen) for row in items], next_cursor=cursor)


async def count_unseen(database: Database, principal: Principal) -> int:
    """What the bell shows."""
    async with database.transaction(Scope.system()) as tx:
        return await model.count_unseen(
            tx,
            principal.organization_id,
            runs_the_box=principal.is_super_admin,
            user_id=principal.user_id,
            most=MOST_COUNTED,
        )


async def mark_seen(database: Database, principal: Principal, until: UUID) -> None:
    """Everything up to this one has been seen; one from the future would hide what is yet to come."""
    async with database.transaction(Scope.nobody()) as tx:
        await model.mark_seen(tx, principal.user_id, min(until, new_id()))


async def list_channels(database: Database, scope: Scope) -> Channels:
    """Every channel of the organization."""
    async with database.transaction(scope) as tx:
        return Channels(items=[ChannelView.of(row) for row in await model.list_channels(tx)])


async def add_channel(
    database: Database, vault: Vault, principal: Principal, wish: NewChannel
) -> ChannelView:
    """A new channel. Raises Invalid, TooManyChannels."""
    async with database.transaction(principal.scope) as tx:
        if await model.count_channels(tx) >= MOST_CHANNELS:
            raise TooManyChannels
        channel = Channel(
            id=new_id(),
            organization_id=OrganizationId(tx.organization_id),
            name=wish.name,
            is_enabled=wish.is_enabled,
            least=wish.least,
            way=wish.way,
            secret=None,
            quiet=None if wish.quiet is None else checked(wish.quiet),
            wakes=wish.wakes,
            created_at=now(),
        )
        made = await _save(tx, vault, channel, wish.secret)
        await record(tx, acts.CREATED, principal, subject=channel.name, subject_id=channel.id)
        return made


async def change_channel(
    database: Database, vault: Vault, principal: Principal, channel_id: UUID, wish: ChannelChange
) -> ChannelView:
    """Change a channel. Raises ChannelNotFound, Invalid."""
    async with database.transaction(principal.scope) as tx:
        channel = await _find(tx, channel_id, lock=True)
        changes = {
            name: value
            for name in ("name", "way", "is_enabled", "least", "quiet", "wakes")
            if (value := getattr(wish, name)) is not UNSET
        }
        if changes.get("quiet") is not None:
            changes["quiet"] = checked(changes["quiet"])
        changed = replace(channel, **changes)
        if reaches(changed.way) != reaches(channel.way):
            # A secret is entered for one place; pointed elsewhere, the channel must not take it along.
            changed = replace(changed, secret=None)
        fields = named(wish)
        await record(tx, acts.CHANGED, principal, subject=changed.name, subject_id=channel_id, fields=fields)
        if wish.secret is UNSET:
            return await _save(tx, vault, changed, None)
        return await _save(tx, vault, replace(changed, secret=None), wish.secret)


async def remove_channel(database: Database, principal: Principal, channel_id: UUID) -> None:
    """Forget a channel. Raises ChannelNotFound."""
    async with database.transaction(principal.scope) as tx:
        channel = await _find(tx, channel_id, lock=True)
        await model.remove_channel(tx, channel_id)
        await record(tx, acts.DELETED, principal, subject=channel.name, subject_id=channel_id)


async def try_channel(
    database: Database, vault: Vault, settings: Settings, principal: Principal, channel_id: UUID
) -> Tried:
    """Send a message now, whatever the hour, and say what became of it. Raises ChannelNotFound."""
    async with database.transaction(principal.scope) as tx:
        channel = await _find(tx, channel_id)
        await record(tx, acts.TESTED, principal, subject=channel.name, subject_id=channel_id)
        secret = await _opened(tx, vault, channel)
    trial = Notification(
        id=new_id(),
        organization_id=None,
        severity=Severity.info,
        title="A trial message",
        body=f"The channel “{channel.name}” works.",
        remedy=None,
        link="/notifications",
        at=now(),
    )
    post = Post(settings)
    try:
        remark = await post.send(channel.way, secret, message_of(settings, trial))
    except NotSent as exc:
        return Tried(is_sent=False, sentence=str(exc))
    finally:
        await post.close()
    async with database.transaction(principal.scope) as tx:
        await model.clear_failures(tx, channel_id)
    return Tried(is_sent=True, sentence=remark or "The message was taken; see that it arrives.")


async def deliver(database: Database, vault: Vault, post: Post, settings: Settings, due: Due) -> bool:
    """Send one message, or put it off to the end of quiet hours; whether it was sent."""
    channel, notification = due.channel, due.notification
    wakes = channel.wakes and notification.severity is Severity.critical
    until = None if wakes else quiet_until(channel.quiet, now())
    scope = Scope.organization(channel.organization_id)
    async with database.transaction(scope) as tx:
        if until is not None:
            await model.put_off(tx, due.id, until)
            return False
        secret = await _opened(tx, vault, channel)
    try:
        async with asyncio.timeout(LIMIT_S):
            remark = await post.send(channel.way, secret, message_of(settings, notification))
    except Unwanted as exc:
        await note_failure(database, due, str(exc), is_unwanted=True)
        return False
    except NotSent as exc:
        await note_failure(database, due, str(exc))
        return False
    except TimeoutError:
        await note_failure(database, due, f"It was not taken within {LIMIT_S:g} s.")
        return False
    async with database.transaction(scope) as tx:
        await model.note_sent(tx, due, remark)
    return True


async def note_failure(database: Database, due: Due, why: str, *, is_unwanted: bool = False) -> None:
    """A message did not get through. It is tried again when its channel has rested, for a day; one that is
    not wanted is given up at once, and the channel goes on with the next.
    """
    log.warning("notification not sent", action="notification_failed", channel=due.channel.id, error=why)
    async with database.transaction(Scope.organization(due.channel.organization_id)) as tx:
        await model.note_failed(tx, due, why)
        if is_unwanted:
            await model.give_up(tx, due)
        else:
            await model.let_rest(tx, due.channel.id, PAUSES_S[min(due.channel.failures, len(PAUSES_S) - 1)])
            await model.give_up_old(tx, due, KEEP_TRYING)


def message_of(settings: Settings, notification: Notification) -> Message:
    """A notification as it goes out: with a whole address, where the box knows its own."""
    base = settings.public_urls[0] if settings.public_urls else None
    return Message(
        id=str(notification.id),
        severity=notification.severity,
        title=notification.title,
        body=notification.body,
        remedy=notification.remedy,
        link=f"{base}{notification.link}" if base and notification.link else None,
        at=rfc3339(notification.at),
    )


async def _save(tx: Transaction, vault: Vault, channel: Channel, secret: str | None) -> ChannelView:
    if secret is not None:
        channel = replace(channel, secret=await vault.seal(tx, secret, model.place_of_secret(channel.id)))
    if channel.secret is None and needs_secret(channel.way):
        complaint = Complaint(field="secret", message="This kind of channel needs its secret.")
        raise Invalid(complaints=[complaint])
    await model.save_channel(tx, channel)
    return ChannelView.of(channel)


async def _opened(tx: Transaction, vault: Vault, channel: Channel) -> str | None:
    if channel.secret is None:
        return None
    return (await vault.open(tx, channel.secret, model.place_of_secret(channel.id))).reveal()


async def _find(tx: Transaction, channel_id: UUID, *, lock: bool = False) -> Channel:
    channel = await model.find_channel(tx, channel_id, lock=lock)
    if channel is None:
        raise ChannelNotFound
    return channel
