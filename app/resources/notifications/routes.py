"""Notifications for everybody, and the channels by which the box tells those who run it."""

from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from app.kit.settings import Settings
from app.resources.accounts.guards import requires, super_admin
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.notifications import service
from app.resources.notifications.schemas import (
    ChannelChange,
    Channels,
    ChannelView,
    NewChannel,
    Notifications,
    Seen,
    Tried,
    Unseen,
)
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.store.database import Database
from app.store.vault import Vault


class NotificationController(Controller):
    """What somebody should know."""

    path = "/api/v1/notifications"
    tags = ("notifications",)

    @get("/", operation_id="listNotifications", guards=[requires(Role.viewer)])
    async def list_notifications(
        self, principal: Principal, database: Database, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Notifications:
        """Of the organization, and of the box to those who run it; newest first."""
        return await service.list_notifications(database, principal, page(limit, cursor))

    @get("/unseen", operation_id="countUnseenNotifications", guards=[requires(Role.viewer)])
    async def unseen(self, principal: Principal, database: Database) -> Unseen:
        """How many you have not seen."""
        return Unseen(count=await service.count_unseen(database, principal))

    @post(
        "/seen",
        operation_id="markNotificationsSeen",
        guards=[requires(Role.viewer)],
        status_code=HTTP_204_NO_CONTENT,
    )
    async def seen(self, data: Seen, principal: Principal, database: Database) -> None:
        """You have seen everything up to one of them."""
        await service.mark_seen(database, principal, data.until)


class ChannelController(Controller):
    """The ways out: mail, webhook, Slack, ntfy."""

    path = "/api/v1/notification-channels"
    tags = ("notifications",)

    @get("/", operation_id="listNotificationChannels", guards=[super_admin()])
    async def list_channels(self, principal: Principal, database: Database) -> Channels:
        """Every channel of this organization, with how its last message went."""
        return await service.list_channels(database, principal.scope)

    @post("/", operation_id="createNotificationChannel", guards=[super_admin()])
    async def create(
        self, data: NewChannel, principal: Principal, database: Database, vault: Vault
    ) -> ChannelView:
        """A new channel; its secret is sealed and never given out again."""
        return await service.add_channel(database, vault, principal, data)

    @patch("/{channel_id:uuid}", operation_id="changeNotificationChannel", guards=[super_admin()])
    async def change(
        self, channel_id: UUID, data: ChannelChange, principal: Principal, database: Database, vault: Vault
    ) -> ChannelView:
        """Change a channel; what is left out stays."""
        return await service.change_channel(database, vault, principal, channel_id, data)

    @delete("/{channel_id:uuid}", operation_id="deleteNotificationChannel", guards=[super_admin()])
    async def remove(self, channel_id: UUID, principal: Principal, database: Database) -> None:
        """Delete a channel, and what it was still to send."""
        await service.remove_channel(database, principal, channel_id)

    @post(
        "/{channel_id:uuid}/test",
        operation_id="testNotificationChannel",
        guards=[super_admin()],
        status_code=HTTP_200_OK,
    )
    async def test(
        self, channel_id: UUID, principal: Principal, database: Database, vault: Vault, settings: Settings
    ) -> Tried:
        """Send a message now, whatever the hour, and tell what became of it."""
        return await service.try_channel(database, vault, settings, principal, channel_id)
