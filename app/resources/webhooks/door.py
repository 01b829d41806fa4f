"""The door senders knock at: who calls, how, how often, with what; and what they are told.

What is known of a webhook is kept, so that an accepted delivery costs one transaction and nothing else. A
refusal leaves a line in the log once the address is known and the webhook is on.
"""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from app.kit.blobs import BlobFolder
from app.kit.errors import Conflict, StudioError
from app.kit.settings import Settings
from app.resources.assets.multipart import UploadBroken
from app.resources.webhooks import auth, bodies
from app.resources.webhooks.bodies import Incoming
from app.resources.webhooks.deliveries import Accepted, Desk, Source, key_in, key_of
from app.resources.webhooks.known import KnownWebhooks, OpenWebhook
from app.resources.webhooks.model import Answer, Webhook
from app.resources.webhooks.schemas import Done, Taken
from app.resources.webhooks.waiting import WaitingRoom
from app.store.database import Database

AnyRequest = Request[Any, Any, Any]


class WebhookOff(Conflict):
    """This webhook is switched off."""


class MethodRefused(StudioError):
    """This webhook is not called with this method."""

    status = 405


class Door:
    """One for each API process."""

    def __init__(
        self,
        known: KnownWebhooks,
        desk: Desk,
        room: WaitingRoom,
        blobs: BlobFolder,
        settings: Settings,
    ) -> None:
        self._known = known
        self._desk = desk
        self._room = room
        self._blobs = blobs
        self._settings = settings

    @classmethod
    def of(cls, state: State) -> "Door":
        """This application's, made at first use."""
        found: Door | None = state.get("webhook_door")
        if found is None:
            database: Database = state["database"]
            found = state["webhook_door"] = cls(
                KnownWebhooks.of(state),
                Desk(database, state["engine"], state["blobs"]),
                WaitingRoom(database, state["bus"], state["closing"]),
                state["blobs"],
                state["settings"],
            )
        return found

    async def receive(self, request: AnyRequest, token: str, now: float, address: str) -> Response[Any]:
        """Take a delivery in. Raises a StudioError for whatever keeps it out."""
        opened = await self._known.find(token)
        webhook = opened.webhook
        if not webhook.is_enabled:
            raise WebhookOff
        self._known.count_call(webhook)
        incoming = _incoming(request)
        source = Source(address=address)
        try:
            source, received = await self._read(opened, incoming, source, now)
        except StudioError as exc:
            await self._desk.refuse(webhook, incoming, source, exc)
            raise
        accepted = await self._desk.take(opened, received, source)
        return await self._answer(webhook, accepted)

    async def _read(
        self, opened: OpenWebhook, incoming: Incoming, source: Source, now: float
    ) -> tuple[Source, bodies.Received]:
        webhook = opened.webhook
        if incoming.method not in webhook.methods:
            allowed = ", ".join(webhook.methods)
            raise MethodRefused(f"This webhook is called with {allowed}.", headers={"Allow": allowed})
        if opened.fault is not None:
            raise opened.fault
        signature = auth.begin(webhook.auth, opened.secret, incoming.headers, now)
        received = await bodies.read(incoming, webhook.accepts, signature, self._blobs, self._settings)
        key = key_of(webhook, incoming) or key_in(webhook, received)
        return Source(origin=source.origin, address=source.address, key=key), received

    async def _answer(self, webhook: Webhook, accepted: Accepted) -> Response[Any]:
        status_url = f"/api/v1/instances/{accepted.instance_id}"
        taken = Taken(
            delivery_id=accepted.delivery_id, instance_id=accepted.instance_id, status_url=status_url
        )
        if webhook.answer is Answer.when_done:
            view = await self._room.result(webhook.scope, accepted.instance_id, webhook.wait_s)
            if view is not None:
                return Response(Done.of(taken, view), status_code=200)
        return Response(taken, status_code=202, headers={"Location": status_url})


def _incoming(request: AnyRequest) -> Incoming:
    scope = request.scope
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    # Studio answers HEAD as GET without its body, but nobody means to start a workflow by it.
    is_head = bool(scope.get("studio_is_head"))
    return Incoming(
        method="HEAD" if is_head else request.method,
        headers=headers,
        query=bodies.fields_of(scope["query_string"].decode("latin-1")),
        body=_body(request),
    )


async def _body(request: AnyRequest) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except InternalServerException as exc:
        raise UploadBroken("The connection broke off before the end of the body.") from exc
