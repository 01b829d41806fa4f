"""Tokens and keyed hashes. What is only compared is stored as a keyed hash, never as it was shown."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode


def new_token(prefix: str, size_bytes: int = 32) -> str:
    """A fresh random secret such as `sw_4fJ…`; the prefix tells scanners and people what it is."""
    return f"{prefix}_{secrets.token_urlsafe(size_bytes)}"


def new_key() -> str:
    """A fresh 256-bit key as 64 hex digits, for the `keys/` folder."""
    return secrets.token_hex(32)


def keyed_hash(key: str, token: str) -> bytes:
    """HMAC-SHA-256 of a token, 32 bytes, for a column that is only compared."""
    return hmac.new(key.encode(), token.encode(), hashlib.sha256).digest()


def derive(key: str, purpose: str) -> str:
    """A secret of its own for one purpose, so that no key serves two (HKDF-Expand's first block)."""
    block = hmac.new(key.encode(), f"studio:{purpose}\x01".encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(block).rstrip(b"=").decode()


def key_id(key: str) -> str:
    """A short name for a key that tells nothing about it: whether two keys are the same one."""
    return derive(key, "key id")[:12]


def same(a: str | bytes, b: str | bytes) -> bool:
    """Whether two secrets are equal, in time that does not tell where they differ."""
    left = a.encode() if isinstance(a, str) else a
    right = b.encode() if isinstance(b, str) else b
    return hmac.compare_digest(left, right)
