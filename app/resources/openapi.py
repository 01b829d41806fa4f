"""The OpenAPI document: built from the routes once, the same for the API, the UI's types and the docs page.

Needs no database and no settings, so that `python -m app.admin openapi` works in a bare checkout.
"""

import functools
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from app.kit.codec import encode
from app.resources.accounts.guards import Guard, Hook, Public, Requires, Scrape, SuperAdmin
from app.resources.accounts.tokens import ACCESS_COOKIE
from app.resources.discovery import route_handlers
from app.resources.injection import dependencies
from app.resources.problem import MEDIA_TYPE, Problem

TITLE = "Studio"
VERSION = "1"
REF = "#/components/schemas/"


@functools.cache
def document() -> dict[str, Any]:
    """The whole document as plain values."""
    api = Litestar(
        route_handlers=route_handlers(),
        dependencies=dependencies(),
        openapi_config=OpenAPIConfig(
            title=TITLE,
            version=VERSION,
            description="Workflows for media and AI: run, watched live and kept.",
            use_handler_docstrings=True,
            components=Components(
                security_schemes={
                    "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                    "cookie": SecurityScheme(type="apiKey", security_scheme_in="cookie", name=ACCESS_COOKIE),
                }
            ),
        ),
        logging_config=None,
    )
    found: dict[str, Any] = msgspec.json.decode(encode(api.openapi_schema.to_schema()))
    _add_problem_schemas(found)
    for route in api.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                operation = found["paths"].get(route.path_format, {}).get(method.lower())
                if operation is not None:
                    _finish(operation, handler)
    return found


def as_json() -> bytes:
    """The document as it is served."""
    return encode(document())


def access_of(handler: HTTPRouteHandler) -> tuple[str, list[dict[str, list[str]]]]:
    """Who may call a handler, in a word, and how they say who they are."""
    guards = [guard for guard in handler.resolve_guards() if isinstance(guard, Guard)]
    signed_in: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
    for guard in guards:
        match guard:
            case Public() | Hook():
                return "public", []
            case Requires():
                return guard.role.value, signed_in
            case SuperAdmin():
                return "super_admin", signed_in
            case Scrape():
                return "metrics", [{"bearer": []}]
            case _:
                return "worker", [{"bearer": []}]
    return "unguarded", []


def streamed_body(media_type: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """`opt` of a handler that reads its body as a stream: what the document should say about it."""
    schema: dict[str, Any] = {"type": "string", "format": "binary"}
    if fields is not None:
        schema = {"type": "object", "properties": fields, "required": sorted(fields)}
    return {"request_body": {"required": True, "content": {media_type: {"schema": schema}}}}


def _finish(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """First sentence as summary, who may call it, and problem details as the one shape of every error."""
    text = " ".join((handler.fn.__doc__ or "").split())
    first, _, rest = text.partition(". ")
    operation["summary"] = first.rstrip(".")
    operation.pop("description", None)
    if rest:
        operation["description"] = rest
    operation["x-studio-access"], operation["security"] = access_of(handler)
    if "request_body" in handler.opt:
        operation["requestBody"] = handler.opt["request_body"]
    operation["responses"].pop("400", None)  # Litestar's own error shape, which never goes out
    operation["responses"]["default"] = {
        "description": "A problem, with a sentence to act on",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{REF}Problem"}}},
    }


def _add_problem_schemas(found: dict[str, Any]) -> None:
    _, schemas = msgspec.json.schema_components([Problem], ref_template=REF + "{name}")
    found["components"].setdefault("schemas", {}).update(schemas)
