"""Many senders at once, each on a kept connection: plain sockets, so that the bench itself costs little."""

import asyncio
import re
import time

BODY = b'{"event": "measured", "n": 1}'
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def deliver(port: int, path: str, senders: int, each: int) -> list[float]:
    """Everybody delivers so often; how long each answer took, in ms. Anything but 202 ends the bench."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    took = await asyncio.gather(*(_sender(port, request, each) for _ in range(senders)))
    return [one for several in took for one in several]


async def _sender(port: int, request: bytes, count: int) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took_ms: list[float] = []
    try:
        for _ in range(count):
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            body = await reader.readexactly(int(found[1]) if found else 0)
            took_ms.append((time.perf_counter() - began) * 1000)
            if not head.startswith(b"HTTP/1.1 202"):
                raise SystemExit(f"a delivery was refused: {head.decode()}{body.decode()}")
    finally:
        writer.close()
    return took_ms
