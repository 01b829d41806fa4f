"""What a run would do, told from its inputs alone: nothing is started, nothing is written.

Some of it is certain (a condition over the inputs, a list that is given, an inline step that only reads
those), some depends on what steps give that have not run. Nobody guesses: what is not certain is `perhaps`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from app.flow import plan
from app.flow.definition import Join, Mode
from app.flow.facts import OrganizationFacts
from app.flow.messages import Lane, StepError
from app.flow.placed import Expression
from app.flow.program import ExpressionFailed, Program, ProgramNode
from app.flow.states import StepStatus
from app.flow.templates import expressions_in
from app.flow.wording import listing
from app.kit.codec import to_plain

# What an inline step gives on these inputs, or its error; None where only a run can tell.
Evaluate = Callable[[ProgramNode, dict[str, Any]], Mapping[str, Any] | StepError | None]


class Fate(StrEnum):
    """What becomes of a step, as far as it is known. `runs`: unless something before it fails."""

    runs = "runs"
    perhaps = "perhaps"
    skipped = "skipped"
    fails = "fails"


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run that has not begun. `wave`: its place in the longest chain that leads to it."""

    node: str
    fate: Fate
    reason: str = ""
    wave: int = 0
    items: int | None = None  # of a fan-out; None: not known, or it is none
    waits_for_start: bool = False
    error: StepError | None = None


def outlook(
    program: Program, inputs: Mapping[str, Any], organization: OrganizationFacts, evaluate: Evaluate
) -> Iterator[Prospect]:
    """Every step in the order it may run in."""
    ahead = _Ahead(program, inputs, organization, evaluate)
    for node_id in program.order:
        yield ahead.look(program.nodes[node_id])


class _Ahead:
    """What is certain so far: what becomes of steps, and the facts that expressions may read of them."""

    def __init__(
        self,
        program: Program,
        inputs: Mapping[str, Any],
        organization: OrganizationFacts,
        evaluate: Evaluate,
    ) -> None:
        self._program = program
        self._evaluate = evaluate
        self._prospects: dict[str, Prospect] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        self._scope = {
            "inputs": inputs,
            "organization": msgspec.structs.asdict(organization),
            "steps": self._facts,
        }

    def look(self, node: ProgramNode) -> Prospect:
        """What becomes of a step; all it depends on has been looked at."""
        prospect = self._opened(node)
        wave = 1 + max((self._prospects[before].wave for before in node.dependencies), default=0)
        prospect = msgspec.structs.replace(prospect, wave=wave)
        self._prospects[node.id] = prospect
        if prospect.fate is Fate.skipped:
            self._facts[node.id] = _facts(node, StepStatus.skipped)
        elif prospect.fate is Fate.fails:
            self._facts[node.id] = _facts(node, StepStatus.failed, error=prospect.error)
        return prospect

    def _opened(self, node: ProgramNode) -> Prospect:
        """What `plan.open_node` would say of it, where that is certain."""
        leads = {before: self._leads(self._program.nodes[before], node) for before in node.dependencies}
        if node.mode is Mode.skip:
            return _skipped(node, "This step is switched off.")
        must_be_led = bool(leads) and node.join is not Join.always
        if must_be_led and all(led is False for led in leads.values()):
            return _skipped(node, "No branch leads here.")
        conditions = self._unknown(() if node.when is None else expressions_in(node.when))
        doubt = ""
        if conditions:
            doubt = f"Its condition reads {listing(conditions)}."
        elif must_be_led and not any(leads.values()):
            undecided = sorted(before for before, led in leads.items() if led is None)
            doubt = f"It depends on what becomes of {listing(undecided)}."
        try:
            if not conditions and not node.evaluate_when(self._scope):
                return _skipped(node, "Its condition (when) is false.")
            return self._begun(node, doubt)
        except ExpressionFailed as exc:
            return _failing(node, plan.bad_expression(exc), doubt)

    def _begun(self, node: ProgramNode, doubt: str) -> Prospect:
        """A step that runs, `doubt` saying why that is not certain. Raises ExpressionFailed."""
        found = Prospect(
            node=node.id,
            fate=Fate.perhaps if doubt else Fate.runs,
            reason=doubt or ("The instance ends here." if node.spec.ends else ""),
            waits_for_start=node.mode is Mode.stop,
        )
        if node.each is not None:
            lists = self._unknown(node.each.every_expression())
            if lists:
                reason = doubt or f"Its list comes from {listing(lists)}."
                return msgspec.structs.replace(found, reason=reason)
            return msgspec.structs.replace(found, items=len(node.evaluate_each(self._scope).items))
        if self._unknown(one for template in node.values.values() for one in expressions_in(template)):
            return found
        inputs = node.render(self._scope)
        if doubt or node.lane != Lane.inline or node.spec.calls:
            return found
        given = self._evaluate(node, inputs)
        if isinstance(given, StepError):
            return _failing(node, given, doubt)
        if given is not None and not found.waits_for_start:
            self._facts[node.id] = _facts(node, StepStatus.completed, given)
        return found

    def _leads(self, before: ProgramNode, after: ProgramNode) -> bool | None:
        """Whether one step leads to another; None where only a run can tell."""
        edge = after.edges.get(before.id)
        match self._prospects[before.id].fate:
            case Fate.skipped:
                return plan.leads_on(before, after, StepStatus.skipped, {})
            case Fate.fails:
                return plan.leads_on(before, after, StepStatus.failed, {})
            case Fate.perhaps:
                return None
            case Fate.runs:
                if edge is None or not (edge.ways or edge.on_failure):
                    return True
                facts = self._facts.get(before.id)
                if edge.on_failure or facts is None:
                    return None
                return plan.leads_on(before, after, StepStatus.completed, facts["outputs"])

    def _unknown(self, expressions: Iterable[Expression]) -> list[str]:
        """What these read that only a run can tell, by its name."""
        names: set[str] = set()
        for expression in expressions:
            for variable in expression.variables():
                root, name = variable.keys[:2] if len(variable.keys) > 1 else (variable.keys[0], "")
                if root == "steps" and name not in self._facts:
                    names.add(name)
                elif root in {"instance", "callbacks"}:
                    names.add(root)
        return sorted(names)


def _facts(
    node: ProgramNode,
    status: StepStatus,
    outputs: Mapping[str, Any] | None = None,
    error: StepError | None = None,
) -> dict[str, Any]:
    return {
        "outputs": plan.blank(node) if outputs is None else outputs,
        "status": str(status),
        "error": None if error is None else to_plain(error),
    }


def _skipped(node: ProgramNode, reason: str) -> Prospect:
    return Prospect(node=node.id, fate=Fate.skipped, reason=reason)


def _failing(node: ProgramNode, error: StepError, doubt: str) -> Prospect:
    """A step that fails if it runs, which may not be certain."""
    return Prospect(
        node=node.id, fate=Fate.perhaps if doubt else Fate.fails, reason=error.message, error=error
    )
