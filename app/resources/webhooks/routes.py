"""Webhooks over HTTP: the calls of people who keep them, and the address that senders call."""

import time
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post, route
from litestar.datastructures import State
from litestar.params import QueryParameter

from app.engine.engine import Engine
from app.kit.blobs import BlobFolder
from app.kit.settings import Settings
from app.resources.accounts.connection import address_of
from app.resources.accounts.guards import hook, requires
from app.resources.accounts.principal import Principal
from app.resources.accounts.roles import Role
from app.resources.audit.record import Act, named, record
from app.resources.idempotency import IdempotencyKey
from app.resources.paging import DEFAULT_LIMIT, Cursor, Limit, page
from app.resources.webhooks import acts, deliveries, model, service
from app.resources.webhooks.deliveries import DeliveryNotFound, Desk, Source
from app.resources.webhooks.door import Door
from app.resources.webhooks.known import KnownWebhooks
from app.resources.webhooks.model import Origin, Status, Webhook
from app.resources.webhooks.schemas import (
    Deliveries,
    DeliveryDetail,
    DeliveryView,
    NewWebhook,
    Trial,
    WebhookChange,
    Webhooks,
    WebhookShown,
    WebhookView,
)
from app.store.database import Database, Transaction
from app.store.idempotency import once
from app.store.vault import Vault

AnyRequest = Request[Any, Any, Any]

OfWorkflow = Annotated[UUID | None, QueryParameter(description="Only webhooks of this workflow")]
InStatus = Annotated[Status | None, QueryParameter(description="Only accepted, or only refused ones")]


class WebhookController(Controller):
    """Addresses that start workflows."""

    path = "/api/v1/webhooks"
    tags = ("webhooks",)

    @get("/", operation_id="listWebhooks", guards=[requires(Role.viewer)])
    async def list_webhooks(
        self,
        *,
        principal: Principal,
        database: Database,
        workflow_id: OfWorkflow = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Webhooks:
        """The organization's webhooks, newest first."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_webhooks(tx, part, workflow_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Webhooks(items=[WebhookView.of(row) for row in items], next_cursor=next_cursor)

    @post("/", operation_id="createWebhook", guards=[requires(Role.editor)])
    async def create(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        database: Database,
        engine: Engine,
        vault: Vault,
        settings: Settings,
        state: State,
        data: NewWebhook,
        idempotency_key: IdempotencyKey = None,
    ) -> WebhookShown:
        """Make an address that starts a workflow. It is shown this once, as is a secret that Studio made.

        A repeat under the same Idempotency-Key gives the webhook without them.
        """
        known = KnownWebhooks.of(state)
        url: str | None = None
        secret: str | None = None
        async with database.transaction(principal.scope) as tx:

            async def save() -> WebhookView:
                nonlocal url, secret
                shown = await service.create(tx, engine, vault, known, data, principal=principal)
                await _record(tx, acts.CREATED, principal, shown.webhook)
                url, secret = service.url_of(request, settings, shown.token or ""), shown.secret
                return WebhookView.of(shown.webhook)

            call = ("createWebhook", data)
            view = await once(tx, principal.user_id, idempotency_key, call, effect=save, into=WebhookView)
        return WebhookShown.once(view, url, secret)

    @get("/{webhook_id:uuid}", operation_id="getWebhook", guards=[requires(Role.viewer)])
    async def read(self, principal: Principal, database: Database, webhook_id: UUID) -> WebhookView:
        """A webhook, without its secrets."""
        async with database.transaction(principal.scope) as tx:
            return WebhookView.of(await service.get(tx, webhook_id))

    @patch("/{webhook_id:uuid}", operation_id="changeWebhook", guards=[requires(Role.editor)])
    async def change(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        vault: Vault,
        state: State,
        webhook_id: UUID,
        data: WebhookChange,
    ) -> WebhookShown:
        """Change a webhook or switch it off; its address stays. A secret Studio made is shown this once."""
        async with database.transaction(principal.scope) as tx:
            shown = await service.change(tx, engine, vault, webhook_id, data)
            await _record(tx, acts.CHANGED, principal, shown.webhook, fields=named(data))
        KnownWebhooks.of(state).forget(webhook_id)
        return WebhookShown.once(WebhookView.of(shown.webhook), None, shown.secret)

    @delete("/{webhook_id:uuid}", operation_id="deleteWebhook", guards=[requires(Role.editor)])
    async def delete(self, principal: Principal, database: Database, state: State, webhook_id: UUID) -> None:
        """Take a webhook and its log away. What it started goes on."""
        async with database.transaction(principal.scope) as tx:
            webhook = await service.get(tx, webhook_id)
            await service.delete(tx, webhook_id)
            await _record(tx, acts.DELETED, principal, webhook)
        KnownWebhooks.of(state).forget(webhook_id)

    @post(
        "/{webhook_id:uuid}/rotate",
        operation_id="rotateWebhook",
        status_code=200,
        guards=[requires(Role.editor)],
    )
    async def rotate(
        self,
        *,
        request: AnyRequest,
        principal: Principal,
        database: Database,
        settings: Settings,
        state: State,
        webhook_id: UUID,
    ) -> WebhookShown:
        """Give a webhook another address, shown this once. The old one leads nowhere from now on."""
        known = KnownWebhooks.of(state)
        async with database.transaction(principal.scope) as tx:
            shown = await service.rotate(tx, known, webhook_id)
            await _record(tx, acts.ROTATED, principal, shown.webhook)
        known.forget(webhook_id)
        url = service.url_of(request, settings, shown.token or "")
        return WebhookShown.once(WebhookView.of(shown.webhook), url, None)

    @post("/{webhook_id:uuid}/test", operation_id="testWebhook", guards=[requires(Role.operator)])
    async def test(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        blobs: BlobFolder,
        state: State,
        webhook_id: UUID,
        data: Trial,
    ) -> DeliveryView:
        """Deliver something made up, without proof. The answer is its line in the log, refused or not."""
        async with database.transaction(principal.scope) as tx:
            webhook = await service.get(tx, webhook_id)
            await record(tx, acts.TESTED, principal, subject=webhook.name, subject_id=webhook_id)
        source = Source(origin=Origin.test, started_by=principal.user_id)
        opened = await KnownWebhooks.of(state).open(webhook)
        delivery_id = await Desk(database, engine, blobs).try_out(
            opened, service.trial(webhook, data), source
        )
        return await _line(database, webhook, delivery_id)

    @get(
        "/{webhook_id:uuid}/deliveries",
        operation_id="listWebhookDeliveries",
        guards=[requires(Role.viewer)],
    )
    async def list_deliveries(
        self,
        *,
        principal: Principal,
        database: Database,
        webhook_id: UUID,
        status: InStatus = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Deliveries:
        """What was delivered to a webhook and what became of it, newest first. Old lines are forgotten."""
        part = page(limit, cursor)
        async with database.transaction(principal.scope) as tx:
            rows = await model.list_deliveries(tx, webhook_id, part, status)
            if not rows:
                await service.get(tx, webhook_id)
        items, next_cursor = part.cut(rows, lambda row: row.id)
        return Deliveries(items=[DeliveryView.of(row) for row in items], next_cursor=next_cursor)

    @get(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}",
        operation_id="getWebhookDelivery",
        guards=[requires(Role.viewer)],
    )
    async def read_delivery(
        self, principal: Principal, database: Database, webhook_id: UUID, delivery_id: UUID
    ) -> DeliveryDetail:
        """One delivery with its headers and its body, as far as they are kept."""
        async with database.transaction(principal.scope) as tx:
            found = await service.delivery(tx, webhook_id, delivery_id)
        if found is None:
            raise DeliveryNotFound
        return DeliveryDetail.whole(found)

    @post(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/replay",
        operation_id="replayWebhookDelivery",
        guards=[requires(Role.operator)],
    )
    async def replay(
        self,
        *,
        principal: Principal,
        database: Database,
        engine: Engine,
        blobs: BlobFolder,
        state: State,
        webhook_id: UUID,
        delivery_id: UUID,
    ) -> DeliveryView:
        """Deliver it again, as webhook and workflow are now. The answer is the new line in the log."""
        async with database.transaction(principal.scope) as tx:
            found = await service.delivery(tx, webhook_id, delivery_id)
            if found is None:
                raise DeliveryNotFound
            webhook = await service.get(tx, webhook_id)
            await record(tx, acts.REPLAYED, principal, subject=webhook.name, subject_id=webhook_id)
        received = deliveries.again(webhook, found)
        source = Source(origin=Origin.replay, replay_of=delivery_id, started_by=principal.user_id)
        opened = await KnownWebhooks.of(state).open(webhook)
        line = await Desk(database, engine, blobs).try_out(opened, received, source)
        return await _line(database, webhook, line)


class HookController(Controller):
    """Where senders knock."""

    path = "/hooks"
    include_in_schema = False  # each address is its webhook's: methods, bodies and answers are as it says

    @route(
        "/{token:str}",
        http_method=["GET", "POST", "PUT", "PATCH", "DELETE"],
        guards=[hook()],
        request_max_body_size=None,
        status_code=202,
    )
    async def receive(self, request: AnyRequest, token: str) -> Response[Any]:
        """A delivery: proven, read, made durable together with the instance it starts, then answered."""
        return await Door.of(request.app.state).receive(
            request, token[:200], time.time(), address_of(request)
        )


async def _record(tx: Transaction, act: Act, principal: Principal, webhook: Webhook, **details: Any) -> None:
    await record(tx, act, principal, subject=webhook.name, subject_id=webhook.id, **details)


async def _line(database: Database, webhook: Webhook, delivery_id: UUID) -> DeliveryView:
    async with database.transaction(webhook.scope) as tx:
        found = await model.find_delivery(tx, webhook.id, delivery_id)
    if found is None:
        raise DeliveryNotFound
    return DeliveryView.of(found)
