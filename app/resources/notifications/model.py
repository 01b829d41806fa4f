"""Notifications, channels and deliveries as rows, and every question asked of them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from app.flow.quiet import QuietHours
from app.kit.codec import encode_text
from app.kit.ids import OrganizationId, new_id
from app.kit.sealing import Place
from app.resources.notifications.ways import Severity, Way
from app.resources.paging import Page
from app.store.database import Transaction


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Something somebody should know. Without an organization it is about the box."""

    id: UUID
    organization_id: OrganizationId | None
    severity: Severity
    title: str
    body: str
    remedy: str | None
    link: str | None  # a path of the UI
    at: datetime


class LastDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """How the last message of a channel went."""

    status: str
    at: datetime
    error: str | None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One way out. `secret` is sealed; `least`: what matters less does not go out here. `failures`: of the
    last messages in a row; after one, nothing is sent until `resting_until`.
    """

    id: UUID
    organization_id: OrganizationId
    name: str
    is_enabled: bool
    least: Severity
    way: Way
    secret: str | None
    quiet: QuietHours | None
    wakes: bool
    created_at: datetime
    failures: int = 0
    resting_until: datetime | None = None
    last_delivery: LastDelivery | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be sent now; `since`: it came, or quiet hours ended."""

    id: UUID
    since: datetime
    notification: Notification
    channel: Channel


_NOTIFICATION: Final = "n.id, n.organization_id, n.severity, n.title, n.body, n.remedy, n.link, n.at"
_CHANNEL: Final = (
    "c.id, c.organization_id, c.name, c.is_enabled, c.least, c.way, c.secret, c.quiet, c.wakes, "
    "c.created_at, c.failures, c.resting_until"
)
_LAST: Final = """
(SELECT jsonb_build_object('status', d.status, 'at', coalesce(d.sent_at, d.due_at), 'error', d.error)
   FROM notification_deliveries d WHERE d.channel_id = c.id
  ORDER BY (d.tries > 0) DESC, d.notification_id DESC LIMIT 1) AS last_delivery
"""
# Of one's organization, and for those who run the box about it; needs the system scope.
_OURS: Final = "(n.organization_id = %(organization)s OR (%(runs_the_box)s AND n.organization_id IS NULL))"


def place_of_secret(channel_id: UUID) -> Place:
    """Where a channel's secret is sealed."""
    return Place("notification_channels", "secret", channel_id)


async def add(
    tx: Transaction,
    *,
    organization_id: UUID | None,
    severity: Severity,
    title: str,
    body: str,
    remedy: str | None = None,
    link: str | None = None,
) -> UUID:
    """Tell somebody something, inside the transaction in which it became true; None: about the box, which
    needs the system scope.
    """
    notification_id = new_id()
    await tx.execute(
        "INSERT INTO notifications (id, organization_id, severity, title, body, remedy, link) "
        "VALUES (%(id)s, %(organization)s, %(severity)s, %(title)s, %(body)s, %(remedy)s, %(link)s)",
        {
            "id": notification_id,
            "organization": organization_id,
            "severity": severity,
            "title": title,
            "body": body,
            "remedy": remedy,
            "link": link,
        },
    )
    return notification_id


async def list_notifications(
    tx: Transaction, organization_id: UUID, *, runs_the_box: bool, page: Page
) -> list[Notification]:
    """One page and one row more, newest first; needs the system scope."""
    rows = await tx.fetch_all(
        f"SELECT {_NOTIFICATION} FROM notifications n WHERE {_OURS} AND n.id < %(before)s "  # noqa: S608  constants
        "ORDER BY n.id DESC LIMIT %(rows)s",
        {"organization": organization_id, "runs_the_box": runs_the_box, **page.params},
    )
    return [msgspec.convert(row, Notification) for row in rows]


async def count_unseen(
    tx: Transaction, organization_id: UUID, *, runs_the_box: bool, user_id: UUID, most: int
) -> int:
    """How many a person has not seen, counted no further than `most`; needs the system scope."""
    found = await tx.fetch_value(
        f"SELECT count(*) FROM (SELECT FROM notifications n WHERE {_OURS} AND n.id > coalesce("  # noqa: S608  constants
        "(SELECT until FROM notifications_seen WHERE user_id = %(user)s), "
        "'00000000-0000-0000-0000-000000000000') LIMIT %(most)s) AS unseen",
        {"organization": organization_id, "runs_the_box": runs_the_box, "user": user_id, "most": most},
    )
    return int(found)


async def seen_until(tx: Transaction, user_id: UUID) -> UUID | None:
    """The newest notification a person has seen."""
    found: UUID | None = await tx.fetch_value(
        "SELECT until FROM notifications_seen WHERE user_id = %(user)s", {"user": user_id}
    )
    return found


async def mark_seen(tx: Transaction, user_id: UUID, until: UUID) -> None:
    """A person has seen everything up to this one; never less than before."""
    await tx.execute(
        "INSERT INTO notifications_seen (user_id, until) VALUES (%(user)s, %(until)s) "
        "ON CONFLICT (user_id) DO UPDATE SET until = greatest(notifications_seen.until, excluded.until)",
        {"user": user_id, "until": until},
    )


async def list_channels(tx: Transaction) -> list[Channel]:
    """Every channel of the organization, newest first."""
    rows = await tx.fetch_all(
        f"SELECT {_CHANNEL}, {_LAST} FROM notification_channels c "  # noqa: S608  constants
        "WHERE c.organization_id = %(organization)s ORDER BY c.id DESC",
        {"organization": tx.organization_id},
    )
    return [msgspec.convert(row, Channel) for row in rows]


async def find_channel(tx: Transaction, channel_id: UUID, *, lock: bool = False) -> Channel | None:
    """One channel of the organization; `lock` holds it until the end of the transaction."""
    row = await tx.fetch_one(
        f"SELECT {_CHANNEL}, {_LAST} FROM notification_channels c "  # noqa: S608  constants
        f"WHERE c.id = %(id)s AND c.organization_id = %(organization)s {'FOR UPDATE OF c' if lock else ''}",
        {"id": channel_id, "organization": tx.organization_id},
    )
    return None if row is None else msgspec.convert(row, Channel)


async def count_channels(tx: Transaction) -> int:
    """How many the organization has."""
    return int(
        await tx.fetch_value(
            "SELECT count(*) FROM notification_channels WHERE organization_id = %(organization)s",
            {"organization": tx.organization_id},
        )
    )


async def save_channel(tx: Transaction, channel: Channel) -> None:
    """Write a channel, new or changed; it has not failed yet, so what waits for it is tried at once."""
    await tx.execute(
        "INSERT INTO notification_channels "
        "(id, organization_id, name, is_enabled, least, way, secret, quiet, wakes) "
        "VALUES (%(id)s, %(organization)s, %(name)s, %(is_enabled)s, %(least)s, %(way)s, %(secret)s, "
        "%(quiet)s, %(wakes)s) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
        "is_enabled = excluded.is_enabled, least = excluded.least, way = excluded.way, "
        "secret = excluded.secret, quiet = excluded.quiet, wakes = excluded.wakes, "
        "failures = 0, resting_until = NULL",
        {
            "id": channel.id,
            "organization": tx.organization_id,
            "name": channel.name,
            "is_enabled": channel.is_enabled,
            "least": channel.least,
            "way": encode_text(channel.way),
            "secret": channel.secret,
            "quiet": None if channel.quiet is None else encode_text(channel.quiet),
            "wakes": channel.wakes,
        },
    )


async def remove_channel(tx: Transaction, channel_id: UUID) -> bool:
    """Forget a channel and what it was to send."""
    return bool(
        await tx.execute(
            "DELETE FROM notification_channels WHERE id = %(id)s AND organization_id = %(organization)s",
            {"id": channel_id, "organization": tx.organization_id},
        )
    )


async def hand_to_channels(tx: Transaction) -> int:
    """Make a delivery for every channel that a new notification concerns; needs the system scope.

    A channel belongs to somebody who runs the box, so it tells of the box and of its organization.
    """
    return await tx.execute(
        """
        WITH fresh AS (
            UPDATE notifications SET is_handed = true WHERE NOT is_handed
            RETURNING id, organization_id, severity
        )
        INSERT INTO notification_deliveries (id, organization_id, notification_id, channel_id, status)
        SELECT gen_random_uuid(), c.organization_id, f.id, c.id, 'pending'
          FROM fresh f JOIN notification_channels c
            ON (f.organization_id IS NULL OR f.organization_id = c.organization_id)
         WHERE c.is_enabled
           AND array_position(ARRAY['info', 'warning', 'critical'], f.severity)
               >= array_position(ARRAY['info', 'warning', 'critical'], c.least)
        ON CONFLICT DO NOTHING
        """
    )


async def list_due(tx: Transaction, most: int, besides: Collection[UUID]) -> list[Due]:
    """The oldest message that is due of each channel that may be sent to now, but for those of `besides`;
    channels that get through first. Needs the system scope.
    """
    rows = await tx.fetch_all(
        f"""
        SELECT d.id, d.due_at AS since, to_jsonb(n) AS notification, to_jsonb(c) AS channel
          FROM (SELECT DISTINCT ON (channel_id) id, channel_id, notification_id, due_at
                  FROM notification_deliveries WHERE status = 'pending' AND due_at <= now()
                 ORDER BY channel_id, notification_id) d
          JOIN (SELECT {_NOTIFICATION} FROM notifications n) n ON n.id = d.notification_id
          JOIN (SELECT {_CHANNEL} FROM notification_channels c) c ON c.id = d.channel_id
         WHERE c.is_enabled AND c.id <> ALL(%(besides)s)
           AND (c.resting_until IS NULL OR c.resting_until <= now())
         ORDER BY c.failures > 0, d.due_at LIMIT %(most)s
        """,  # noqa: S608  constants
        {"most": most, "besides": list(besides)},
    )
    return [msgspec.convert(row, Due) for row in rows]


async def put_off(tx: Transaction, delivery_id: UUID, until: datetime) -> None:
    """Send it later."""
    await tx.execute(
        "UPDATE notification_deliveries SET due_at = %(until)s WHERE id = %(id)s",
        {"id": delivery_id, "until": until},
    )


async def note_sent(tx: Transaction, due: Due, remark: str | None) -> None:
    """It got through, perhaps not to everybody; so the channel works."""
    await tx.execute(
        "UPDATE notification_deliveries SET status = 'sent', sent_at = now(), tries = tries + 1, "
        "error = %(remark)s WHERE id = %(id)s",
        {"id": due.id, "remark": None if remark is None else remark[:500]},
    )
    await clear_failures(tx, due.channel.id)


async def note_failed(tx: Transaction, due: Due, error: str) -> None:
    """It did not get through."""
    await tx.execute(
        "UPDATE notification_deliveries SET tries = tries + 1, error = %(error)s WHERE id = %(id)s",
        {"id": due.id, "error": error[:500]},
    )


async def give_up(tx: Transaction, due: Due) -> None:
    """Nobody tries this one again."""
    await tx.execute(
        "UPDATE notification_deliveries SET status = 'failed' WHERE id = %(id)s AND status = 'pending'",
        {"id": due.id},
    )


async def give_up_old(tx: Transaction, due: Due, longest: timedelta) -> None:
    """Nor those that have waited too long for the same channel: they would hold up what is new."""
    await tx.execute(
        "UPDATE notification_deliveries SET status = 'failed', "
        "error = coalesce(error, 'Its channel was away for too long.') "
        "WHERE channel_id = %(channel)s AND status = 'pending' AND due_at < now() - %(longest)s::interval",
        {"channel": due.channel.id, "longest": longest},
    )


async def let_rest(tx: Transaction, channel_id: UUID, seconds: float) -> None:
    """A channel has failed once more: nothing is sent by it for a while."""
    await tx.execute(
        "UPDATE notification_channels SET failures = failures + 1, "
        "resting_until = now() + make_interval(secs => %(rest)s::float8) WHERE id = %(id)s",
        {"id": channel_id, "rest": seconds},
    )


async def clear_failures(tx: Transaction, channel_id: UUID) -> None:
    """The channel works: what waits for it goes out at once."""
    await tx.execute(
        "UPDATE notification_channels SET failures = 0, resting_until = NULL "
        "WHERE id = %(id)s AND failures > 0",
        {"id": channel_id},
    )


async def forget_old(tx: Transaction, oldest: UUID) -> int:
    """Drop notifications older than this id, with their deliveries; needs the system scope."""
    return await tx.execute("DELETE FROM notifications WHERE id < %(oldest)s", {"oldest": oldest})
