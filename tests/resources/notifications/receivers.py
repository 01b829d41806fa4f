"""What takes messages at the other end: an HTTP server and a mail relay, each in this process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec


class Taken(msgspec.Struct):
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class HttpReceiver:
    """Takes every POST, or answers with another status."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.status = 200
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["HttpReceiver"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.taken.append(Taken(first.split()[1], headers, json.loads(body)))
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class MailReceiver:
    """A relay that takes every mail over plain SMTP."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["MailReceiver"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        await say("220 relay.test")
        while line := (await reader.readline()).decode().strip():
            match line.split(" ")[0].upper():
                case "EHLO":
                    await say("250-relay.test\r\n250 AUTH PLAIN")
                case "AUTH":
                    await say("235 welcome")
                case "RCPT" if "nobody@" in line:
                    await say("550 nobody of that name")
                case "DATA":
                    await say("354 go on")
                    self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    await say("250 taken")
                case "QUIT":
                    await say("221 bye")
                    break
                case _:
                    await say("250 yes")
        writer.close()
