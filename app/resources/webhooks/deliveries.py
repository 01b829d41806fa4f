"""What becomes of a delivery: an instance and a line in the log, in one transaction, before anybody is told.

A delivery that cannot start anything leaves a line, too, so that people see why. One that was accepted
before, by the id its sender gave it, starts nothing again.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from app.engine.engine import Engine
from app.flow.definition import Definition
from app.flow.mapping import WebRequest, take_by_name
from app.flow.placed import ExpressionFailed
from app.kit.blobs import BlobFolder
from app.kit.codec import encode, to_plain
from app.kit.errors import Conflict, Gone, Invalid, NotFound, StudioError
from app.kit.ids import AssetId, InstanceId, UserId, new_id
from app.resources.assets import service as assets
from app.resources.instances import service as instances
from app.resources.webhooks import model
from app.resources.webhooks.auth import StripeAuth, secret_headers
from app.resources.webhooks.bodies import Incoming, Received, parse, refuse_other_kinds
from app.resources.webhooks.known import OpenWebhook
from app.resources.webhooks.model import (
    DeliveryError,
    NewDelivery,
    Origin,
    Status,
    Webhook,
    WholeDelivery,
)
from app.resources.webhooks.starts import SOURCE
from app.resources.workflows.service import WorkflowNotFound
from app.store.database import Database, Transaction

MOST_KEY_LETTERS: Final = 200
# The headers by which senders number their deliveries, where a webhook names none of its own.
KEY_HEADERS: Final = ("webhook-id", "svix-id", "x-github-delivery", "idempotency-key")
HIDDEN: Final = "••••"
_SECRET_NAME: Final = re.compile(
    r"auth|cookie|token|secret|signature|password|passwd|credential|session|api[-_]?key|(^|[-_])key$|^sig$|-sig$",
    re.IGNORECASE,
)
MOST_HEADERS: Final = 100
MOST_LETTERS: Final = 1_000  # of one header's or one parameter's value in the log


class WorkflowGone(Gone):
    """The workflow of this webhook was deleted."""


class BodyNotKept(Conflict):
    """This delivery cannot be sent again: its body was not kept."""


class DeliveryNotFound(NotFound):
    """There is no such delivery in the log; old ones are forgotten."""


class ClearedAway(Conflict):
    """A delivery under this id was accepted long ago and is being forgotten; send it under a new one."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is durable, and the instance it started."""

    delivery_id: UUID
    instance_id: InstanceId


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a delivery came from. `key`: the id its sender gave it, so that it happens once."""

    origin: Origin = Origin.sender
    address: str | None = None
    key: str | None = None
    replay_of: UUID | None = None
    started_by: UserId | None = None


class _HappenedBefore(Exception):
    """A delivery of this key was accepted before."""


class Desk:
    """Takes deliveries in."""

    def __init__(self, database: Database, engine: Engine, blobs: BlobFolder) -> None:
        self._database = database
        self._engine = engine
        self._blobs = blobs

    async def take(self, opened: OpenWebhook, received: Received, source: Source) -> Accepted:
        """Start what a delivery asks for, once. Raises what the start raises; the log has it by then."""
        webhook = opened.webhook
        try:
            async with self._database.transaction(webhook.scope) as tx:
                return await self._accept(tx, opened, received, source)
        except _HappenedBefore:
            first = await self._first(webhook, source)
            if first is None:
                raise ClearedAway from None
            return first
        except StudioError as exc:
            # The first time it fitted; what has changed since does not change what happened.
            first = await self._first(webhook, source)
            if first is not None:
                return first
            await self.refuse(webhook, received, source, exc)
            raise

    async def try_out(self, opened: OpenWebhook, received: Received, source: Source) -> UUID:
        """Deliver on a person's behalf; the line in the log, whatever it says."""
        webhook = opened.webhook
        if opened.fault is not None:
            return await self.refuse(webhook, received, source, opened.fault)
        try:
            async with self._database.transaction(webhook.scope) as tx:
                return (await self._accept(tx, opened, received, source)).delivery_id
        except StudioError as exc:
            return await self.refuse(webhook, received, source, exc)

    async def refuse(
        self, webhook: Webhook, heard: Received | Incoming, source: Source, exc: StudioError
    ) -> UUID:
        """Write down why a delivery started nothing; the line's id."""
        error = DeliveryError(status=exc.status, detail=exc.detail, complaints=list(exc.complaints))
        line = _line(webhook, heard, source, status=Status.refused, error=error)
        async with self._database.transaction(webhook.scope) as tx:
            await model.add_delivery(tx, line)
        return line.id

    async def _accept(
        self, tx: Transaction, opened: OpenWebhook, received: Received, source: Source
    ) -> Accepted:
        webhook = opened.webhook
        try:
            chosen = await instances.choose(tx, self._engine, webhook.workflow_id)
        except WorkflowNotFound:
            raise WorkflowGone from None
        received, asset_id = await self._with_file(tx, received, source)
        instance_id = InstanceId(new_id())
        line = _line(
            webhook,
            received,
            source,
            status=Status.accepted,
            asset_id=asset_id,
            instance_id=instance_id,
        )
        # Before the start, so that a repeat does nothing; one at the same moment waits here for the first.
        if not await model.add_delivery(tx, line):
            raise _HappenedBefore
        await instances.begin(
            tx,
            self._engine,
            chosen,
            _inputs(opened, received.request, chosen.definition),
            source=SOURCE,
            created_by=source.started_by,
            instance_id=instance_id,
        )
        return Accepted(delivery_id=line.id, instance_id=instance_id)

    async def _with_file(
        self, tx: Transaction, received: Received, source: Source
    ) -> tuple[Received, AssetId | None]:
        """The delivery with its file among the organization's assets, and in its body by its id."""
        file = received.file
        if file is None:
            return received, None
        asset = await assets.store_file(
            tx,
            self._blobs,
            file.blob,
            file.facts,
            name=file.name,
            source="upload",
            created_by=source.started_by,
        )
        body = {**received.request.body, file.field: to_plain(assets.as_value(asset))}
        request = msgspec.structs.replace(received.request, body=body)
        return msgspec.structs.replace(received, request=request, raw=encode(body)), asset.id

    async def _first(self, webhook: Webhook, source: Source) -> Accepted | None:
        """What was accepted under this key before."""
        if source.key is None:
            return None
        async with self._database.transaction(webhook.scope) as tx:
            first = await model.find_accepted(tx, webhook.id, source.key)
        if first is None or first.instance_id is None:
            return None
        return Accepted(delivery_id=first.id, instance_id=first.instance_id)


def key_of(webhook: Webhook, incoming: Incoming) -> str | None:
    """The id a sender gave this delivery in a header, None without one. Raises Invalid for a long one."""
    names = KEY_HEADERS if webhook.delivery_header is None else (webhook.delivery_header.lower(),)
    key = next((incoming.headers[name].strip() for name in names if incoming.headers.get(name)), None)
    return _bounded(key)


def key_in(webhook: Webhook, received: Received) -> str | None:
    """The same from the body, for senders that number what they tell and not the telling: Stripe's events."""
    body = received.request.body
    if isinstance(webhook.auth, StripeAuth) and isinstance(body, dict) and isinstance(body.get("id"), str):
        return _bounded(body["id"])
    return None


def again(webhook: Webhook, delivery: WholeDelivery) -> Received:
    """A delivery of the log, read as if it came now. Raises BodyNotKept and what reading raises."""
    if delivery.body is None or delivery.sha256 is None:
        raise BodyNotKept
    refuse_other_kinds(webhook.accepts, delivery.content_type)
    return Received(
        request=WebRequest(
            method=delivery.method,
            headers=delivery.headers,
            query=delivery.query,
            body=parse(webhook.accepts, delivery.body),
        ),
        content_type=delivery.content_type,
        size_bytes=delivery.size_bytes,
        sha256=delivery.sha256,
        raw=delivery.body,
    )


def _inputs(opened: OpenWebhook, request: WebRequest, definition: Definition) -> dict[str, Any]:
    if opened.mapping is None:
        return take_by_name(request, definition)
    try:
        return opened.mapping.render(request)
    except ExpressionFailed as exc:
        raise Invalid(
            "This delivery does not have what the webhook makes its inputs of.",
            complaints=[exc.complaint()],
        ) from None


def _line(
    webhook: Webhook,
    heard: Received | Incoming,
    source: Source,
    *,
    status: Status,
    asset_id: AssetId | None = None,
    instance_id: InstanceId | None = None,
    error: DeliveryError | None = None,
) -> NewDelivery:
    """What is kept of a delivery; of one that was refused at the door, its head."""
    said = heard.request if isinstance(heard, Received) else heard
    body = heard if isinstance(heard, Received) else None
    return NewDelivery(
        id=new_id(),
        webhook_id=webhook.id,
        status=status,
        origin=source.origin,
        delivery_key=source.key,
        method=said.method,
        query=_without_secrets(said.query),
        headers=_without_secrets(said.headers, secret_headers(webhook.auth)),
        content_type=heard.content_type,
        body=body.raw if body else None,
        size_bytes=body.size_bytes if body else 0,
        sha256=body.sha256 if body else None,
        asset_id=asset_id,
        instance_id=instance_id,
        error=error,
        address=source.address,
        replay_of=source.replay_of,
    )


def _without_secrets(values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Headers or parameters as the log keeps them: no secrets, nothing endless."""
    kept: dict[str, Any] = {}
    for name, value in list(values.items())[:MOST_HEADERS]:
        if name in secret or _SECRET_NAME.search(name):
            kept[name[:MOST_LETTERS]] = HIDDEN
        else:
            kept[name[:MOST_LETTERS]] = (
                value[:MOST_LETTERS] if isinstance(value, str) else value[:MOST_HEADERS]
            )
    return kept


def _bounded(key: str | None) -> str | None:
    if key is not None and len(key) > MOST_KEY_LETTERS:
        raise Invalid(f"The id of a delivery has at most {MOST_KEY_LETTERS} letters.")
    return key
