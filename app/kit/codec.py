"""JSON in and out, the same everywhere: HTTP, queue, live events and jsonb columns."""

from datetime import datetime
from pathlib import PurePath
from typing import Any, TypeVar

import msgspec

from app.kit.clock import rfc3339

T = TypeVar("T")


def _encode_other(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, BaseException):
        # arq puts exception objects into its (unused) results; text keeps its log quiet.
        return f"{type(value).__name__}: {value}"
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_encode_other)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: Any) -> bytes:
    """Compact JSON; structs, UUIDs, aware datetimes and paths included."""
    return _encoder.encode(value)


def encode_text(value: Any) -> str:
    """The same as `encode`, as text."""
    return _encoder.encode(value).decode()


def decode(raw: bytes | str, into: type[T]) -> T:
    """JSON into a typed value. Raises msgspec.ValidationError or DecodeError (both ValueError)."""
    decoder = _decoders.get(into)
    if decoder is None:
        decoder = _decoders[into] = msgspec.json.Decoder(into)
    value: T = decoder.decode(raw)
    return value


def decode_any(raw: bytes | str) -> Any:
    """JSON into plain dicts, lists, text, numbers."""
    return msgspec.json.decode(raw)


def to_plain(value: Any) -> Any:
    """Structs and ids as the plain values that JSON knows; datetimes as RFC 3339 text."""
    return msgspec.to_builtins(value, enc_hook=_encode_other, str_keys=True)


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 or nothing."""
    return None if moment is None else rfc3339(moment)
