"""A call as a step gets to see it: its body read as what it says it is, within bounds, without secrets."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from app.flow.definition import MAX_DEPTH
from app.flow.sizes import depth_of
from app.kit.codec import decode_any
from app.kit.errors import Malformed, StudioError

MAX_BODY_BYTES: Final = 1024 * 1024  # it becomes a value of the run; a larger thing is a file
MAX_FIELDS: Final = 1_000  # of a form or a query
MAX_HEADERS: Final = 64
MAX_HEADER_CHARS: Final = 1_000

# What lets somebody in somewhere, and what proxies and connections add: no business of a workflow.
_NO_BUSINESS: Final = re.compile(
    r"cookie|forwarded|real-ip|connecting-ip|client-ip|auth|token|secret|password|api-?key"
    r"|^(host|connection|keep-alive|te|trailer|upgrade|transfer-encoding|accept-encoding|expect|via|cdn-.*"
    r"|sec-.*)$"
)


class CallUnreadable(Malformed):
    """The body is not what its content type says."""


class UnknownContent(StudioError):
    """Send JSON, a form (application/x-www-form-urlencoded) or text."""

    status = 415


async def call_of(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Method, query, headers and body. Raises CallUnreadable, UnknownContent, and 413 for a longer one."""
    raw = await request.body()
    return {
        "method": request.method,
        "query": fields_of(request.scope["query_string"].decode("latin-1")),
        "headers": headers_of(request.headers),
        "body": body_of(raw, request.headers.get("content-type", "")),
    }


def body_of(raw: bytes, content_type: str) -> Any:
    """The body by its type; null where there is none. Raises CallUnreadable, UnknownContent."""
    if not raw:
        return None
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    try:
        if kind == "application/json" or kind.endswith("+json"):
            value = decode_any(raw)
            if depth_of(value, MAX_DEPTH) > MAX_DEPTH:
                raise CallUnreadable(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
            return value
        if kind == "application/x-www-form-urlencoded":
            return fields_of(raw.decode())
        if kind.startswith("text/") or kind in {"application/xml", ""} or kind.endswith("+xml"):
            return raw.decode()
    except UnicodeDecodeError:
        raise CallUnreadable("The body is not text in UTF-8.") from None
    except (msgspec.DecodeError, RecursionError) as exc:
        raise CallUnreadable(f"The body is not the JSON it is said to be: {exc}.") from None
    raise UnknownContent


def fields_of(text: str) -> dict[str, Any]:
    """Fields by name; one that comes again gives a list. Raises CallUnreadable."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise CallUnreadable(f"A form may have at most {MAX_FIELDS:,} fields.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def headers_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What a workflow may see of the headers, names in lower case."""
    shown = {name.lower(): value[:MAX_HEADER_CHARS] for name, value in headers.items()}
    kept = [(name, value) for name, value in shown.items() if not _NO_BUSINESS.search(name)]
    return dict(kept[:MAX_HEADERS])
