"""Addresses at which other programs call waiting steps back.

The address of a step run is its id and a keyed seal of it. Nothing is stored: it can be told before the step
waits, and cannot be guessed. It works once, because the step it brings on has then ended.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Final
from uuid import UUID

from app.kit.crypto import derive, keyed_hash, same
from app.kit.ids import StepId
from app.kit.settings import Settings

PATH: Final = "/hooks/steps"
_ID_BYTES: Final = 16
_SEAL_BYTES: Final = 16  # 128 bits: nobody tries them all over HTTP


class Callbacks:
    """Makes and reads the addresses of this box."""

    def __init__(self, key: str, base_url: str) -> None:
        """`key`: kept as long as addresses are to work. `base_url`: how the world reaches the box."""
        self._key = key
        self._base_url = base_url.rstrip("/")

    @classmethod
    def of(cls, settings: Settings) -> "Callbacks":
        """Under the box's own key, at its first public address, else on this machine."""
        base_url = settings.public_urls[0] if settings.public_urls else f"http://127.0.0.1:{settings.port}"
        return cls(derive(settings.keys.require("encryption_key"), "step callbacks"), base_url)

    def address_of(self, step_id: UUID) -> str:
        """Where a step is called back."""
        token = urlsafe_b64encode(step_id.bytes + self._seal(step_id.bytes)).rstrip(b"=").decode()
        return f"{self._base_url}{PATH}/{token}"

    def step_of(self, token: str) -> StepId | None:
        """The step an address belongs to; None when this box never gave it."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError):
            return None
        name, seal = raw[:_ID_BYTES], raw[_ID_BYTES:]
        if len(name) != _ID_BYTES or not same(seal, self._seal(name)):
            return None
        return StepId(UUID(bytes=name))

    def _seal(self, name: bytes) -> bytes:
        return keyed_hash(self._key, name.hex())[:_SEAL_BYTES]
