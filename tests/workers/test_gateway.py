"""The worker's identity: an API that forgets it, and answers that come to who it was before."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.flow.messages import Lane, LaneSlots, Register, Registered
from app.kit.codec import decode, encode
from app.kit.ids import new_id
from tests.workers.conftest import eventually
from workers.gateway import Gateway
from workers.refusals import ApiAway


class Api:
    """Knows the workers it has registered, until it forgets them; claims are answered when told."""

    def __init__(self) -> None:
        self.url = ""
        self.known: set[str] = set()
        self.introductions: list[Register] = []
        self.claims = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
        body = await reader.readexactly(length)
        token = head.partition("Bearer ")[2].split("\r\n")[0]
        if head.startswith("POST /internal/v1/workers/register"):
            await self.answer(writer, "200 OK", self.admit(decode(body, Register)))
        elif token not in self.known:
            await self.answer(writer, "401 Unauthorized", {})
        else:
            self.claims += 1
            await self.answers.wait()
            await self.answer(writer, "204 No Content", None)

    def admit(self, worker: Register) -> Registered:
        self.introductions.append(worker)
        token = f"token {len(self.introductions)}"
        self.known.add(token)
        return Registered(worker_id=new_id(), token=token, lease_s=20, heartbeat_s=5, shared_blobs=False)

    async def answer(self, writer: asyncio.StreamWriter, status: str, content: Any) -> None:
        body = b"" if content is None else encode(content)
        head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield api
    server.close()


@pytest_asyncio.fixture
async def gateway(api: Api) -> AsyncIterator[Gateway]:
    def introduce() -> Register:
        slots = [LaneSlots(Lane.cpu, 1)]
        return Register(name="w", host="h", pid=1, version="0", lanes=slots, former=worker.former)

    worker = Gateway(api.url, "secret", introduce)
    await worker.register()
    yield worker
    await worker.close()


async def test_a_forgotten_worker_says_who_it_was(api: Api, gateway: Gateway) -> None:
    was = gateway.identity.worker_id
    api.known.clear()
    assert await gateway.claim(Lane.cpu, None) is None
    assert [one.former for one in api.introductions] == [None, was]
    assert gateway.identity.worker_id != was


async def test_an_answer_to_who_it_was_before_counts_for_nothing(api: Api, gateway: Gateway) -> None:
    api.answers.clear()
    asking = asyncio.ensure_future(gateway.claim(Lane.cpu, None))
    await eventually(lambda: api.claims)
    await gateway.register()
    api.answers.set()
    with pytest.raises(ApiAway):
        await asking
