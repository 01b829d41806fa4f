"""What travels in and out of the calls about notifications and channels."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.flow.quiet import QuietHours
from app.resources.notifications.model import Channel, LastDelivery, Notification
from app.resources.notifications.ways import Severity, Way
from app.resources.paging import OnePage

Name = Annotated[str, Meta(min_length=1, max_length=200, description="What people call it")]
SecretText = Annotated[
    str,
    Meta(min_length=1, max_length=4000, description="The address, password or token; never given out again"),
]


class NotificationView(msgspec.Struct, frozen=True, kw_only=True):
    """One notification. `is_about_box`: for those who run the box; `link` is a path of the UI."""

    id: UUID
    is_about_box: bool
    severity: Severity
    title: str
    body: str
    remedy: str | None
    link: str | None
    at: datetime
    is_seen: bool

    @classmethod
    def of(cls, row: Notification, seen_until: UUID | None) -> "NotificationView":
        """A row as a person sees it."""
        return cls(
            id=row.id,
            is_about_box=row.organization_id is None,
            severity=row.severity,
            title=row.title,
            body=row.body,
            remedy=row.remedy,
            link=row.link,
            at=row.at,
            is_seen=seen_until is not None and row.id <= seen_until,
        )


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """One page, newest first."""

    items: list[NotificationView]
    next_cursor: str | None


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """How many somebody has not seen, counted no further than 100."""

    count: int


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything up to this notification has been seen."""

    until: UUID


class NewChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way out for notifications: of the box, and of this organization.

    `least`: what matters less does not go out here. `wakes`: what is critical comes in quiet hours, too.
    """

    name: Name
    way: Way
    secret: SecretText | None = None
    is_enabled: bool = True
    least: Severity = Severity.warning
    quiet: QuietHours | None = None
    wakes: bool = True


class ChannelChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays, the secret too."""

    name: Name | UnsetType = UNSET
    way: Way | UnsetType = UNSET
    secret: SecretText | UnsetType | None = UNSET
    is_enabled: bool | UnsetType = UNSET
    least: Severity | UnsetType = UNSET
    quiet: QuietHours | UnsetType | None = UNSET
    wakes: bool | UnsetType = UNSET


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. Its secret is never shown; `has_secret` says whether there is one. `resting_until`: after
    a failure, when it is tried again.
    """

    id: UUID
    name: str
    is_enabled: bool
    least: Severity
    way: Way
    has_secret: bool
    quiet: QuietHours | None
    wakes: bool
    created_at: datetime
    resting_until: datetime | None
    last_delivery: LastDelivery | None

    @classmethod
    def of(cls, row: Channel) -> "ChannelView":
        """A row as people see it."""
        return cls(
            id=row.id,
            name=row.name,
            is_enabled=row.is_enabled,
            least=row.least,
            way=row.way,
            has_secret=row.secret is not None,
            quiet=row.quiet,
            wakes=row.wakes,
            created_at=row.created_at,
            resting_until=row.resting_until,
            last_delivery=row.last_delivery,
        )


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """Every channel of the organization."""

    items: list[ChannelView]
    next_cursor: OnePage = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a trial message."""

    is_sent: bool
    sentence: str
