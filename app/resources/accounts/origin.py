"""The Origin check: a page of another site cannot act with a visitor's cookies, loopback included."""

from urllib.parse import urlsplit

from app.kit.errors import Forbidden
from app.kit.settings import Settings
from app.resources.accounts.connection import Connection, is_websocket

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignOrigin(Forbidden):
    """This request came from a page of another site."""


def refuse_foreign_origin(connection: Connection, settings: Settings) -> None:
    """Raises ForeignOrigin for an unsafe call or a WebSocket from a page that is not Studio's own.

    Browsers send Origin with every such call, and a page cannot forge it or add X-Forwarded-Host without
    a CORS preflight. Programs send none and pass: they hold no visitor's cookies.
    """
    if not is_websocket(connection) and connection.scope.get("method") in SAFE_METHODS:
        return
    origin = connection.headers.get("origin")
    if origin is None:
        return
    if origin.rstrip("/") in (*settings.public_urls, *(o for o in settings.cors_origins if o != "*")):
        return
    if urlsplit(origin).netloc.lower() in _own_hosts(connection):
        return
    raise ForeignOrigin(
        remedy="If a proxy before Studio changes the Host header, set PUBLIC_URL to the address you use."
    )


def _own_hosts(connection: Connection) -> set[str]:
    forwarded = connection.headers.get("x-forwarded-host", "").split(",")[0]
    return {host.strip().lower() for host in (connection.headers.get("host", ""), forwarded) if host.strip()}
