"""The decisions of the engine, as functions without I/O: open a step, try again, give up, gather.

The engine reads rows, asks these functions what they mean, and writes the answer down.

Every edge of a settled step either leads on or does not (`leads_on`). A step opens when all its edges are
decided, or with `join: any` as soon as one led there; when none did, it is skipped in its turn. So a branch
that was not taken is skipped down to where it merges, and never blocks the merge: what it would have given
reads as null there, and a step that cannot work with null says so as `bad_input`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec

from app.flow.definition import Go, Join, Mode, OnError, Retry
from app.flow.each import Shape, Spread, Turn, fold
from app.flow.messages import ErrorClass, Lane, StepError
from app.flow.names import FAILED
from app.flow.program import ExpressionFailed, Program, ProgramNode
from app.flow.states import StepStatus
from app.flow.templates import expressions_in
from app.flow.wording import shorten

POISON_AFTER: Final = 5  # lost attempts: a step that kills five workers will kill the sixth
FARTHEST_APART_S: Final = 60.0  # between steps that died together
MOST_ATTEMPTS: Final = 100  # of one step, whoever gave them up: nothing goes round for ever
SHORTEST_POSTPONEMENT_S: Final = 1.0
BACKOFF_CAP_S: Final = 3600.0
WINDOW_DEFAULT: Final = 32  # items of a fan-out open at once; enough to keep several workers busy
ITEMS_PER_PAGE: Final = 200  # item rows are made in pages, so that the list is read n/200 times, not n
MAX_REASON: Final = 500  # characters of a failed item's message in the list of its step


class Skip(msgspec.Struct, frozen=True):
    """The step is not run; what depends on it goes on."""

    reason: str


class Run(msgspec.Struct, frozen=True):
    """The step runs with these inputs, every expression resolved."""

    inputs: dict[str, Any]


class Broken(msgspec.Struct, frozen=True):
    """The step cannot even begin."""

    error: StepError


class Hold(msgspec.Struct, frozen=True):
    """The step waits until a person starts it."""

    reason: str


Opening = Skip | Run | Spread | Broken | Hold
Scope = Mapping[str, Any]


def leads_on(before: ProgramNode, after: ProgramNode, status: StepStatus, outputs: Mapping[str, Any]) -> bool:
    """Whether a settled step leads to one that depends on it. `outputs`: asked only where it has ways."""
    edge = after.edges.get(before.id)
    has_failed = status in {StepStatus.failed, StepStatus.cancelled}
    if edge is not None and edge.on_failure:
        return has_failed
    if has_failed:
        return before.on_error is OnError.continue_
    if status is not StepStatus.completed:
        return False
    if edge is None or not edge.ways or before.spec.branches is None:
        return True
    return outputs.get(before.spec.branches.output) in edge.ways


def may_open(node: ProgramNode, *, waits_for: int, led_here: int) -> bool:
    """Whether a pending node opens now that this many of its edges are open and this many led to it."""
    return waits_for == 0 or (node.join is Join.any and led_here > 0)


def open_node(
    node: ProgramNode,
    scope: Scope,
    *,
    led_here: int,
    is_started: bool = False,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Opening:
    """What becomes of a node that opens.

    `is_started`: a person has said that it may go on; `given`: by hand, in place of what the document says.
    """
    if node.mode is Mode.skip:
        return Skip("This step is switched off.")
    if node.dependencies and not led_here and node.join is not Join.always:
        return Skip("No branch led here.")
    try:
        # Decided once: what it reads may have changed until a person starts the step.
        if not is_started and not node.evaluate_when(scope):
            return Skip("Its condition (when) was false.")
        if node.mode is Mode.stop and not is_started:
            return Hold("Stopped before this step until somebody starts it.")
        if node.has_each:
            return node.evaluate_each(scope)
        return Run(node.render(scope, given))
    except ExpressionFailed as exc:
        return Broken(bad_expression(exc))


def open_item(
    node: ProgramNode, scope: Scope, turn: Turn, given: Mapping[str, Any] = MappingProxyType({})
) -> Run | Broken:
    """The inputs of one item of a fan-out. `given`: by hand, in place of what the document says."""
    try:
        return Run(node.render({**scope, **turn.names()}, given))
    except ExpressionFailed as exc:
        return Broken(bad_expression(exc))


def bad_expression(exc: ExpressionFailed) -> StepError:
    """An expression that met a value it cannot work with, as the step's error."""
    return StepError(error_class=exc.error_class, message=str(exc), remedy=exc.remedy)


def window(node: ProgramNode) -> int:
    """How many items of this node's fan-out may be open at once."""
    return node.max_parallel or WINDOW_DEFAULT


def goes_on(node: ProgramNode) -> bool:
    """Whether the instance survives a failure of this step."""
    return node.on_error is OnError.continue_ or isinstance(node.on_error, Go)


def retry_delay(
    policies: Sequence[Retry], error: StepError, failures: int, chance: float = 0.0
) -> float | None:
    """Seconds until the next try after this many failed ones, or None to give up.

    The first policy for the error's class decides. Doubles with each failure up to the policy's bound; a
    remote side that asked for longer gets what it asked for, up to an hour. `chance`: from 0 to 1, how much
    of the jitter is added.
    """
    policy = next((one for one in policies if error.error_class in one.on), None)
    if policy is None or failures > policy.max:
        return None
    backoff_s = min(policy.backoff_s * 2.0 ** (failures - 1), policy.max_backoff_s)
    backoff_s *= 1.0 + policy.jitter * chance
    return min(max(backoff_s, error.retry_after_s or 0.0), BACKOFF_CAP_S)


def postponement(delay_s: float, age_s: float) -> float:
    """Seconds until a step that waits for something outside asks again.

    Never less than a hundredth of the time it has asked already: so it comes at most that much late, and even
    a year of asking is some hundred times.
    """
    return min(max(delay_s, age_s / 100, SHORTEST_POSTPONEMENT_S), BACKOFF_CAP_S * 24)


def poison(times_lost: int) -> StepError | None:
    """The end of a step whose attempts keep getting lost, or None while it may go on."""
    if times_lost < POISON_AFTER:
        return None
    return StepError(
        error_class=ErrorClass.lost,
        message=f"{times_lost} workers died or fell silent while they ran this step; it is not tried again.",
        remedy="Look at the workers' log: a step that ends its worker usually runs out of memory.",
    )


def apart_s(attempts: int, chance: float) -> float:
    """How long a step waits that was lost beside others, so that they do not meet again; seldom anything.

    At once as long as nothing is suspicious; then those who keep dying together are spread over more and more
    time, until one of them dies alone. `chance` is from 0 to 1.
    """
    return (
        0.0 if attempts <= POISON_AFTER else chance * min(2.0 ** (attempts - POISON_AFTER), FARTHEST_APART_S)
    )


def worn_out(attempts: int) -> StepError | None:
    """The end of a step that worker after worker hands back, or None while it may go on."""
    if attempts < MOST_ATTEMPTS:
        return None
    return StepError(
        error_class=ErrorClass.lost,
        message=f"This step was handed on {attempts} times and never finished, so it is not tried again.",
        remedy="Look at the workers' log for why they give it back.",
    )


def overrun(timeout_s: float | None) -> StepError:
    """A step that ran past its deadline without its worker noticing."""
    return StepError(
        error_class=ErrorClass.timeout,
        message=f"The step ran longer than its timeout of {timeout_s or 0:g} s.",
        remedy="Raise timeout_s, or give the step less to do.",
    )


def reach(program: Program, settled: Iterable[str]) -> frozenset[str]:
    """The nodes that may settle in the same move as these: their successors, and on through inline ones."""
    found: set[str] = set()
    frontier = list(settled)
    while frontier:
        for successor in program.nodes[frontier.pop()].successors:
            if successor not in found:
                found.add(successor)
                if program.nodes[successor].lane == Lane.inline:
                    frontier.append(successor)
    return frozenset(found)


def output_reads(program: Program) -> frozenset[str]:
    """The nodes whose outputs the instance's own outputs read."""
    return frozenset(
        node_id
        for template in program.outputs.values()
        for expression in expressions_in(template)
        for node_id in expression.reads
        if node_id in program.nodes
    )


def blank(node: ProgramNode) -> dict[str, Any]:
    """What the outputs of a step that gave none read as: null at every port."""
    return dict.fromkeys((*node.ports, FAILED) if node.collects else node.ports)


def gather(
    node: ProgramNode,
    shape: Shape,
    items: Sequence[Mapping[str, Any] | None],
    failures: Iterable[tuple[Sequence[int], StepError]] = (),
) -> dict[str, list[Any]]:
    """The outputs of a fan-out: one list a port, in the order and shape of its items, null where one failed.

    `failures`: path and error of each that did, in order; a step that collects lists them as `failed`.
    """
    outputs = {
        port: fold(shape, iter([None if item is None else item.get(port) for item in items]))
        for port in _ports(node, items)
    }
    if node.collects:
        outputs[FAILED] = [_failed(path, error) for path, error in failures]
    return outputs


def _failed(path: Sequence[int], error: StepError) -> dict[str, Any]:
    place: dict[str, Any] = {"index": path[-1]}
    if len(path) > 1:
        place["path"] = list(path)
    return {**place, "class": error.error_class, "message": shorten(error.message, MAX_REASON)}


def _ports(node: ProgramNode, items: Sequence[Mapping[str, Any] | None]) -> Iterable[str]:
    """The outputs of a step; one that runs another workflow has those of what it ran, known only now."""
    if not node.spec.calls:
        return node.ports
    return dict.fromkeys((*node.ports, *(name for item in items if item for name in item)))


def seed(instance_id: UUID, node_id: str, path: Sequence[int]) -> int:
    """A number below 2^53 (exact in every JSON reader) that is the same for every try of a step."""
    text = f"{instance_id}/{node_id}/{'.'.join(map(str, path))}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 11


def result_key(node: ProgramNode, inputs: Mapping[str, Any], salt: str) -> bytes:
    """SHA-256 of all that decides what a step gives; a file counts by its content, name and type."""
    decides = [node.kind, node.version, salt, _by_content(inputs)]
    return hashlib.sha256(msgspec.json.encode(decides, order="sorted")).digest()


def _by_content(value: Any) -> Any:
    match value:
        case {"asset": str(), "sha256": str(content), **facts}:
            return {"file": content, "name": facts.get("name"), "mime": facts.get("mime")}
        case dict():
            return {name: _by_content(member) for name, member in value.items()}
        case list():
            return [_by_content(item) for item in value]
        case _:
            return value
