"""What travels between a worker and its torch child: msgpack frames over a socket pair, length first.

Arguments and answers are plain values; nothing is pickled, and no frame carries a secret.
"""

import asyncio
import socket
import struct
from typing import Any, Final

import msgspec

from app.flow.messages import ErrorClass

HEAD: Final = struct.Struct(">I")
MAX_FRAME_BYTES: Final = 512 * 1024 * 1024


class Call(msgspec.Struct, frozen=True, tag="call"):
    """Run one method of a model family."""

    id: int
    family: str
    method: str
    arguments: dict[str, Any]


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End this call at the next good moment; who does not is killed."""

    id: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The child listens."""

    pid: int


class Note(msgspec.Struct, frozen=True, tag="note"):
    """Progress of a call (0 to 1), or a line for its log."""

    id: int
    progress_fraction: float | None = None
    message: str | None = None


class Resident(msgspec.Struct, frozen=True, tag="resident"):
    """The models the child keeps loaded now."""

    models: list[str]


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """A call has its result."""

    id: int
    value: Any


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """A call failed. `detail` is for the log; `is_final`: the child cannot go on and ends."""

    id: int
    error_class: ErrorClass
    message: str
    remedy: str | None = None
    detail: str | None = None
    is_final: bool = False


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """A call ended because it was told to; the child and its models are fine."""

    id: int


ToChild = Call | Stop
FromChild = Ready | Note | Resident | Answer | Fault | Stopped

_encoder = msgspec.msgpack.Encoder()
_to_child = msgspec.msgpack.Decoder(ToChild)
_from_child = msgspec.msgpack.Decoder(FromChild)


def pack(frame: ToChild | FromChild) -> bytes:
    """A frame with its length in front."""
    body = _encoder.encode(frame)
    return HEAD.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> FromChild | None:
    """The child's next frame; None when it is gone."""
    try:
        (size,) = HEAD.unpack(await reader.readexactly(HEAD.size))
        if size > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {size} bytes")
        frame: FromChild = _from_child.decode(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return frame


def receive_blocking(channel: socket.socket) -> ToChild | None:
    """The worker's next frame, in the child; None when the worker is gone."""
    head = _read_exactly(channel, HEAD.size)
    if head is None:
        return None
    body = _read_exactly(channel, HEAD.unpack(head)[0])
    return None if body is None else _to_child.decode(body)


def _read_exactly(channel: socket.socket, size: int) -> bytes | None:
    parts, left = [], size
    while left:
        try:
            part = channel.recv(min(left, 1024 * 1024))
        except OSError:
            return None
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
