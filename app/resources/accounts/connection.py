"""An HTTP request or a WebSocket, whichever it is."""

from typing import Any

from litestar.connection import ASGIConnection

Connection = ASGIConnection[Any, Any, Any, Any]


def is_websocket(connection: Connection) -> bool:
    """Whether this is a WebSocket's handshake."""
    return str(connection.scope["type"]) == "websocket"
