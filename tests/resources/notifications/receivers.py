"""What takes messages at the other end: an HTTP server and a mail relay, each in this process."""

import asyncio
import base64
import json
import ssl
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
    """Takes every POST, or answers with another status; for some paths only when it is let."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.status = 200
        self.held: dict[str, asyncio.Event] = {}
        self.port = 0
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["HttpReceiver"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def titles(self, path: str) -> list[str]:
        """What came in by this path, in order."""
        return [one.body["title"] for one in self.taken if one.path == path]

    async def until(self, path: str, count: int) -> None:
        """Wait until so many have come in by this path."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.titles(path)) >= count)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split()[1]
        self.taken.append(Taken(path, headers, json.loads(body)))
        async with self._news:
            self._news.notify_all()
        if path in self.held:
            await self.held[path].wait()
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class MailReceiver:
    """A relay that takes mail: with a certificate over TLS from the first byte (`is_implicit`) or after
    STARTTLS, else in the clear. With a password it wants to be asked by it.
    """

    def __init__(
        self, tls: ssl.SSLContext | None = None, *, is_implicit: bool = False, password: str | None = None
    ) -> None:
        self.mails: list[str] = []
        self.port = 0
        self._tls = tls
        self._is_implicit = is_implicit
        self._password = password

    @asynccontextmanager
    async def open(self) -> AsyncIterator["MailReceiver"]:
        at_once = self._tls if self._is_implicit else None
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=at_once)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        is_open, is_known, mail = not self._tls or self._is_implicit, self._password is None, ""
        await say("220 relay.test")
        while line := (await reader.readline()).decode().strip():
            match line.split(" ")[0].upper():
                case "EHLO":
                    await say("250-relay.test", "250 AUTH PLAIN" if is_open else "250 STARTTLS")
                case "STARTTLS" if self._tls and not is_open:
                    await say("220 go on")
                    try:
                        await writer.start_tls(self._tls)
                    except (ssl.SSLError, ConnectionError):
                        return
                    is_open = True
                case "AUTH" if is_open:
                    given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[2]
                    is_known = self._password in (None, given)
                    await say("235 welcome" if is_known else "535 who are you")
                case "MAIL" | "RCPT" | "DATA" if not (is_open and is_known):
                    await say("530 not like this")
                case "RCPT" if "nobody@" in line:
                    await say("550 nobody of that name")
                case "DATA":
                    await say("354 go on")
                    mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                    if "too long" in mail:
                        await say("552 too long for me")
                    else:
                        self.mails.append(mail)
                        await say("250 taken")
                case "QUIT":
                    await say("221 bye")
                    break
                case _:
                    await say("250 yes")
        writer.close()
