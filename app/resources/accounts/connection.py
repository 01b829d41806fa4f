"""An HTTP request or a WebSocket, whichever it is, and where it comes from."""

from ipaddress import ip_address, ip_network
from typing import Any

from litestar.connection import ASGIConnection

from app.kit.settings import Settings

Connection = ASGIConnection[Any, Any, Any, Any]


# Loopback and the private networks: RFC 1918, carrier-grade NAT, link-local, unique local.
NEIGHBOURS = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)


def is_websocket(connection: Connection) -> bool:
    """Whether this is a WebSocket's handshake."""
    return str(connection.scope["type"]) == "websocket"


def address_of(connection: Connection) -> str:
    """The person's address, as far as it can be known.

    A forwarded address is believed only from a neighbour: this machine's tunnel, a proxy on a private network
    (RunPod, Compose, Kubernetes). Its last hop is the one the neighbour wrote; those before are anybody's
    claim. Without this, everybody behind a proxy would share one count, and one stranger could stop them all.
    """
    peer = connection.client.host if connection.client else "unknown"
    try:
        is_neighbour = any(ip_address(peer) in network for network in NEIGHBOURS)
    except ValueError:
        return peer
    if not is_neighbour:
        return peer
    settings: Settings = connection.app.state.settings
    # Any other proxy hands on what a stranger wrote into Cloudflare's header.
    named = connection.headers.get("cf-connecting-ip") if settings.behind_cloudflare else None
    forwarded = named or connection.headers.get("x-forwarded-for") or ""
    return forwarded.rsplit(",", maxsplit=1)[-1].strip()[:64] or peer
