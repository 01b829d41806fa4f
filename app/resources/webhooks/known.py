"""The webhooks this process has met lately: opened once, kept for seconds, and how fast each is called.

Looking a webhook up, opening its secret and reading its mapping cost more than a delivery itself. Changes
made through this process count at once, those of another API process within `KNOWN_S`.
"""

import math
from collections import OrderedDict
from time import monotonic
from typing import Final
from uuid import UUID

import msgspec
from litestar.datastructures import State

from app.flow.mapping import InputMapping, compile_mapping
from app.flow.wording import count
from app.kit.crypto import derive, keyed_hash
from app.kit.errors import NotFound, StudioError, TooManyRequests
from app.kit.sealing import RESTORE, Secret, SecretsLocked
from app.kit.settings import Settings
from app.resources.webhooks import model
from app.resources.webhooks.model import Webhook
from app.store.database import Database, Scope
from app.store.vault import Vault

KNOWN_S: Final = 2.0
MOST_KNOWN: Final = 1_000
TOKEN_PREFIX: Final = "wh"  # noqa: S105  what every token begins with
SHOWN_LETTERS: Final = 9  # of a token: enough to tell two apart, far too few to guess the rest
BURST_S: Final = 10.0  # a webhook that rested may be called so many seconds' worth at once
SMALLEST_BURST: Final = 10


class HookNotFound(NotFound):
    """There is no webhook under this address."""


class CalledTooOften(TooManyRequests):
    """This webhook is called more often than it allows; slow down."""


class OpenWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook ready for deliveries. `fault`: why none can be judged: a secret that does not open."""

    webhook: Webhook
    secret: Secret | None
    mapping: InputMapping | None
    fault: StudioError | None = None


class _Bucket:
    """How many more calls a webhook takes now."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.filled_at = monotonic()


class KnownWebhooks:
    """One for each API process."""

    def __init__(self, database: Database, vault: Vault, settings: Settings) -> None:
        self._database = database
        self._vault = vault
        self._settings = settings
        self._known: OrderedDict[bytes, tuple[OpenWebhook, float]] = OrderedDict()
        self._buckets: OrderedDict[UUID, _Bucket] = OrderedDict()

    @classmethod
    def of(cls, state: State) -> "KnownWebhooks":
        """This application's, made at first use."""
        found: KnownWebhooks | None = state.get("known_webhooks")
        if found is None:
            found = state["known_webhooks"] = cls(state["database"], state["vault"], state["settings"])
        return found

    def token_hash(self, token: str) -> bytes:
        """How a token is kept. Raises SecretsLocked on a box without its ENCRYPTION_KEY."""
        key = self._settings.keys.encryption_key
        if key is None:
            raise SecretsLocked(remedy=RESTORE)
        return keyed_hash(derive(key, "webhook-token"), token)

    async def find(self, token: str) -> OpenWebhook:
        """The webhook behind an address. Raises HookNotFound."""
        token_hash = self.token_hash(token)
        opened, until = self._known.get(token_hash, (None, 0.0))
        if opened is None or until < monotonic():
            self._known.pop(token_hash, None)
            async with self._database.transaction(Scope.system()) as tx:
                webhook = await model.find_by_token(tx, token_hash)
            if webhook is None:
                raise HookNotFound
            opened = await self.open(webhook)
            self._known[token_hash] = (opened, monotonic() + KNOWN_S)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return opened

    async def open(self, webhook: Webhook) -> OpenWebhook:
        """A webhook with its secret and its mapping; what does not open is told at each delivery."""
        try:
            secret = None
            if webhook.secret is not None:
                place = model.place_of_secret(webhook.id)
                async with self._database.transaction(webhook.scope) as tx:
                    secret = await self._vault.open(tx, webhook.secret, place)
            mapping = None if webhook.inputs is None else compile_mapping(webhook.inputs)
        except StudioError as exc:
            return OpenWebhook(webhook=webhook, secret=None, mapping=None, fault=exc)
        return OpenWebhook(webhook=webhook, secret=secret, mapping=mapping)

    def forget(self, webhook_id: UUID) -> None:
        """This webhook has changed."""
        for token_hash, (opened, _) in list(self._known.items()):
            if opened.webhook.id == webhook_id:
                del self._known[token_hash]

    def count_call(self, webhook: Webhook) -> None:
        """One more call, refused ones too. Raises CalledTooOften, with Retry-After."""
        per_s = webhook.max_per_minute / 60
        most = max(SMALLEST_BURST, per_s * BURST_S)
        bucket = self._buckets.get(webhook.id)
        if bucket is None:
            bucket = self._buckets[webhook.id] = _Bucket(most)
            if len(self._buckets) > MOST_KNOWN:
                self._buckets.popitem(last=False)
        now = monotonic()
        bucket.room = min(most, bucket.room + (now - bucket.filled_at) * per_s)
        bucket.filled_at = now
        if bucket.room < 1:
            wait_s = math.ceil((1 - bucket.room) / per_s)
            raise CalledTooOften(
                f"This webhook takes {count(webhook.max_per_minute, 'call')} a minute; "
                f"try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
        bucket.room -= 1
