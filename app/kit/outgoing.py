"""The one way out: an HTTP client that cannot be talked into reaching what is not meant for it.

A name is resolved once; every address it gives is checked; the connection goes to a checked address (so a
second, different answer of the name server changes nothing), with the name kept for Host and TLS. A
redirect opens a new connection and is checked like the first. Private, loopback, link-local and reserved
ranges are refused unless the super admin allows them, Studio's own ports on this machine always.
Source: notes on Open WebUI's CVE-2026-45400 and -45401 (parser disagreement, redirects).
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpcore
import httpx
import msgspec

from app.kit.places import read_place

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_REDIRECTS: Final = 5
CONNECT_TIMEOUT_S: Final = 10.0
CHUNK_BYTES: Final = 256 * 1024

# Public by number, but a cloud's own service that hands out credentials: Azure, Oracle. Python before 3.13
# takes most of 192.0.0.0/24 for public.
NOT_AS_PUBLIC_AS_IT_LOOKS: Final = (
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("192.0.0.0/24"),
)
# IPv6 ranges that carry an IPv4 address inside (NAT64, RFC 6052 and 8215).
NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))

# What may follow a redirect to another origin: nothing a caller could have put a secret into.
HARMLESS_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "user-agent", "content-type"}
)


class Reason(StrEnum):
    """Why a request got no answer."""

    bad_address = "bad_address"  # no URL we can use
    refused = "refused"  # a place steps may not reach
    unreachable = "unreachable"  # the network, the name server or the other side
    timeout = "timeout"
    too_large = "too_large"


class OutgoingFailed(Exception):
    """A request got no usable answer: why, in a word for machines and a sentence for people."""

    def __init__(self, reason: Reason, message: str, remedy: str | None = None) -> None:
        self.reason = reason
        self.message = message
        self.remedy = remedy
        super().__init__(message)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `body` is empty when it went into a file. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    size_bytes: int
    url: str  # after redirects


class AllowList:
    """Places that may be reached although they are private: CIDRs, addresses, hosts, `*.suffix`."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises ValueError for what is no place; settings have been checked."""
        places = [read_place(entry) for entry in entries]
        self._networks = [place for place in places if not isinstance(place, str)]
        self._hosts = {place for place in places if isinstance(place, str) and not place.startswith("*.")}
        self._suffixes = [place[1:] for place in places if isinstance(place, str) and place.startswith("*.")]

    def allows(self, host: str, address: Address) -> bool:
        """Whether the super admin opened this place."""
        name = host.lower().rstrip(".")
        if name in self._hosts or any(name.endswith(suffix) for suffix in self._suffixes):
            return True
        return any(address in network for network in self._networks if network.version == address.version)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet, also when it wears IPv6 clothes."""
    inner = _inner(address)
    if inner != address:
        return is_public(inner)
    if any(address in network for network in NOT_AS_PUBLIC_AS_IT_LOOKS if network.version == address.version):
        return False
    if address.version == 6 and getattr(address, "is_site_local", False):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4, Teredo or NAT64 one; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) >> 32 == 0 and int(address) > 1:  # IPv4-compatible, long deprecated
        return ipaddress.IPv4Address(int(address))
    return address


class Guard:
    """Decides which addresses of a name may be connected to."""

    def __init__(self, allow: AllowList, own_ports: Iterable[int] = ()) -> None:
        self._allow = allow
        self._own_ports = frozenset(own_ports)

    async def addresses(self, host: str, port: int) -> list[str]:
        """The checked addresses of a name, in the resolver's order. Raises OutgoingFailed."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise OutgoingFailed(
                Reason.unreachable,
                f"The name “{host}” could not be resolved.",
                "Check the spelling of the address.",
            ) from exc
        addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
        open_ones = [str(address) for address in addresses if self._may_reach(host, port, address)]
        if not open_ones:
            raise OutgoingFailed(
                Reason.refused,
                f"“{host}” is a private or internal place; steps may not reach it.",
                "The super admin can allow it with STUDIO_OUTGOING_ALLOW (hosts or address ranges).",
            )
        return list(dict.fromkeys(open_ones))

    def _may_reach(self, host: str, port: int, address: Address) -> bool:
        inner = _inner(address)
        if port in self._own_ports and (
            inner.is_loopback or inner.is_unspecified or str(inner) in _own_addresses()
        ):
            return False
        return is_public(address) or self._allow.allows(host, address) or self._allow.allows(host, inner)


def _own_addresses() -> set[str]:
    """The addresses of this machine's interfaces; asked each time, because containers change networks."""
    import psutil

    return {
        entry.address.split("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    }


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's way to a socket, through the guard: the connection goes to a checked address."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that answers."""
        failure: Exception | None = None
        for address in await self._guard.addresses(host, port):
            try:
                return await self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as exc:
                failure = exc
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002  never used, see below
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  httpcore's own signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never: a socket file is always something internal."""
        raise OutgoingFailed(Reason.refused, "Steps may not reach socket files.")

    async def sleep(self, seconds: float) -> None:
        """A pause between attempts."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool whose connections pass the guard.

    httpx offers no way to hand the backend in, so its pool is replaced; a test fails if the name changes.
    """

    def __init__(self, guard: Guard, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=15.0,
            http1=True,
            network_backend=GuardedBackend(guard),
        )


class Outgoing:
    """The guarded client of one process. Nothing of one call, no cookie either, is seen by the next."""

    def __init__(self, allow: Sequence[str] = (), own_ports: Iterable[int] = ()) -> None:
        self._guard = Guard(AllowList(allow), own_ports)
        self._transport: GuardedTransport | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float = 60.0,
        max_bytes: int = 64 * 1024 * 1024,
        into: Path | None = None,
    ) -> Answer:
        """Send one request and follow its redirects; the body comes back, or goes into the file `into`.

        Raises OutgoingFailed. Any status is an answer.
        """
        client = httpx.AsyncClient(
            transport=self._ready(),
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s)),
            headers={"user-agent": "Studio", "accept-encoding": "gzip, deflate"},
            trust_env=False,
        )
        try:
            request = client.build_request(method, _checked(url), headers=headers, content=content)
            async with asyncio.timeout(timeout_s):
                response = await _follow(client, request)
                try:
                    return await _read(response, max_bytes, into)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise OutgoingFailed(
                Reason.timeout,
                f"{_place(url)} did not answer within {timeout_s:g} s.",
                "Try again, or allow more time.",
            ) from exc
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as exc:
            raise OutgoingFailed(Reason.bad_address, f"This request cannot be sent: {exc}.") from exc
        except httpx.DecodingError as exc:
            raise OutgoingFailed(Reason.unreachable, f"The answer of {_place(url)} is garbled.") from exc
        except httpx.TransportError as exc:
            raise OutgoingFailed(
                Reason.unreachable,
                f"{_place(url)} could not be reached: {_words(exc)}.",
                "Check the address, or try again.",
            ) from exc

    async def close(self) -> None:
        """Give the connections back."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    def _ready(self) -> GuardedTransport:
        if self._transport is None:
            # 25 ms and 3 MB for the certificates, so not before the first call.
            self._transport = GuardedTransport(self._guard, httpx.create_ssl_context())
        return self._transport


def _checked(url: str) -> httpx.URL:
    """The address as the one parser reads it. Raises OutgoingFailed for what is not http(s)."""
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError) as exc:
        raise OutgoingFailed(Reason.bad_address, f"“{url[:200]}” is no web address: {exc}.") from exc
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise OutgoingFailed(
            Reason.bad_address, f"“{url[:200]}” is no web address.", "Start it with http:// or https://."
        )
    return parsed


async def _follow(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send, and go where redirects point; a changed origin loses every header that could carry a secret."""
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True, follow_redirects=False)
        if response.next_request is None:
            return response
        await response.aclose()
        following = response.next_request
        _checked(str(following.url))
        if _origin(following.url) != _origin(request.url):
            for name in [
                name
                for name in following.headers
                if name not in {*HARMLESS_HEADERS, "host", "content-length"}
            ]:
                del following.headers[name]
        request = following
    raise OutgoingFailed(
        Reason.unreachable, f"{request.url.host} redirects in a circle.", "Check the address."
    )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _read(response: httpx.Response, max_bytes: int, into: Path | None) -> Answer:
    body, size = bytearray(), 0
    file = into.open("wb") if into is not None else None
    try:
        async for chunk in response.aiter_bytes(CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                raise OutgoingFailed(
                    Reason.too_large,
                    f"The answer of {response.url.host} is longer than the {max_bytes:,} bytes allowed.",
                    "Allow a larger answer in the step, or ask for less.",
                )
            if file is None:
                body += chunk
            else:
                file.write(chunk)
    finally:
        if file is not None:
            file.close()
    return Answer(
        status=response.status_code,
        headers=dict(response.headers.items()),
        body=bytes(body),
        size_bytes=size,
        url=str(response.url),
    )


def _place(url: str) -> str:
    """The host of an address: its path and query may hold what a log should not."""
    try:
        return httpx.URL(url).host or "The address"
    except httpx.InvalidURL:
        return "The address"


def _words(exc: Exception) -> str:
    text = str(exc).strip().rstrip(".")
    return text[:200] or type(exc).__name__
