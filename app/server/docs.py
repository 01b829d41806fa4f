"""The OpenAPI document and a page to read it: plain HTML made here, no script, nothing from elsewhere."""

from html import escape
from typing import Any

from litestar import Controller, Response, get

from app.resources.accounts.guards import requires
from app.resources.accounts.roles import Role
from app.resources.openapi import REF, as_json, document

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2rem 0 .5rem; text-transform: capitalize }
details { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: .5rem;
          margin: .4rem 0; padding: .5rem .8rem }
summary { cursor: pointer }
code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { overflow-x: auto }
.method { display: inline-block; min-width: 4rem; font-weight: 600 }
.access, small { opacity: .7 }
"""


class DocsController(Controller):
    """The API, described."""

    path = "/api/v1"
    include_in_schema = False

    @get("/schema", guards=[requires(Role.viewer)], media_type="application/json")
    async def schema(self) -> bytes:
        """The OpenAPI document."""
        return as_json()

    @get("/docs", guards=[requires(Role.viewer)])
    async def page(self) -> Response[str]:
        """Every call with its parameters, bodies and answers."""
        return Response(_page(document()), media_type="text/html")


def _page(api: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, operations in sorted(api["paths"].items()):
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in sorted(by_tag.items()))
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> '
        f"<small>{escape(schema.get('description', ''))}</small></summary>{_properties(schema)}</details>"
        for name, schema in sorted(api["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Studio API</title>'
        f"<style>{STYLE}</style>"
        f'<h1>Studio API</h1><p>The same as a document: <a href="schema"><code>/api/v1/schema</code></a>. '
        f"Errors are problem details (RFC 9457).</p>{sections}<h2>schemas</h2>{schemas}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(one['name'])}</code> in {escape(one['in'])}: {_type(one.get('schema', {}))}"
        f" <small>{escape(one.get('description', ''))}</small></li>"
        for one in operation.get("parameters", [])
    )
    bodies = _contents(operation.get("requestBody", {}), "body")
    answers = "".join(_contents(one, status) for status, one in operation["responses"].items())
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])} <small>({escape(operation['x-studio-access'])})</small></summary>"
        f"<p>{escape(operation.get('description', ''))}</p><ul>{parameters}{bodies}{answers}</ul></details>"
    )


def _contents(holder: dict[str, Any], label: str) -> str:
    contents = holder.get("content", {})
    if not contents:
        return f"<li>{escape(label)}: nothing</li>" if "description" in holder else ""
    return "".join(
        f"<li>{escape(label)}: {_type(content.get('schema', {}))} <small>{escape(media)}</small></li>"
        for media, content in contents.items()
    )


def _properties(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<li><code>{escape(name)}</code>{'' if name in required else ' (optional)'}: {_type(one)} "
        f"<small>{escape(one.get('description', ''))}</small></li>"
        for name, one in schema.get("properties", {}).items()
    )
    return f"<ul>{rows}</ul>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, with links to the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF))
        return f'<a href="#{name}"><code>{name}</code></a>'
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "any value")
    return escape(" or ".join(kind) if isinstance(kind, list) else str(kind))
