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
    MAX_BACKOFF_S,
    MAX_CHOICES,
    MAX_DEPTH,
    MAX_INPUTS,
    MAX_NODES,
    MAX_OUTPUTS,
    MAX_PARALLEL,
    MAX_PRIORITY,
    MAX_RETRIES,
    MAX_TIMEOUT_S,
    MIN_PRIORITY,
    SCHEMA,
    Definition,
    Input,
    Mode,
    Node,
    OnError,
    Retry,
)
from app.flow.fields import NAME, NODE_ID, Fields, name_fault
from app.flow.messages import ErrorClass
from app.flow.ports import PORT_TYPES
from app.flow.sizes import depth_of
from app.flow.wording import listing, say_value, suggestion
from app.kit.codec import decode, encode
from app.kit.errors import Invalid

__all__ = [
    "Definition",
    "Input",
    "Mode",
    "Node",
    "OnError",
    "Reading",
    "Retry",
    "parse",
    "read",
    "to_document",
]

# What only repetition can mend; a refused limit or a bad input fails the same way again.
RETRYABLE: Final = frozenset(ErrorClass) - {ErrorClass.lost}
_INPUT_HINTS: Final = {
    "required": " An input without a default is required; a default, even null, makes it optional.",
    "title": " Did you mean “label”?",
    "options": " Did you mean “choices”?",
    "enum": " Did you mean “choices”?",
    "minimum": " Did you mean “min”?",
    "maximum": " Did you mean “max”?",
}
_NODE_HINTS: Final = {
    "inputs": " The values of a step are written under “with”.",
    "params": " The values of a step are written under “with”.",
    "depends_on": " Did you mean “needs”?",
    "if": " Did you mean “when”?",
    "foreach": " Did you mean “each”?",
    "timeout": " Did you mean “timeout_s”?",
    "kind": " Did you mean “type”?",
}
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
    fields = Fields(raw, complaints, node=None)
    schema = fields.take("schema")
    if schema is None:
        fields.complain("schema", '“schema” is missing; write "schema": 1.')
    elif schema != SCHEMA or isinstance(schema, bool):
        fields.complain("schema", f"“schema” must be 1, the one this Studio reads, not {say_value(schema)}.")
    name = fields.text("name", limit=200)
    description = fields.text("description", limit=20_000)
    inputs, broken_inputs = _read_inputs(fields, complaints)
    nodes, places = _read_nodes(fields, complaints)
    definition = Definition(
        schema=SCHEMA,
        name=name,
        description=description,
        inputs=inputs,
        nodes=nodes,
        outputs=_read_outputs(fields),
        ui=fields.record("ui"),
    )
    fields.refuse_unknown(_DOCUMENT_HINTS)
    return Reading(
        definition=definition,
        places=places,
        broken_nodes=frozenset(places) - {node.id for node in nodes},
        broken_inputs=frozenset(broken_inputs),
    )


def _read_inputs(fields: Fields, complaints: Complaints) -> tuple[dict[str, Input], set[str]]:
    """The inputs that could be read, and the names of the others."""
    rows = fields.record("inputs")
    if len(rows) > MAX_INPUTS:
        fields.complain("inputs", f"A workflow takes at most {MAX_INPUTS} inputs; this one has {len(rows)}.")
        return {}, set(rows)
    inputs: dict[str, Input] = {}
    broken: set[str] = set()
    for name, raw in rows.items():
        fault = name_fault(name, "The name of an input", NAME)
        if fault:
            fields.complain(f"inputs.{name}", fault)
        read_input = _read_input(name, raw, complaints)
        if fault or read_input is None:
            broken.add(name)
        else:
            inputs[name] = read_input
    return inputs, broken


def _read_input(name: str, raw: Any, complaints: Complaints) -> Input | None:
    prefix = f"inputs.{name}"
    if not isinstance(raw, dict):
        message = f'An input is an object such as {{"type": "text"}}, not {say_value(raw)}.'
        complaints.add(message, field=prefix)
        return None
    fields = Fields(raw, complaints, node=None, prefix=f"{prefix}.")
    kind = fields.take("type")
    if kind is None:
        fields.complain(
            "type", f"“type” is missing; it is one of {', '.join(PORT_TYPES[:9])} or a list such as image[]."
        )
    elif kind not in PORT_TYPES:
        fields.complain("type", f"There is no type {say_value(kind)}.{suggestion(str(kind), PORT_TYPES)}")
    result = Input(
        type=str(kind),
        label=fields.text("label", limit=200),
        description=fields.text("description"),
        default=fields.take("default", msgspec.UNSET),
        min=fields.number("min"),
        max=fields.number("max"),
        choices=tuple(fields.rows("choices", "values")),
        multiline=fields.flag("multiline"),
        placeholder=fields.text("placeholder", limit=200),
    )
    fields.refuse_unknown(_INPUT_HINTS)
    _check_bounds(fields, result)
    return result if fields.is_clean else None


def _check_bounds(fields: Fields, wanted: Input) -> None:
    """Bounds and choices that contradict the type or one another."""
    counts_whole = wanted.type.endswith("[]") or wanted.type in ("text", "vector")
    for field, bound in (("min", wanted.min), ("max", wanted.max)):
        if bound is None:
            continue
        if not counts_whole and wanted.type != "number":
            fields.complain(field, f"“{field}” bounds numbers, texts and lists; this input is {wanted.type}.")
        elif counts_whole and (bound < 0 or not float(bound).is_integer()):
            fields.complain(field, f"“{field}” counts items or characters here: a whole number from 0.")
    if wanted.min is not None and wanted.max is not None and wanted.min > wanted.max:
        fields.complain("min", "“min” is greater than “max”; nothing could fit.")
    if wanted.choices and wanted.type.removesuffix("[]") not in ("text", "number"):
        fields.complain("choices", f"“choices” go with text and number; this input is {wanted.type}.")
    if len(wanted.choices) > MAX_CHOICES:
        fields.complain("choices", f"At most {MAX_CHOICES:,} choices fit; there are {len(wanted.choices):,}.")


def _read_nodes(fields: Fields, complaints: Complaints) -> tuple[tuple[Node, ...], dict[str, int]]:
    """The nodes that could be read, and where each node stands, read or not."""
    rows = fields.rows("nodes", "steps")
    if len(rows) > MAX_NODES:
        fields.complain("nodes", f"A workflow has at most {MAX_NODES:,} nodes; this one has {len(rows):,}.")
        rows = []
    nodes: list[Node] = []
    places: dict[str, int] = {}
    for index, raw in enumerate(rows):
        if not isinstance(raw, dict):
            fields.complain(f"nodes[{index}]", f"A node is an object {{…}}, not {say_value(raw)}.")
            continue
        node_id = raw.get("id")
        if not isinstance(node_id, str) or not node_id:
            fields.complain(f"nodes[{index}].id", "“id” is missing: the name other steps call this one by.")
            continue
        fault = name_fault(node_id, "The id of a node", NODE_ID)
        if node_id in places:
            fault = f"“{node_id}” is also the id of node {places[node_id] + 1}; ids are unique."
        if fault:
            complaints.add(fault, node=node_id, field="id")
        node = _read_node(node_id, raw, complaints)
        if node is not None and node_id not in places:
            nodes.append(node)
        places.setdefault(node_id, index)
    return tuple(nodes), places


def _read_node(node_id: str, raw: dict[str, Any], complaints: Complaints) -> Node | None:
    """The node, with defaults for rules that could not be read; None when its type or values could not."""
    fields = Fields(raw, complaints, node=node_id)
    fields.take("id")
    kind = fields.text("type", limit=200)
    if not raw.get("type"):
        fields.complain("type", "“type” is missing: which step this is, such as “image.transform”.")
    values = _read_values(fields)
    is_readable = fields.is_clean
    node = Node(
        id=node_id,
        type=kind,
        with_=values,
        needs=_read_needs(fields),
        when=_read_when(fields),
        each=_read_each(fields),
        max_parallel=fields.whole("max_parallel", None, 1, MAX_PARALLEL),
        timeout_s=fields.bounded("timeout_s", None, 0.001, MAX_TIMEOUT_S, " seconds"),
        retry=_read_retry(fields, node_id, complaints),
        on_error=_read_on_error(fields),
        priority=fields.whole("priority", 0, MIN_PRIORITY, MAX_PRIORITY) or 0,
        cache=_read_cache(fields),
        mode=_read_mode(fields),
        name=fields.text("name", limit=200),
        note=fields.text("note", limit=20_000),
    )
    if node.max_parallel is not None and node.each is None:
        fields.complain("max_parallel", "“max_parallel” needs “each”: without it the step runs once.")
    fields.refuse_unknown(_NODE_HINTS)
    return node if is_readable else None


def _read_values(fields: Fields) -> dict[str, Any]:
    values = fields.record("with")
    if depth_of(values, MAX_DEPTH) > MAX_DEPTH:
        fields.complain("with", f"The values are nested more than {MAX_DEPTH} levels deep; flatten them.")
        return {}
    return values


def _read_needs(fields: Fields) -> tuple[str, ...]:
    needs: list[str] = []
    for index, name in enumerate(fields.rows("needs", "node ids")):
        if isinstance(name, str) and name:
            needs.append(name)
        else:
            fields.complain(f"needs[{index}]", f"“needs” lists node ids, not {say_value(name)}.")
    return tuple(dict.fromkeys(needs))


def _read_when(fields: Fields) -> str | bool | None:
    when = fields.take("when")
    if when is None or isinstance(when, str | bool):
        return when
    fields.complain("when", f"“when” is true, false or an expression {{{{ … }}}}, not {say_value(when)}.")
    return None


def _read_each(fields: Fields) -> str | list[Any] | None:
    each = fields.take("each")
    if each is None or isinstance(each, str):
        return each
    if not isinstance(each, list):
        fields.complain(
            "each", f"“each” is a list or an expression {{{{ … }}}} that gives one, not {say_value(each)}."
        )
        return None
    if depth_of(each, MAX_DEPTH) > MAX_DEPTH:
        fields.complain("each", f"The list is nested more than {MAX_DEPTH} levels deep; flatten it.")
        return None
    return each


def _read_retry(parent: Fields, node_id: str, complaints: Complaints) -> Retry | None:
    raw = parent.record("retry")
    if not raw:
        return None
    fields = Fields(raw, complaints, node=node_id, prefix="retry.")
    default = Retry()
    classes: list[ErrorClass] = []
    names = fields.rows("on", "error classes") if "on" in raw else list(default.on)
    for index, name in enumerate(names):
        if isinstance(name, str) and name in RETRYABLE:
            classes.append(ErrorClass(name))
        elif name == ErrorClass.lost:
            fields.complain(f"on[{index}]", "A lost attempt is always tried again; leave “lost” out.")
        else:
            words = listing(sorted(RETRYABLE))
            fields.complain(f"on[{index}]", f"“on” lists error classes ({words}), not {say_value(name)}.")
    retry = Retry(
        max=fields.whole("max", 0, 0, MAX_RETRIES) or 0,
        backoff_s=fields.bounded("backoff_s", default.backoff_s, 0, MAX_BACKOFF_S, " seconds") or 0.0,
        on=tuple(dict.fromkeys(classes)),
    )
    fields.refuse_unknown()
    return retry


def _read_on_error(fields: Fields) -> OnError:
    value = fields.take("on_error")
    if value is None:
        return OnError.fail
    if isinstance(value, str) and value in tuple(OnError):
        return OnError(value)
    if isinstance(value, dict) and "go" in value:
        fields.complain(
            "on_error",
            "Going to another node on an error is not available in this version; use “fail” or “continue”.",
        )
    else:
        fields.complain("on_error", f"“on_error” must be “fail” or “continue”, not {say_value(value)}.")
    return OnError.fail


def _read_mode(fields: Fields) -> Mode:
    value = fields.take("mode")
    if value is None:
        return Mode.enabled
    if isinstance(value, str) and value in tuple(Mode):
        return Mode(value)
    if value == "stop":
        fields.complain("mode", "The mode “stop” is not available in this version; use “enabled” or “skip”.")
    else:
        fields.complain("mode", f"“mode” must be “enabled” or “skip”, not {say_value(value)}.")
    return Mode.enabled


def _read_cache(fields: Fields) -> str | None:
    value = fields.take("cache")
    if value is None or value == "off":
        return None if value is None else "off"
    fields.complain(
        "cache", "Reusing results (“cache”) is not available in this version; leave it out or write “off”."
    )
    return None


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
