"""Sealed secrets: bytes that open only with their key, and only in the row they were sealed for.

A record is `v1:<key id>:<nonce>:<ciphertext>`, AES-256-GCM (NIST SP 800-38D) with the place (table, column,
row) as associated data: a ciphertext that was moved to another row does not open there. Keys come in two
floors: the box's ENCRYPTION_KEY wraps one data key for each organization, and data keys seal the secrets
(`app/store/vault.py`). The key id in front tells a wrong key from a damaged record, and lets keys be changed.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NoReturn
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kit.crypto import derive, key_id
from app.kit.errors import StudioError, Unavailable

VERSION: Final = "v1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # random: safe for 2^32 records under one key, far beyond one organization's secrets
RESTORE: Final = (
    "Start the box with the ENCRYPTION_KEY (or keys/encryption_key) it had when they were sealed."
)


class SecretsLocked(Unavailable):
    """The secrets of this box are locked: its ENCRYPTION_KEY is missing, or not the one that sealed them."""


class SecretDamaged(StudioError):
    """This secret does not open: it was changed or moved after it was sealed."""


class Place(msgspec.Struct, frozen=True):
    """Where a sealed record lives, and the only place where it opens."""

    table: str
    column: str
    row: UUID

    def associated_data(self) -> bytes:
        """The place as GCM authenticates it."""
        return "\0".join((self.table, self.column, str(self.row))).encode()


class SealingKey(msgspec.Struct, frozen=True):
    """A 256-bit key under the id that its records name."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SealingKey({self.id}, ****)"


class Secret:
    """An opened secret: prints as stars and has no JSON form, so that it enters no log and no answer."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one who needs it now."""
        return self._value

    def __repr__(self) -> str:
        return "****"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not leave its process")


def master_key(encryption_key: str) -> SealingKey:
    """The key that wraps data keys, from the ENCRYPTION_KEY, whatever form an operator gave it."""
    return SealingKey(key_id(encryption_key), _from_text(derive(encryption_key, "data keys")))


def new_secret_key() -> bytes:
    """A fresh 256-bit key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: SealingKey, content: bytes, place: Place) -> str:
    """The record to be stored at this place."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = AESGCM(key.secret).encrypt(nonce, content, place.associated_data())
    return ":".join((VERSION, key.id, _to_text(nonce), _to_text(ciphertext)))


def unseal(key: SealingKey, record: str, place: Place) -> bytes:
    """What was sealed. Raises SecretsLocked for another key, SecretDamaged for a changed or moved record."""
    named, nonce, ciphertext = _parts(record)
    if named != key.id:
        raise SecretsLocked(remedy=RESTORE)
    try:
        return AESGCM(key.secret).decrypt(_from_text(nonce), _from_text(ciphertext), place.associated_data())
    except (InvalidTag, ValueError) as exc:
        raise SecretDamaged from exc


def key_id_of(record: str) -> str:
    """The id of the key that opens this record. Raises SecretDamaged."""
    return _parts(record)[0]


def _parts(record: str) -> tuple[str, str, str]:
    version, *rest = record.split(":")
    if version != VERSION or len(rest) != 3:
        raise SecretDamaged
    named, nonce, ciphertext = rest
    return named, nonce, ciphertext


def _to_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
