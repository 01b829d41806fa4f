"""Values that a JSON Schema forbids, and those at its very edge: drawn from the schema itself."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

LONGEST_LIST: Final = 60_000  # of what is still built for a test
# One value for each type that is of another; texts and numbers are never taken for one another.
OF_ANOTHER_TYPE: Final[Mapping[str, Any]] = {
    "string": 5,
    "integer": 1.5,
    "number": "a text",
    "boolean": "yes",
    "array": "a text",
    "object": "a text",
}


def forbidden(schema: Schema, root: Schema, valid: Any) -> Iterator[tuple[str, Any]]:
    """Values that break one rule of this schema each, with the rule. `valid`: one that breaks none."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        forms = [form for form in schema["anyOf"] if form.get("type") != "null"]
        if len(forms) == 1:  # with several, what one forbids another may allow
            yield from forbidden(forms[0], root, valid)
        return
    yield from _of_another_kind(schema)
    yield from _beyond_its_bounds(schema)
    if isinstance(valid, list) and valid:
        if schema.get("maxItems", LONGEST_LIST) < LONGEST_LIST:
            yield "maxItems", [valid[0]] * (schema["maxItems"] + 1)
        for rule, value in forbidden(schema.get("items", {}), root, valid[0]):
            yield f"items.{rule}", [value, *valid[1:]]


def _of_another_kind(schema: Schema) -> Iterator[tuple[str, Any]]:
    if "enum" in schema:
        yield "enum", "no such choice"
    elif schema.get("type") in OF_ANOTHER_TYPE:
        yield "type", OF_ANOTHER_TYPE[schema["type"]]
    if "pattern" in schema:
        yield "pattern", "\u2603 no such form \u2603"
    if schema.get("format") == "date-time":
        yield "format", "tomorrow, perhaps"


def _beyond_its_bounds(schema: Schema) -> Iterator[tuple[str, Any]]:
    for rule, beyond in (("minimum", -1), ("maximum", 1), ("exclusiveMinimum", 0), ("exclusiveMaximum", 0)):
        if rule in schema:
            yield rule, schema[rule] + beyond
    if "maxLength" in schema:
        yield "maxLength", "x" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield "minLength", ""
    if schema.get("minItems"):
        yield "minItems", []


def allowed(schema: Schema, root: Schema) -> Iterator[tuple[str, Any]]:
    """Values at the edge of what this schema allows."""
    schema = resolved(schema, root)
    for form in schema.get("anyOf", ()):
        yield from allowed(form, root)
    for choice in schema.get("enum", ()):
        yield "enum", choice
    for rule in ("minimum", "maximum"):
        if rule in schema:
            yield rule, schema[rule]
    if schema.get("type") == "boolean":
        yield from (("boolean", True), ("boolean", False))
    if "maxLength" in schema and "pattern" not in schema:
        yield "maxLength", "x" * schema["maxLength"]


def resolved(schema: Schema, root: Schema) -> Schema:
    """The schema itself, where a reference stands for it."""
    while "$ref" in schema:
        schema = {**root["$defs"][schema["$ref"].rpartition("/")[2]]}
    return schema
