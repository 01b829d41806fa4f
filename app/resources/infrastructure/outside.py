"""The box as others see it: its certificate, and what time it is elsewhere.

The daemon calls the box's own public address now and then; one call tells both. It is the operator's address,
so it is called as it is, private or not.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from app.kit.settings import Settings
from app.resources.infrastructure import noted
from app.resources.periodic import Parts
from app.store.database import Scope

PATIENCE_S: Final = 10.0
FACT: Final = "outside"


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """What one call of the public address told."""

    host: str
    expires_at: datetime | None = None
    fault: str | None = None  # why there is nothing to tell
    is_refused: bool = False  # the certificate is there and not good, as against nobody answering
    clock_ahead_s: float | None = None  # of ours before theirs; a second of it is rounding


def place_of(settings: Settings) -> tuple[str, int] | None:
    """Host and port of the first public address, where it is https."""
    if not settings.public_urls:
        return None
    parts = urlsplit(settings.public_urls[0])
    return (parts.hostname, parts.port or 443) if parts.scheme == "https" and parts.hostname else None


async def look_outside(parts: Parts) -> int:
    """Call the public address and note what it told."""
    place = place_of(parts.settings)
    if place is None:
        return 0
    found = await call(*place)
    async with parts.database.transaction(Scope.nobody()) as tx:
        await noted.note(tx, FACT, found)
    return 0


async def call(
    host: str, port: int, trust: Callable[[], ssl.SSLContext] = ssl.create_default_context
) -> Outside:
    """One HEAD over TLS."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=trust(), server_hostname=host)
            try:
                expires_at = _expiry(writer.get_extra_info("peercert"))
                writer.write(f"HEAD /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            finally:
                writer.close()
    except ssl.SSLCertVerificationError as exc:
        return Outside(host=host, fault=exc.verify_message, is_refused=True)
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
        return Outside(host=host, fault=str(exc) or "no answer")
    return Outside(host=host, expires_at=expires_at, clock_ahead_s=_ahead(head))


def _expiry(certificate: dict[str, Any] | None) -> datetime | None:
    until = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC) if until else None


def _ahead(head: str) -> float | None:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            try:
                return time.time() - parsedate_to_datetime(value.strip()).timestamp()
            except ValueError:
                return None
    return None
