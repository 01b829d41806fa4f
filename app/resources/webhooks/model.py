"""Webhooks and deliveries as rows, and every question asked of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.storable import storable
from app.flow.states import InstanceStatus
from app.kit.codec import encode_text
from app.kit.errors import Complaint
from app.kit.ids import AssetId, InstanceId, OrganizationId, UserId, WorkflowId
from app.kit.sealing import Place
from app.resources.assets.service import note_uses
from app.resources.paging import Page
from app.resources.webhooks.auth import Auth
from app.store.database import Scope, Transaction


class Accepts(StrEnum):
    """What a webhook's bodies are; anything else is refused, whatever it claims to be."""

    json = "json"
    form = "form"
    text = "text"
    file = "file"


class Answer(StrEnum):
    """When a sender is answered: as soon as the delivery is kept, or with the result."""

    at_once = "at_once"
    when_done = "when_done"


class Status(StrEnum):
    """What became of a delivery: it started an instance, or not."""

    accepted = "accepted"
    refused = "refused"


class Origin(StrEnum):
    """Who delivered: a sender, or a person who tried it out or sent it again."""

    sender = "sender"
    test = "test"
    replay = "replay"


class LastDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """The newest delivery of a webhook, and how the instance it started is now."""

    id: UUID
    status: Status
    instance_id: InstanceId | None
    instance_status: InstanceStatus | None
    received_at: datetime


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that starts a workflow. `secret` is sealed; `inputs`: None takes them by name."""

    id: UUID
    organization_id: OrganizationId
    workflow_id: WorkflowId
    workflow_name: str
    name: str
    is_enabled: bool
    token_prefix: str
    methods: list[str]
    accepts: Accepts
    auth: Auth
    secret: str | None
    inputs: dict[str, Any] | None
    answer: Answer
    wait_s: int
    delivery_header: str | None
    max_per_minute: int
    created_by: UserId | None
    created_at: datetime
    updated_at: datetime
    last_delivery: LastDelivery | None = None

    @property
    def scope(self) -> Scope:
        """What its deliveries may see and write."""
        return Scope.organization(self.organization_id)


class DeliveryError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a delivery was refused, as its sender was told."""

    status: int
    detail: str
    complaints: list[Complaint] = []


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A line to be written. `headers` and `query` hold no secrets any more."""

    id: UUID
    webhook_id: UUID
    status: Status
    origin: Origin
    delivery_key: str | None
    method: str
    query: dict[str, Any]
    headers: dict[str, str]
    content_type: str
    body: bytes | None
    size_bytes: int
    sha256: bytes | None
    asset_id: AssetId | None
    instance_id: InstanceId | None
    error: DeliveryError | None
    address: str | None
    replay_of: UUID | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    id: UUID
    status: Status
    origin: Origin
    delivery_key: str | None
    method: str
    content_type: str
    size_bytes: int
    sha256: bytes | None
    has_body: bool
    asset_id: AssetId | None
    instance_id: InstanceId | None
    instance_status: InstanceStatus | None
    error: DeliveryError | None
    address: str | None
    replay_of: UUID | None
    received_at: datetime


class WholeDelivery(Delivery, frozen=True, kw_only=True):
    """One line with everything that was kept."""

    query: dict[str, Any]
    headers: dict[str, str]
    body: bytes | None


_WEBHOOK: Final = (
    "h.id, h.organization_id, h.workflow_id, w.name AS workflow_name, h.name, h.is_enabled, h.token_prefix, "
    "h.methods, h.accepts, h.auth, h.secret, h.inputs, h.answer, h.wait_s, h.delivery_header, "
    "h.max_per_minute, h.created_by, h.created_at, h.updated_at"
)
_FROM: Final = "FROM webhooks h JOIN workflows w ON w.id = h.workflow_id"
_LAST: Final = """
(SELECT jsonb_build_object('id', d.id, 'status', d.status, 'received_at', d.received_at,
                           'instance_id', d.instance_id, 'instance_status', i.status)
   FROM webhook_deliveries d LEFT JOIN instances i ON i.id = d.instance_id
  WHERE d.webhook_id = h.id ORDER BY d.id DESC LIMIT 1) AS last_delivery
"""
_DELIVERY: Final = (
    "d.id, d.status, d.origin, d.delivery_key, d.method, d.content_type, d.size_bytes, d.sha256, "
    "d.body IS NOT NULL AS has_body, d.asset_id, d.instance_id, i.status AS instance_status, d.error, "
    "d.address, d.replay_of, d.received_at"
)
_LOG: Final = "FROM webhook_deliveries d LEFT JOIN instances i ON i.id = d.instance_id"
_CHANGEABLE: Final = (
    "name",
    "is_enabled",
    "methods",
    "accepts",
    "auth",
    "secret",
    "inputs",
    "answer",
    "wait_s",
    "delivery_header",
    "max_per_minute",
)
# Written before the sender hears anything, in the transaction that starts the instance.
_ADD_DELIVERY: Final = """
INSERT INTO webhook_deliveries (
    id, organization_id, webhook_id, status, origin, delivery_key, method, query, headers, content_type, body,
    size_bytes, sha256, asset_id, instance_id, error, address, replay_of)
VALUES (
    %(id)s, %(organization)s, %(webhook_id)s, %(status)s, %(origin)s, %(delivery_key)s, %(method)s,
    %(query)s, %(headers)s, %(content_type)s, %(body)s, %(size_bytes)s, %(sha256)s, %(asset_id)s,
    %(instance_id)s, %(error)s, %(address)s, %(replay_of)s)
ON CONFLICT (webhook_id, delivery_key) WHERE status = 'accepted' AND delivery_key IS NOT NULL DO NOTHING
"""


def place_of_secret(webhook_id: UUID) -> Place:
    """Where a webhook's secret is sealed."""
    return Place("webhooks", "secret", webhook_id)


async def count_webhooks(tx: Transaction) -> int:
    """How many the organization has."""
    return int(
        await tx.fetch_value(
            "SELECT count(*) FROM webhooks WHERE organization_id = %(organization)s",
            {"organization": tx.organization_id},
        )
    )


async def list_webhooks(tx: Transaction, page: Page, workflow_id: UUID | None) -> list[Webhook]:
    """One page and one row more, newest first; perhaps of one workflow."""
    narrowed = "AND h.workflow_id = %(workflow)s" if workflow_id else ""
    rows = await tx.fetch_all(
        f"SELECT {_WEBHOOK}, {_LAST} {_FROM} "
        f"WHERE h.organization_id = %(organization)s AND h.id < %(before)s {narrowed} "
        "ORDER BY h.id DESC LIMIT %(rows)s",
        {"organization": tx.organization_id, "workflow": workflow_id, **page.params},
    )
    return [msgspec.convert(row, Webhook) for row in rows]


async def find_webhook(tx: Transaction, webhook_id: UUID, *, lock: bool = False) -> Webhook | None:
    """One webhook of the organization; `lock` holds it until the end of the transaction."""
    row = await tx.fetch_one(
        f"SELECT {_WEBHOOK}, {_LAST} {_FROM} "
        "WHERE h.id = %(id)s AND h.organization_id = %(organization)s "
        f"{'FOR UPDATE OF h' if lock else ''}",
        {"id": webhook_id, "organization": tx.organization_id},
    )
    return None if row is None else msgspec.convert(row, Webhook)


async def find_by_token(tx: Transaction, token_hash: bytes) -> Webhook | None:
    """The webhook behind an address; needs the system scope, for the sender belongs to nobody."""
    row = await tx.fetch_one(
        f"SELECT {_WEBHOOK} {_FROM} WHERE h.token_hash = %(hash)s",
        {"hash": token_hash},
    )
    return None if row is None else msgspec.convert(row, Webhook)


async def add_webhook(tx: Transaction, webhook: Webhook, token_hash: bytes) -> None:
    """Write a new webhook."""
    names = ("id", "workflow_id", "token_prefix", "created_by", *_CHANGEABLE)
    columns = ", ".join(("organization_id", "token_hash", *names))
    values = ", ".join(f"%({name})s" for name in ("organization_id", "token_hash", *names))
    await tx.execute(
        f"INSERT INTO webhooks ({columns}) VALUES ({values})",  # noqa: S608  constant names
        {
            **_storable(webhook, names),
            "organization_id": tx.organization_id,
            "token_hash": token_hash,
        },
    )
    await note_uses(tx, webhook.inputs, webhook.id)


async def save_webhook(tx: Transaction, webhook: Webhook) -> None:
    """Write back a webhook that the caller holds locked."""
    assignments = ", ".join(f"{name} = %({name})s" for name in _CHANGEABLE)
    await tx.execute(
        f"UPDATE webhooks SET {assignments}, updated_at = now() WHERE id = %(id)s",  # noqa: S608  constant names
        _storable(webhook, ("id", *_CHANGEABLE)),
    )
    await note_uses(tx, webhook.inputs, webhook.id)


async def set_token(tx: Transaction, webhook_id: UUID, token_hash: bytes, token_prefix: str) -> bool:
    """Another address; the old one is nobody's from now on. False when there is no such webhook."""
    return bool(
        await tx.execute(
            "UPDATE webhooks SET token_hash = %(hash)s, token_prefix = %(prefix)s, updated_at = now() "
            "WHERE id = %(id)s AND organization_id = %(organization)s",
            {
                "id": webhook_id,
                "organization": tx.organization_id,
                "hash": token_hash,
                "prefix": token_prefix,
            },
        )
    )


async def remove_webhook(tx: Transaction, webhook_id: UUID) -> bool:
    """Forget a webhook and its log; what it started stays."""
    return bool(
        await tx.execute(
            "DELETE FROM webhooks WHERE id = %(id)s AND organization_id = %(organization)s",
            {"id": webhook_id, "organization": tx.organization_id},
        )
    )


async def add_delivery(tx: Transaction, new: NewDelivery) -> bool:
    """Write a line; False when a delivery of this key was accepted before (or is, once it has committed)."""
    return bool(
        await tx.execute(
            _ADD_DELIVERY,
            {
                **{name: getattr(new, name) for name in new.__struct_fields__},
                "organization": tx.organization_id,
                "query": storable(new.query),
                "headers": storable(new.headers),
                "error": None if new.error is None else storable(new.error),
            },
        )
    )


async def find_accepted(tx: Transaction, webhook_id: UUID, delivery_key: str) -> Delivery | None:
    """The delivery that was accepted under this key."""
    row = await tx.fetch_one(
        f"SELECT {_DELIVERY} {_LOG} WHERE d.webhook_id = %(webhook)s AND d.delivery_key = %(key)s "
        "AND d.status = 'accepted'",
        {"webhook": webhook_id, "key": delivery_key},
    )
    return None if row is None else msgspec.convert(row, Delivery)


async def list_deliveries(
    tx: Transaction, webhook_id: UUID, page: Page, status: Status | None
) -> list[Delivery]:
    """One page of the log and one row more, newest first."""
    narrowed = "AND d.status = %(status)s" if status else ""
    rows = await tx.fetch_all(
        f"SELECT {_DELIVERY} {_LOG} WHERE d.webhook_id = %(webhook)s "
        f"AND d.organization_id = %(organization)s AND d.id < %(before)s {narrowed} "
        "ORDER BY d.id DESC LIMIT %(rows)s",
        {"webhook": webhook_id, "organization": tx.organization_id, "status": status, **page.params},
    )
    return [msgspec.convert(row, Delivery) for row in rows]


async def find_delivery(tx: Transaction, webhook_id: UUID, delivery_id: UUID) -> WholeDelivery | None:
    """One line with everything that was kept."""
    row = await tx.fetch_one(
        f"SELECT {_DELIVERY}, d.query, d.headers, d.body {_LOG} WHERE d.id = %(id)s "
        "AND d.webhook_id = %(webhook)s AND d.organization_id = %(organization)s",
        {"id": delivery_id, "webhook": webhook_id, "organization": tx.organization_id},
    )
    return None if row is None else msgspec.convert(row, WholeDelivery)


async def list_crowded(tx: Transaction, keep: int, oldest: UUID) -> list[tuple[UUID, UUID]]:
    """Webhooks with lines to be forgotten, each with the newest of them; needs the system scope.

    `keep`: how many stay; `oldest`: lines with smaller ids are too old however few there are.
    """
    rows = await tx.fetch_all(
        """
        SELECT h.id, greatest(
                 (SELECT id FROM webhook_deliveries
                   WHERE webhook_id = h.id ORDER BY id DESC OFFSET %(keep)s LIMIT 1),
                 (SELECT id FROM webhook_deliveries
                   WHERE webhook_id = h.id AND id < %(oldest)s ORDER BY id DESC LIMIT 1)) AS newest
          FROM webhooks h
        """,
        {"keep": keep, "oldest": oldest},
    )
    return [(row["id"], row["newest"]) for row in rows if row["newest"] is not None]


async def forget_deliveries(tx: Transaction, webhook_id: UUID, newest: UUID, limit: int) -> int:
    """Drop some of the lines up to this one, oldest first; needs the system scope."""
    return await tx.execute(
        """
        DELETE FROM webhook_deliveries WHERE id IN (
            SELECT id FROM webhook_deliveries
             WHERE webhook_id = %(webhook)s AND id <= %(newest)s ORDER BY id LIMIT %(limit)s)
        """,
        {"webhook": webhook_id, "newest": newest, "limit": limit},
    )


def _storable(webhook: Webhook, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: getattr(webhook, name) for name in names},
        "auth": encode_text(webhook.auth),
        "inputs": None if webhook.inputs is None else storable(webhook.inputs),
    }
