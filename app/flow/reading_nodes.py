"""Reading the nodes of a workflow document: the steps to be and the rules they run by.

Whatever the language knows but this version cannot run is refused here with a sentence, never dropped in
silence.
"""

from typing import Any, Final

from app.flow.complaints import Complaints
from app.flow.definition import (
    MAX_BACKOFF_S,
    MAX_DEPTH,
    MAX_NODES,
    MAX_PARALLEL,
    MAX_POLICIES,
    MAX_PRIORITY,
    MAX_RETRIES,
    MAX_TIMEOUT_S,
    MIN_PRIORITY,
    Cache,
    Go,
    Join,
    Mode,
    Node,
    OnError,
    OnItemError,
    Retry,
)
from app.flow.fields import NODE_ID, Fields, name_fault
from app.flow.messages import ErrorClass
from app.flow.reading_each import read_each
from app.flow.sizes import depth_of
from app.flow.wording import listing, say_value

# What only repetition can mend; a refused limit or a bad input fails the same way again.
RETRYABLE: Final = frozenset(ErrorClass) - {ErrorClass.lost}
_NODE_HINTS: Final = {
    "inputs": " The values of a step are written under “with”.",
    "params": " The values of a step are written under “with”.",
    "depends_on": " Did you mean “needs”?",
    "if": " Did you mean “when”?",
    "foreach": " Did you mean “each”?",
    "timeout": " Did you mean “timeout_s”?",
    "kind": " Did you mean “type”?",
}


def read_nodes(fields: Fields, complaints: Complaints) -> tuple[tuple[Node, ...], dict[str, int]]:
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
    has_each = fields.peek("each") is not None
    node = Node(
        id=node_id,
        type=kind,
        with_=values,
        needs=_read_needs(fields),
        when=_read_when(fields),
        each=read_each(fields, node_id, complaints),
        max_parallel=fields.whole("max_parallel", None, 1, MAX_PARALLEL),
        on_item_error=_read_on_item_error(fields, has_each=has_each),
        timeout_s=fields.bounded("timeout_s", None, 0.001, MAX_TIMEOUT_S, " seconds"),
        retry=_read_retry(fields, node_id, complaints),
        join=fields.one_of("join", Join, Join.all),
        on_error=_read_on_error(fields),
        priority=fields.whole("priority", 0, MIN_PRIORITY, MAX_PRIORITY) or 0,
        cache=fields.one_of("cache", Cache, None),
        mode=fields.one_of("mode", Mode, Mode.enabled),
        name=fields.text("name", limit=200),
        note=fields.text("note", limit=20_000),
    )
    if node.max_parallel is not None and not has_each:
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


def _read_on_item_error(fields: Fields, *, has_each: bool) -> OnItemError | None:
    if fields.peek("on_item_error") is None:
        fields.take("on_item_error")
        return None
    choice = fields.one_of("on_item_error", OnItemError, OnItemError.fail_fast)
    if not has_each:
        fields.complain("on_item_error", "“on_item_error” needs “each”: without it the step has no items.")
    return choice


def _read_retry(parent: Fields, node_id: str, complaints: Complaints) -> Retry | tuple[Retry, ...]:
    """One policy, or a list of them for different classes of failures."""
    raw = parent.take("retry")
    match raw:
        case None:
            return ()
        case dict():
            return _read_policy(raw, node_id, "retry.", complaints) if raw else ()
        case list() if len(raw) <= MAX_POLICIES and all(isinstance(one, dict) for one in raw):
            return tuple(
                _read_policy(one, node_id, f"retry[{index}].", complaints) for index, one in enumerate(raw)
            )
        case list() if len(raw) > MAX_POLICIES:
            parent.complain("retry", f"“retry” lists at most {MAX_POLICIES} policies, not {len(raw)}.")
        case _:
            given = "a list of other things" if isinstance(raw, list) else say_value(raw)
            parent.complain("retry", f"“retry” is an object {{…}} or a list of them, not {given}.")
    return ()


def _read_policy(raw: dict[str, Any], node_id: str, prefix: str, complaints: Complaints) -> Retry:
    fields = Fields(raw, complaints, node=node_id, prefix=prefix)
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
    longest_s = fields.bounded("max_backoff_s", default.max_backoff_s, 0, MAX_BACKOFF_S, " seconds")
    retry = Retry(
        max=fields.whole("max", 0, 0, MAX_RETRIES) or 0,
        backoff_s=fields.bounded("backoff_s", default.backoff_s, 0, MAX_BACKOFF_S, " seconds") or 0.0,
        max_backoff_s=longest_s or 0.0,
        jitter=fields.bounded("jitter", default.jitter, 0, 1) or 0.0,
        on=tuple(dict.fromkeys(classes)),
    )
    fields.refuse_unknown()
    return retry


def _read_on_error(fields: Fields) -> OnError | Go:
    value = fields.take("on_error")
    match value:
        case None:
            return OnError.fail
        case str() if value in tuple(OnError):
            return OnError(value)
        case {"go": str(target)} if len(value) == 1 and target:
            return Go(target)
        case _:
            fields.complain(
                "on_error",
                '“on_error” is “fail”, “continue” or {"go": "<node>"}, not ' + f"{say_value(value)}.",
            )
            return OnError.fail
