"""Keeping webhooks: made, changed, given another address, tried out."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec.structs import replace

from app.engine.engine import Engine
from app.flow.mapping import WebRequest, check_mapping, compile_mapping
from app.kit.clock import now
from app.kit.codec import encode
from app.kit.crypto import new_token
from app.kit.errors import Complaint, Conflict, Invalid, NotFound
from app.kit.ids import WorkflowId, new_id
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection
from app.resources.accounts.principal import Principal
from app.resources.accounts.tokens import came_by_https
from app.resources.instances import service as instances
from app.resources.webhooks import model
from app.resources.webhooks.auth import check_auth, needs_secret, new_secret
from app.resources.webhooks.bodies import KEPT_BYTES, Received
from app.resources.webhooks.deliveries import WorkflowGone
from app.resources.webhooks.known import SHOWN_LETTERS, TOKEN_PREFIX, KnownWebhooks
from app.resources.webhooks.model import Accepts, Webhook, WholeDelivery
from app.resources.webhooks.schemas import NewWebhook, Trial, WebhookChange
from app.resources.workflows.service import WorkflowNotFound
from app.store.database import Transaction
from app.store.vault import Vault

MOST_WEBHOOKS: Final = 1_000  # of one organization


class WebhookNotFound(NotFound):
    """There is no such webhook, or it belongs to another organization."""


class TooManyWebhooks(Conflict):
    """This organization has 1,000 webhooks; delete one that is no longer needed."""


class Shown(msgspec.Struct, frozen=True):
    """A webhook with what is told this once: its new token, a secret that was made for it."""

    webhook: Webhook
    token: str | None
    secret: str | None

    def __repr__(self) -> str:
        return f"Shown({self.webhook.id}, ****)"


def url_of(connection: Connection, settings: Settings, token: str) -> str:
    """The address senders call: under PUBLIC_URL, or under the one this person came by."""
    if settings.public_urls:
        base = settings.public_urls[0]
    else:
        scheme = "https" if came_by_https(connection) else "http"
        forwarded = connection.headers.get("x-forwarded-host", "").split(",")[0].strip()
        base = f"{scheme}://{forwarded or connection.headers.get('host', '')}"
    return f"{base}/hooks/{token}"


async def create(
    tx: Transaction,
    engine: Engine,
    vault: Vault,
    known: KnownWebhooks,
    new: NewWebhook,
    *,
    principal: Principal,
) -> Shown:
    """A new webhook. Raises WorkflowNotFound, Invalid for its auth or its mapping, TooManyWebhooks."""
    check_auth(new.auth, new.secret)
    await _check_mapping(tx, engine, new.workflow_id, new.inputs)
    if await model.count_webhooks(tx) >= MOST_WEBHOOKS:
        raise TooManyWebhooks
    token = new_token(TOKEN_PREFIX)
    made = new_secret(new.auth) if needs_secret(new.auth) and new.secret is None else None
    webhook = Webhook(
        id=new_id(),
        organization_id=principal.organization_id,
        workflow_id=WorkflowId(new.workflow_id),
        workflow_name="",
        token_prefix=token[:SHOWN_LETTERS],
        created_by=principal.user_id,
        created_at=now(),
        updated_at=now(),
        **{**_settings(new), "secret": None},
    )
    webhook = await _with_secret(tx, vault, webhook, new.secret or made)
    await model.add_webhook(tx, webhook, known.token_hash(token))
    return Shown(await get(tx, webhook.id), token, made)


async def get(tx: Transaction, webhook_id: UUID) -> Webhook:
    """One webhook. Raises WebhookNotFound."""
    return await _find(tx, webhook_id)


async def change(
    tx: Transaction, engine: Engine, vault: Vault, webhook_id: UUID, wish: WebhookChange
) -> Shown:
    """Change what the wish names. Raises WebhookNotFound, Invalid, WorkflowGone."""
    before = await _find(tx, webhook_id, lock=True)
    changes = {name: value for name, value in _settings(wish).items() if value is not msgspec.UNSET}
    given = changes.pop("secret", None)
    after = replace(before, **changes)
    if "auth" in changes or given is not None:
        check_auth(after.auth, given)
    if "inputs" in changes:
        try:
            await _check_mapping(tx, engine, after.workflow_id, after.inputs)
        except WorkflowNotFound:
            raise WorkflowGone from None
    made = None
    if type(after.auth) is not type(before.auth) or given is not None:
        # A secret of another kind proves nothing here: it goes, and a new one comes if one is needed.
        made = new_secret(after.auth) if needs_secret(after.auth) and given is None else None
        after = await _with_secret(tx, vault, after, given or made)
    elif needs_secret(after.auth) != (after.secret is not None):  # between HS256 and a public key
        made = new_secret(after.auth) if needs_secret(after.auth) else None
        after = await _with_secret(tx, vault, after, made)
    await model.save_webhook(tx, after)
    return Shown(await get(tx, webhook_id), None, made)


async def rotate(tx: Transaction, known: KnownWebhooks, webhook_id: UUID) -> Shown:
    """Another address; under the old one there is nothing from now on. Raises WebhookNotFound."""
    token = new_token(TOKEN_PREFIX)
    if not await model.set_token(tx, webhook_id, known.token_hash(token), token[:SHOWN_LETTERS]):
        raise WebhookNotFound
    return Shown(await get(tx, webhook_id), token, None)


async def delete(tx: Transaction, webhook_id: UUID) -> None:
    """Forget a webhook and its log; what it started stays. Raises WebhookNotFound."""
    if not await model.remove_webhook(tx, webhook_id):
        raise WebhookNotFound


async def delivery(tx: Transaction, webhook_id: UUID, delivery_id: UUID) -> WholeDelivery | None:
    """One line of a log, None when it is not there. Raises WebhookNotFound."""
    found = await model.find_delivery(tx, webhook_id, delivery_id)
    if found is None:
        await _find(tx, webhook_id)
    return found


def trial(webhook: Webhook, made_up: Trial) -> Received:
    """A delivery made up by a person, as if it had been read. Raises Invalid when it is of another kind."""
    raw, content_type = _written(webhook.accepts, made_up.body)
    return Received(
        request=WebRequest(
            method=made_up.method or webhook.methods[0],
            headers={name.lower(): value for name, value in made_up.headers.items()},
            query=made_up.query,
            body=made_up.body,
        ),
        content_type=content_type,
        size_bytes=len(raw),
        sha256=hashlib.sha256(raw).digest(),
        raw=raw if len(raw) <= KEPT_BYTES else None,
    )


def _written(accepts: Accepts, body: Any) -> tuple[bytes, str]:
    """A parsed body as a sender would have written it; a file as the log keeps it, by its id."""
    match accepts, body:
        case Accepts.json, _:
            return encode(body), "application/json"
        case Accepts.text, str():
            return body.encode(), "text/plain"
        case Accepts.form, dict():
            return urlencode(body, doseq=True).encode(), "application/x-www-form-urlencoded"
        case Accepts.file, dict():
            return encode(body), "multipart/form-data"
        case _:
            wanted = "text" if accepts is Accepts.text else "an object"
            raise Invalid(complaints=[Complaint(field="body", message=f"This webhook wants {wanted} here.")])


async def _check_mapping(
    tx: Transaction, engine: Engine, workflow_id: UUID, inputs: Mapping[str, Any] | None
) -> None:
    chosen = await instances.choose(tx, engine, workflow_id)
    if inputs is not None:
        check_mapping(compile_mapping(inputs), chosen.definition)


async def _with_secret(tx: Transaction, vault: Vault, webhook: Webhook, secret: str | None) -> Webhook:
    sealed = None if secret is None else await vault.seal(tx, secret, model.place_of_secret(webhook.id))
    return replace(webhook, secret=sealed)


def _settings(wish: NewWebhook | WebhookChange) -> dict[str, Any]:
    """What a person says about a webhook, each method once."""
    fields = {name: getattr(wish, name) for name in WebhookChange.__struct_fields__}
    if fields["methods"] is not msgspec.UNSET:
        fields["methods"] = list(dict.fromkeys(fields["methods"]))
    return fields


async def _find(tx: Transaction, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    webhook = await model.find_webhook(tx, webhook_id, lock=lock)
    if webhook is None:
        raise WebhookNotFound
    return webhook
