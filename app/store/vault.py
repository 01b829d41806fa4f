"""The vault: secrets of organizations, sealed under a data key of each, opened only where they belong.

    record = await vault.seal(tx, "the secret", Place("webhooks", "secret", webhook_id))
    secret = await vault.open(tx, record, Place("webhooks", "secret", webhook_id))

The data keys lie wrapped in `organization_keys`, behind the same row-level security as everything else, so
one organization's transaction does not even find another's key. Deleting an organization's keys makes what
they sealed unreadable for good, in backups too.
"""

from uuid import UUID

from app.kit.ids import new_id
from app.kit.redaction import keep_secret
from app.kit.sealing import (
    RESTORE,
    Place,
    SealingKey,
    Secret,
    SecretDamaged,
    SecretsLocked,
    key_id_of,
    master_key,
    new_secret_key,
    seal,
    unseal,
)
from app.kit.settings import Keys
from app.store.database import Row, Transaction


class KeyMissing(SecretsLocked):
    """The key that sealed this secret is not there, so nothing can open it; enter the secret again."""


class Vault:
    """Seals and opens in a transaction of one organization; unwrapped keys are kept for the process' life."""

    def __init__(self, keys: Keys) -> None:
        self._master = None if keys.encryption_key is None else master_key(keys.encryption_key)
        self._known: dict[tuple[UUID, str], SealingKey] = {}

    async def seal(self, tx: Transaction, secret: str, place: Place) -> str:
        """The record to store at this place. Raises SecretsLocked without an ENCRYPTION_KEY."""
        keep_secret(secret)
        return seal(await self._newest_key(tx), secret.encode(), place)

    async def open(self, tx: Transaction, record: str, place: Place) -> Secret:
        """What was sealed at this place, whole. Raises SecretsLocked, KeyMissing, SecretDamaged."""
        opened = unseal(await self._key(tx, key_id_of(record)), record, place).decode()
        keep_secret(opened)
        return Secret(opened)

    async def _newest_key(self, tx: Transaction) -> SealingKey:
        """The key new secrets are sealed with, made on first use; one, however many ask for it at once."""
        row = await self._find_newest(tx)
        if row is None:
            key_id = new_id()
            await tx.execute(
                "INSERT INTO organization_keys (id, organization_id, wrapped) "
                "VALUES (%(id)s, %(organization)s, %(wrapped)s) "
                "ON CONFLICT (organization_id) WHERE retired_at IS NULL DO NOTHING",
                {
                    "id": key_id,
                    "organization": tx.organization_id,
                    "wrapped": seal(self._unlocked(), new_secret_key(), _place(key_id)),
                },
            )
            row = await self._find_newest(tx)
        return self._unwrapped(tx, row)

    @staticmethod
    async def _find_newest(tx: Transaction) -> Row | None:
        return await tx.fetch_one(
            "SELECT id, wrapped FROM organization_keys "
            "WHERE organization_id = %(organization)s AND retired_at IS NULL",
            {"organization": tx.organization_id},
        )

    async def _key(self, tx: Transaction, named: str) -> SealingKey:
        known = self._known.get((tx.organization_id, named))
        if known is not None:
            return known
        row = await tx.fetch_one(
            "SELECT id, wrapped FROM organization_keys "
            "WHERE organization_id = %(organization)s AND id = %(id)s",
            {"organization": tx.organization_id, "id": _uuid(named)},
        )
        return self._unwrapped(tx, row)

    def _unwrapped(self, tx: Transaction, row: Row | None) -> SealingKey:
        if row is None:
            raise KeyMissing
        key = SealingKey(str(row["id"]), unseal(self._unlocked(), row["wrapped"], _place(row["id"])))
        self._known[tx.organization_id, key.id] = key
        return key

    def _unlocked(self) -> SealingKey:
        if self._master is None:
            raise SecretsLocked(remedy=RESTORE)
        return self._master


def _uuid(named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError:
        raise SecretDamaged from None


def _place(key_id: UUID) -> Place:
    return Place("organization_keys", "wrapped", key_id)
