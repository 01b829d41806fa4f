"""Workflow JSON into structs, with every complaint at once.

`parse` gives a `Definition` or raises Invalid; `read` gives both what was readable and what was not, so that
the checker can go on. Whatever the language knows but this version cannot run is refused here with a
sentence, never dropped in silence.
"""

from contextlib import suppress
from typing import Any, Final

import msgspec

from app.flow.complaints import Complaints, Enough
from app.flow.definition import (
    MAX_CONCURRENCY,
    MAX_DEPTH,
    MAX_OUTPUTS,
    MAX_TIMEOUT_S,
    SCHEMA,
    Concurrency,
    Definition,
    Go,
    Input,
    Join,
    Mode,
    Node,
    OnError,
    OnLimit,
    Retry,
)
from app.flow.fields import NAME, Fields, name_fault
from app.flow.reading_inputs import read_inputs
from app.flow.reading_nodes import read_nodes
from app.flow.sizes import depth_of, holds_nul
from app.flow.wording import say_value
from app.kit.codec import decode, encode
from app.kit.errors import Invalid

__all__ = [
    "Definition",
    "Go",
    "Input",
    "Join",
    "Mode",
    "Node",
    "OnError",
    "Reading",
    "Retry",
    "parse",
    "read",
    "to_document",
]

_DOCUMENT_HINTS: Final = {
    "steps": " The steps of a workflow are written under “nodes”.",
    "edges": " Edges come from “{{ steps.<id>.outputs.<name> }}” and from “needs”.",
    "version": " Did you mean “schema”?",
}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read of a document.

    `broken_nodes` and `broken_inputs` are names that exist but could not be read whole: a reference to one
    of them is no second mistake.
    """

    definition: Definition
    places: dict[str, int] = {}  # of every node, broken or not, by id
    broken_nodes: frozenset[str] = frozenset()
    broken_inputs: frozenset[str] = frozenset()


def parse(raw: Any) -> Definition:
    """A definition that is well formed. Raises Invalid with every complaint about its form."""
    complaints = Complaints()
    with suppress(Enough):
        reading = read(raw, complaints)
        if not complaints:
            return reading.definition
    raise Invalid("This workflow document is not valid.", complaints=complaints.listed())


def to_document(definition: Definition) -> dict[str, Any]:
    """The definition as plain JSON values, defaults left out; `parse` reads it back unchanged."""
    return decode(encode(definition), dict[str, Any])


def read(raw: Any, complaints: Complaints) -> Reading:
    """Everything readable in decoded JSON, with a complaint for each thing that is not. Raises Enough."""
    if not isinstance(raw, dict):
        complaints.add(f"A workflow document is an object {{…}}, not {say_value(raw)}.")
        return Reading(definition=Definition(schema=SCHEMA))
    if holds_nul(raw):
        complaints.add("A text in this document holds the character U+0000, which cannot be stored.")
        return Reading(definition=Definition(schema=SCHEMA))
    fields = Fields(raw, complaints, node=None)
    schema = fields.take("schema")
    if schema is None:
        fields.complain("schema", '“schema” is missing; write "schema": 1.')
    elif schema != SCHEMA or isinstance(schema, bool):
        fields.complain("schema", f"“schema” must be 1, the one this Studio reads, not {say_value(schema)}.")
    name = fields.text("name", limit=200)
    description = fields.text("description", limit=20_000)
    inputs, broken_inputs = read_inputs(fields, complaints)
    nodes, places = read_nodes(fields, complaints)
    definition = Definition(
        schema=SCHEMA,
        name=name,
        description=description,
        inputs=inputs,
        nodes=nodes,
        outputs=_read_outputs(fields),
        timeout_s=fields.bounded("timeout_s", None, 0.001, MAX_TIMEOUT_S, " seconds"),
        concurrency=_read_concurrency(fields, complaints),
        ui=fields.record("ui"),
    )
    fields.refuse_unknown(_DOCUMENT_HINTS)
    return Reading(
        definition=definition,
        places=places,
        broken_nodes=frozenset(places) - {node.id for node in nodes},
        broken_inputs=frozenset(broken_inputs),
    )


def _read_concurrency(parent: Fields, complaints: Complaints) -> Concurrency | None:
    raw = parent.record("concurrency")
    if not raw:
        return None
    fields = Fields(raw, complaints, node=None, prefix="concurrency.")
    limit = fields.whole("limit", None, 1, MAX_CONCURRENCY)
    if "limit" not in raw:
        fields.complain("limit", "“limit” is missing: how many instances run at once.")
    on_limit = fields.one_of("on_limit", OnLimit, OnLimit.queue)
    fields.refuse_unknown()
    return None if limit is None else Concurrency(limit=limit, on_limit=on_limit)


def _read_outputs(fields: Fields) -> dict[str, Any]:
    outputs = fields.record("outputs")
    if len(outputs) > MAX_OUTPUTS:
        fields.complain(
            "outputs", f"A workflow has at most {MAX_OUTPUTS} outputs; this one has {len(outputs)}."
        )
        return {}
    kept: dict[str, Any] = {}
    for name, value in outputs.items():
        if fault := name_fault(name, "The name of an output", NAME):
            fields.complain(f"outputs.{name}", fault)
        elif depth_of(value, MAX_DEPTH) > MAX_DEPTH:
            fields.complain(
                f"outputs.{name}", f"The value is nested more than {MAX_DEPTH} levels deep; flatten it."
            )
        else:
            kept[name] = value
    return kept
