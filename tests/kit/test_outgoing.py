"""The way out: what is refused, whatever it is called, and what still works."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from app.kit.outgoing import AllowList, Guard, GuardedTransport, Outgoing, OutgoingFailed, Reason, is_public

Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, int, list[bytes]]]:
    """A web server of one function on a port of its own; the requests it got."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen.append(head)
                writer.write(answer(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", port, seen
    finally:
        listening.close()


def page(body: bytes = b"hello", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104  a destination here
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::80ff:fffe",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_is_not_the_open_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_the_open_internet(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://user:pass@127.0.0.1:{port}/",
        "http://example.org@127.0.0.1:{port}/",
        "http://127.0.0.1.:{port}/",
    ],
)
async def test_this_machine_is_refused_however_it_is_spelled(url: str) -> None:
    async with server(lambda _: page()) as (_, port, seen):
        with pytest.raises(OutgoingFailed) as caught:
            await Outgoing().request("GET", url.format(port=port))
    assert caught.value.reason in (Reason.refused, Reason.unreachable, Reason.bad_address)
    assert not seen, "nothing was sent"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "gopher://x", "//x", "x", "", "http://"]
)
async def test_only_web_addresses_are_addresses(url: str) -> None:
    with pytest.raises(OutgoingFailed) as caught:
        await Outgoing().request("GET", url)
    assert caught.value.reason is Reason.bad_address


async def test_the_super_admin_may_open_a_private_place() -> None:
    async with server(lambda _: page()) as (base, _, _seen):
        client = Outgoing(["127.0.0.0/8"])
        answer = await client.request("GET", f"{base}/x?y=1")
        await client.close()
    assert (answer.status, answer.body, answer.size_bytes) == (200, b"hello", 5)


async def test_our_own_ports_stay_closed_even_then() -> None:
    async with server(lambda _: page()) as (base, port, seen):
        with pytest.raises(OutgoingFailed) as caught:
            await Outgoing(["127.0.0.0/8", "localhost"], own_ports=[port]).request("GET", base)
    assert caught.value.reason is Reason.refused
    assert not seen


async def test_a_redirect_to_a_private_place_is_refused() -> None:
    async with server(lambda _: page(b"secret")) as (inside, _, inside_seen):
        elsewhere = inside.replace("127.0.0.1", "localhost")
        async with server(lambda _: page(status="302 Found", location=elsewhere)) as (base, _, seen):
            client = Outgoing()
            client._guard = OnlyPort(int(base.rpartition(":")[2]))
            with pytest.raises(OutgoingFailed) as caught:
                await client.request("GET", base)
            await client.close()
    assert caught.value.reason is Reason.refused
    assert seen
    assert not inside_seen


class OnlyPort(Guard):
    """A guard to which one port of this machine is the whole internet."""

    def __init__(self, port: int) -> None:
        super().__init__(AllowList())
        self._port = port

    async def addresses(self, host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if port == self._port else await super().addresses(host, port)


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the second answer would be this machine, but nobody asks a second time."""
    asked = 0
    connected: list[str] = []

    async def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        nonlocal asked
        asked += 1
        address = "93.184.216.34" if asked == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def connect(_: Any, host: str, *__: Any, **___: Any) -> httpcore.AsyncNetworkStream:
        connected.append(host)
        raise httpcore.ConnectError("no further")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(OutgoingFailed, match="could not be reached"):
        await Outgoing().request("GET", "http://rebind.example/")
    assert (asked, connected) == (1, ["93.184.216.34"])


async def test_of_several_addresses_only_open_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("10.0.0.1", "93.184.216.34")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    assert await Guard(AllowList()).addresses("mixed.example", 80) == ["93.184.216.34"]


async def test_secrets_do_not_follow_a_redirect_to_another_origin() -> None:
    async with server(lambda _: page()) as (there, _, there_seen):
        moved = page(status="307 Temporary Redirect", location=f"{there}/in")
        async with server(lambda _: moved) as (base, _, seen):
            client = Outgoing(["127.0.0.1"])
            secret = {"authorization": "Bearer sesame", "x-api-key": "sesame", "accept": "text/plain"}
            await client.request("GET", base, headers=secret)
            await client.close()
    assert b"sesame" in seen[0]
    assert b"sesame" not in there_seen[0]
    assert b"text/plain" in there_seen[0]


async def test_a_circle_of_redirects_ends() -> None:
    async with server(lambda _: page(status="302 Found", location="/again")) as (base, _, seen):
        with pytest.raises(OutgoingFailed, match="circle"):
            await Outgoing(["127.0.0.1"]).request("GET", base)
    assert len(seen) == 6


async def test_cookies_of_one_call_are_not_sent_with_the_next() -> None:
    async with server(lambda _: page(set_cookie="who=me")) as (base, _, seen):
        client = Outgoing(["127.0.0.1"])
        await client.request("GET", base)
        await client.request("GET", base)
        await client.close()
    assert len(seen) == 2
    assert b"who=me" not in seen[1]


async def test_an_answer_longer_than_allowed_is_cut_off(tmp_path: Path) -> None:
    async with server(lambda _: page(b"x" * 100_000)) as (base, _, _seen):
        with pytest.raises(OutgoingFailed) as caught:
            await Outgoing(["127.0.0.1"]).request("GET", base, max_bytes=1000, into=tmp_path / "answer")
    assert caught.value.reason is Reason.too_large


async def test_an_answer_goes_into_a_file(tmp_path: Path) -> None:
    async with server(lambda _: page(b"x" * 300_000)) as (base, _, _seen):
        client = Outgoing(["127.0.0.1"])
        answer = await client.request("GET", base, into=tmp_path / "answer")
        await client.close()
    assert answer.body == b""
    assert answer.size_bytes == (tmp_path / "answer").stat().st_size == 300_000


async def test_a_silent_server_costs_no_more_than_the_time_limit() -> None:
    async with server(lambda _: b"") as (base, _, _seen):
        with pytest.raises(OutgoingFailed) as caught:
            await Outgoing(["127.0.0.1"]).request("GET", base, timeout_s=0.2)
    assert caught.value.reason is Reason.timeout


def test_httpx_still_keeps_its_pool_where_we_replace_it() -> None:
    """GuardedTransport relies on a private name; when httpx changes it, the guard would silently be gone."""
    assert isinstance(httpx.AsyncHTTPTransport()._pool, httpcore.AsyncConnectionPool)
    transport = GuardedTransport(Guard(AllowList()), httpx.create_ssl_context())
    pool: Any = transport._pool
    assert type(pool._network_backend).__name__ == "GuardedBackend"
