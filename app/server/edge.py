"""The outermost layer: a request id, security headers on every answer, HEAD, and the UI's files.

Plain ASGI around Litestar, so that errors of routing and static files get the same treatment as handlers.
"""

import re
import time
from collections.abc import Iterable
from typing import cast

import structlog
from litestar import Litestar
from litestar.routes import BaseRoute

from app.kit import meters, traces
from app.kit.ids import new_id
from app.kit.log import get_logger
from app.kit.tally import Tally
from app.server.asgi import Application, Message, Receive, Scope, Send
from app.server.discretion import for_the_log
from app.server.ui_files import UiFiles

log = get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

# 'unsafe-inline' for styles only: the graph places its nodes by style attributes. Scripts come from files.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; "
    "script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "media-src 'self' blob:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "worker-src 'self' blob:; "
    "object-src 'none'; "
    "base-uri 'none'; "
    "form-action 'self'; "
    "frame-ancestors 'none'"
)

# Where programs call, by the map: an address there that is none says so, whatever of it this version answers.
# A page of the UI with status 200 would look like success to whoever sent an event or a probe.
FOR_PROGRAMS = frozenset({"api", "internal", "hooks", "health", "livez", "readyz", "metrics", ".well-known"})

NOBODY = {"organization": None, "worker": None}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# What a sign-in showed must not come back from a cache after the sign-out; files say otherwise themselves.
NOT_KEPT = (b"cache-control", b"no-store")

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
)


class Edge:
    """The whole web application as one ASGI callable."""

    def __init__(self, api: Litestar, ui: UiFiles, tally: Tally) -> None:
        self.litestar = api
        self.api = cast("Application", api)
        self.ui = ui
        self._tally = tally
        self._heads = [_pattern(route) for route in api.routes if "HEAD" in route.methods]
        # What the API answers; every other address is a page of the UI.
        self.reserved = FOR_PROGRAMS | {route.path.strip("/").split("/")[0] for route in api.routes} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.api(scope, receive, send)
            return
        request_id = _request_id(scope)
        # HEAD is answered as GET without its body, except where a handler of its own answers it.
        is_head = scope["type"] == "http" and scope["method"] == "HEAD" and not self._answers_head(scope)
        inner: Scope = {**scope, "studio_request_id": request_id, "studio_is_head": is_head}
        if is_head:
            inner["method"] = "GET"

        began, status = time.perf_counter(), 0

        async def decorated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(message["headers"], request_id)
            elif is_head and message["type"] == "http.response.body":
                if message.get("more_body"):
                    return
                message["body"] = b""
            await send(message)

        traceparent = _header(scope, b"traceparent") if traces.is_on() else None
        asked = traces.enter_request(request_id, traceparent) if traces.is_on() else None
        # What a guard finds out of the caller (organization, worker) ends with the request, too.
        with structlog.contextvars.bound_contextvars(**NOBODY, request_id=request_id):
            is_page = scope["type"] == "http" and self._is_page(scope["path"])
            try:
                await (self.ui if is_page else self.api)(inner, receive, decorated)
            finally:
                took_s = time.perf_counter() - began
                if scope["type"] == "http":
                    route = "ui" if is_page else route_of(inner)
                    method = scope["method"] if scope["method"] in METHODS else "other"
                    self._tally.count(meters.HTTP_REQUESTS, route, method, str(status))
                    self._tally.observe(meters.HTTP_DURATION, took_s, route)
                    if asked is not None:
                        traces.record(
                            f"{method} {route}",
                            asked.place,
                            linked=asked.started,
                            took_s=took_s,
                            parent=traces.parent_of(traceparent),
                            attributes={
                                "http.request.method": method,
                                "http.route": route,
                                "http.response.status_code": status,
                                "studio.request": request_id,
                            },
                            error="an error of ours" if status >= 500 else None,
                        )
            took_ms = round(took_s * 1000, 1)
            path = for_the_log(scope["path"])
            log.debug("answered", action="request", path=path, status=status, took_ms=took_ms)

    def _answers_head(self, scope: Scope) -> bool:
        return any(pattern.fullmatch(scope["path"]) for pattern in self._heads)

    def _is_page(self, path: str) -> bool:
        return path.strip("/").split("/")[0] not in self.reserved


def route_of(scope: Scope) -> str:
    """The pattern of the route that answered, such as `/api/v1/assets/{asset_id}`; never an address."""
    handler = scope.get("route_handler")
    return str(scope.get("path_template") or "none") if handler is not None else "none"


def _pattern(route: BaseRoute) -> re.Pattern[str]:
    parts = ("[^/]+" if "{" in part else re.escape(part) for part in route.path_format.split("/"))
    return re.compile("/".join(parts) + "/?")


def _request_id(scope: Scope) -> str:
    """The caller's own id when it is a sane one, so that a proxy's log and ours can be laid side by side."""
    given = _header(scope, b"x-request-id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_id().hex


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


def _with_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Ours beside the answer's own; what a handler set itself (a file's sandbox) stays."""
    present = {name.lower() for name, _ in headers}
    return [
        *headers,
        (b"x-request-id", request_id.encode()),
        *((name, value) for name, value in (*SECURITY_HEADERS, NOT_KEPT) if name not in present),
    ]
