"""What a new run takes over from one that has ended, and what it runs again; decided before anything moves.

A run that has ended never moves again. To run something again is to begin a new instance of the workflow
that starts where the old one is to be kept: each of its nodes is either kept, with what it gave; or edited,
with outputs that a person gives; or a fan-out kept in part, some of whose items run; or fresh.

Whatever depends on something fresh is fresh. So nothing that is kept rests on a value that may come out
otherwise, and a node whose outputs are given by hand rests on nothing. A fresh node may have values of its
fields given by hand; it keeps them when it runs once more, until others are given or it says something else.
So does one item of a fan-out, as long as it is the same item.

What a step gave stays what it gave, though its type has a newer version since: that is told (`outdated`),
and whoever goes on with what is newest has such steps run too.
"""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from app.flow import plan
from app.flow.definition import Definition, Node
from app.flow.program import Program, ProgramNode
from app.flow.states import StepStatus
from app.flow.wording import count, suggestion
from app.kit.codec import encode
from app.kit.errors import Complaint, Conflict, Invalid

_WELL: Final = frozenset({StepStatus.completed, StepStatus.skipped})
_BADLY: Final = frozenset({StepStatus.failed, StepStatus.cancelled})

Values = Mapping[str, Any]  # of `with` or of outputs, by name
Edits = Mapping[int, Values]  # values of `with` by the ordinal of an item


class NothingToRetry(Conflict):
    """Nothing in this run failed or was left undone; choose a step to run again from instead."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """How a step of the old run ended."""

    status: StepStatus
    has_error: bool = False
    items_total: int | None = None  # of a fan-out whose list was opened
    items_failed: int = 0
    type_version: int | None = None  # of its type, when it began; None: it never did, or nobody noted it then
    given: Values = {}  # by hand, in place of what the document says

    @property
    def ended_badly(self) -> bool:
        """Whether it failed or somebody cancelled it; not: cut off because the whole run ended."""
        return self.status in _BADLY and self.has_error


class ItemEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a fan-out that runs again, with some of its inputs given by hand."""

    step: str
    index: int  # counted from 0, and through where lists lie in lists
    values: Values = {}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants run again. `keeps`: the rest is kept where it can be, else all of it is fresh."""

    keeps: bool
    failures: bool = False  # whatever failed, though the run went on without it
    nodes: tuple[str, ...] = ()  # these, and what depends on them
    values: Mapping[str, Values] = {}  # these too, with values of `with` given by hand
    items: tuple[ItemEdit, ...] = ()  # these items, and what depends on their steps
    outputs: Mapping[str, Values] = {}  # given by hand, whole; what depends on them runs
    renews: bool = False  # also what ran on another version of its type


class Partly(msgspec.Struct, frozen=True, kw_only=True):
    """A fan-out whose list is kept: `edits` run with those values, the others that were not done run too.

    `keeps_failed`: items that failed stay as they are, for the step goes on without them.
    """

    edits: Edits = {}
    keeps_failed: bool = False


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of each node of the new run: it is in exactly one of these."""

    kept: frozenset[str]
    edited: Mapping[str, Values]
    partly: Mapping[str, Partly]
    fresh: frozenset[str]
    given: Mapping[str, Values] = {}  # to fresh nodes by hand, now or when they ran before
    recalled: frozenset[str] = frozenset()  # fan-outs whose items keep what they were given by hand before
    outdated: Mapping[str, int] = {}  # kept, whole or in part: the other version of their type they ran on

    @property
    def settled(self) -> frozenset[str]:
        """The nodes that need not run."""
        return self.kept | self.edited.keys()


def take_over(
    program: Program,
    past: Mapping[str, Past],
    wish: Wish,
    *,
    unchanged: Collection[str] | None = None,
    new_inputs: AbstractSet[str] = frozenset(),
    stale: AbstractSet[str] = frozenset(),
) -> Takeover:
    """Decide for every node of the program that is to run now.

    `unchanged`: the nodes that say what they said in the old run's version, None for all of them;
    `new_inputs`: those of the workflow whose values are not what they were; `stale`: found on the way.
    Raises Invalid with a complaint for each wish that names what is not there; NothingToRetry.
    """
    edits = _edits_by_node(wish.items)
    kept: set[str] = set()
    partly: dict[str, Partly] = {}
    fresh: set[str] = set()
    for node_id in program.order:
        node, before = program.nodes[node_id], past.get(node_id)
        if node_id in wish.outputs:
            continue
        is_settled_before = node.dependencies <= kept
        if (
            not wish.keeps
            or before is None
            or not is_settled_before
            or node_id in wish.nodes
            or node_id in wish.values
            or node_id in stale
            or node.spec.ends
            or (wish.renews and _is_outdated(node, before))
            or (unchanged is not None and node_id not in unchanged)
            or not new_inputs.isdisjoint(node.asks)
        ):
            fresh.add(node_id)
            continue
        part = _part_of(node, before, wish, edits.get(node_id))
        if part is not None:
            partly[node_id] = part
        elif _stands(node, before, wish):
            kept.add(node_id)
        else:
            fresh.add(node_id)
    # What told an address to the world tells the new one, where the step that is called back runs again.
    sure = kept | wish.outputs.keys()
    told = {node_id for node_id in (*kept, *partly) if not program.nodes[node_id].callbacks <= sure}
    if told:
        return take_over(program, past, wish, unchanged=unchanged, new_inputs=new_inputs, stale=stale | told)
    found = Takeover(
        kept=frozenset(kept),
        edited={node_id: wish.outputs[node_id] for node_id in program.order if node_id in wish.outputs},
        partly=partly,
        fresh=frozenset(fresh),
        given=_given(past, wish, fresh, unchanged),
        recalled=frozenset(
            node_id
            for node_id in (*partly, *fresh)
            if program.nodes[node_id].has_each
            and _stays(past, wish, node_id, unchanged)
            and past[node_id].items_total
        ),
        outdated={
            node_id: past[node_id].type_version or 0
            for node_id in (*kept, *partly)
            if _is_outdated(program.nodes[node_id], past[node_id])
        },
    )
    complaints = list(_complaints(program, past, wish, found))
    if complaints:
        raise Invalid("This cannot be run again in this way.", complaints=complaints)
    if wish.failures and not (found.fresh or found.partly):
        raise NothingToRetry
    return found


def _is_outdated(node: ProgramNode, before: Past) -> bool:
    """Whether a step ran on another version of its type than it would run on now."""
    return before.type_version is not None and before.type_version != node.version


def _given(
    past: Mapping[str, Past], wish: Wish, fresh: Collection[str], unchanged: Collection[str] | None
) -> dict[str, Values]:
    """The values given by hand to nodes that run: those of the wish, on top of those of before."""
    found: dict[str, Values] = {}
    for node_id in fresh:
        before = past[node_id].given if _stays(past, wish, node_id, unchanged) else {}
        values = {**before, **wish.values.get(node_id, {})}
        if values:
            found[node_id] = values
    return found


def _stays(past: Mapping[str, Past], wish: Wish, node_id: str, unchanged: Collection[str] | None) -> bool:
    """Whether what was given by hand to a node that runs counts once more."""
    return wish.keeps and node_id in past and (unchanged is None or node_id in unchanged)


def _stands(node: ProgramNode, before: Past, wish: Wish) -> bool:
    """Whether a step that nothing fresh leads to stays as it was."""
    if before.ended_badly:
        return plan.goes_on(node) and not wish.failures
    return before.status in _WELL


def _part_of(node: ProgramNode, before: Past, wish: Wish, edits: Edits | None) -> Partly | None:
    """What runs of a fan-out that nothing fresh leads to; None: it is kept or run as a whole."""
    if not node.has_each or not before.items_total:
        return None
    if edits is None:
        is_tolerated = before.ended_badly and plan.goes_on(node)
        is_done = before.status is StepStatus.completed or is_tolerated
        if is_done and not (wish.failures and (before.items_failed or is_tolerated)):
            return None
    return Partly(edits=edits or {}, keeps_failed=node.collects and not wish.failures)


def _complaints(
    program: Program, past: Mapping[str, Past], wish: Wish, found: Takeover
) -> Iterator[Complaint]:
    """What the wish names that is not there, or that cannot be had together."""
    wanted = [(f"from[{place}]", node_id) for place, node_id in enumerate(wish.nodes)]
    wanted += [(f"with.{node_id}", node_id) for node_id in wish.values]
    wanted += [(f"outputs.{node_id}", node_id) for node_id in wish.outputs]
    wanted += [(f"items[{place}].step", item.step) for place, item in enumerate(wish.items)]
    for field, node_id in wanted:
        if node_id not in program.nodes:
            message = f"There is no step “{node_id}” in this version.{suggestion(node_id, program.nodes)}"
            yield Complaint(message=message, field=field)
    for node_id in dict.fromkeys((*wish.nodes, *wish.values)):
        if node_id in wish.outputs:
            message = f"Step “{node_id}” either runs again or gets outputs by hand, not both."
            yield Complaint(message=message, field=f"outputs.{node_id}")
    for node_id in wish.values:
        if node_id in program.nodes and program.nodes[node_id].has_each:
            message = f"Step “{node_id}” runs once for each item of a list; give the values to single items."
            yield Complaint(message=message, field=f"with.{node_id}")
    for place, item in enumerate(wish.items):
        total = past[item.step].items_total if item.step in past else None
        if item.step not in program.nodes:
            continue
        if total is None:
            message = f"Step “{item.step}” did not run once for each item of a list."
            yield Complaint(message=message, field=f"items[{place}].step")
        elif not 0 <= item.index < total:
            message = (
                f"Step “{item.step}” has {count(total, 'item')}, counted from 0; there is no {item.index}."
            )
            yield Complaint(message=message, field=f"items[{place}].index")
        elif item.step not in found.partly:
            message = f"Step “{item.step}” does not keep its other items here, so none can be chosen."
            yield Complaint(message=message, field=f"items[{place}].step")


def _edits_by_node(items: Collection[ItemEdit]) -> dict[str, dict[int, Mapping[str, Any]]]:
    edits: dict[str, dict[int, Mapping[str, Any]]] = {}
    for item in items:
        edits.setdefault(item.step, {})[item.index] = item.values
    return edits


# What the new run begins with ----------------------------------------------------------------------------


class Standing(msgspec.Struct, frozen=True):
    """The counters of a step at the beginning: dependencies not settled yet, and those that led here."""

    waits_for: int
    led_here: int


def ways_needed(program: Program, takeover: Takeover) -> frozenset[str]:
    """The kept nodes whose outputs say along which of their ways they led on."""
    return frozenset(node_id for node_id in takeover.kept if program.nodes[node_id].spec.branches is not None)


def standing(
    program: Program,
    takeover: Takeover,
    statuses: Mapping[str, StepStatus],
    outputs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Standing]:
    """Where every node stands. `statuses`: of the kept ones; `outputs`: of those that `ways_needed` names."""
    given = {**outputs, **takeover.edited}
    found: dict[str, Standing] = {}
    for node_id, node in program.nodes.items():
        done = node.dependencies & takeover.settled
        led_here = sum(
            plan.leads_on(
                program.nodes[before],
                node,
                statuses.get(before, StepStatus.completed),
                given.get(before, {}),
            )
            for before in done
        )
        found[node_id] = Standing(len(node.dependencies) - len(done), led_here)
    return found


class ItemPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a fan-out."""

    step: str
    index: int


class Wished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish without its values, as it is remembered: names of steps and inputs, places of items."""

    failures: bool = False
    steps: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    items: tuple[ItemPlace, ...] = ()


def summary(wish: Wish, new_inputs: AbstractSet[str]) -> Wished:
    """What was wished, for whoever looks at the new run."""
    return Wished(
        failures=wish.failures,
        steps=wish.nodes,
        values=tuple(wish.values),
        inputs=tuple(sorted(new_inputs)),
        outputs=tuple(wish.outputs),
        items=tuple(ItemPlace(step=item.step, index=item.index) for item in wish.items),
    )


# What has changed ----------------------------------------------------------------------------------------


def unchanged_nodes(before: Definition, after: Definition) -> frozenset[str]:
    """The nodes of `after` that would give what they gave in `before`, asked the same."""
    old = {node.id: _essence(node) for node in before.nodes}
    return frozenset(node.id for node in after.nodes if old.get(node.id) == _essence(node))


def _essence(node: Node) -> bytes:
    """What a node's outputs depend on: not its name, nor how patiently or urgently it is run."""
    bare = msgspec.structs.replace(
        node, name="", note="", priority=0, timeout_s=None, retry=None, max_parallel=None, cache=None
    )
    return encode(bare)


def changed_inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """The names whose values differ, or that only one of them has."""
    names = before.keys() | after.keys()
    missing = object()
    return frozenset(name for name in names if _mark(before, name, missing) != _mark(after, name, missing))


def _mark(values: Mapping[str, Any], name: str, missing: object) -> object:
    """A value so that 1 and true differ."""
    return encode(values[name]) if name in values else missing
