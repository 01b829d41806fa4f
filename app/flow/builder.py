"""Workflows as code: Python that produces the same document a person would write as JSON.

    from app.flow.builder import Workflow

    story = Workflow("Picture story")
    photos = story.input("photos", "image[]", min=1)
    frames = story.step("image.transform", id="frames", each=photos, image=story.item, width=1280)
    film = story.step("video.slideshow", id="film", images=frames.image, timeout_s=600)
    story.output("film", film.video)

`story.document()` is the document, and `studio run FILE` runs a file like this one. What stands in `with` and
the rules a step runs by are keyword arguments side by side. A keyword that is a rule's name is the rule;
where the step type has an input of the same name it is refused, because either could be meant. Then inputs
are named without doubt in `with_`, and the keyword is the rule:

    story.step("http.request", with_={"url": "…", "timeout_s": 20}, timeout_s=60)

With a catalog, unknown step types, inputs and outputs are refused on the line that names them. `studio run`
gives one to the files it executes; a program of your own gives `Workflow(…, catalog=…)`, or does without:
then what is said of step types is believed here, and the box tells of every mistake when it is saved.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET

from app.flow.catalog import StepSpec
from app.flow.check import check, check_shape
from app.flow.definition import SCHEMA, Definition, Input, Node, Retry
from app.flow.facts import FACTS
from app.flow.fields import NAME, NODE_ID, RESERVED, name_fault
from app.flow.lean import lean
from app.flow.names import FAILED
from app.flow.port_rules import list_of
from app.flow.terms import Term, call, choose, expression, method, within
from app.flow.values import unknown_field
from app.flow.wording import listing, suggestion
from app.kit.errors import Complaint

__all__ = [
    "Retry",
    "Step",
    "Term",
    "Unfit",
    "UnknownOutput",
    "Workflow",
    "building_on",
    "call",
    "choose",
    "error_of",
    "expression",
    "method",
    "status_of",
    "within",
    "workflow_in",
]

Catalog = Mapping[str, StepSpec]

_surrounding: Final[ContextVar[Catalog | None]] = ContextVar(
    "catalog of the workflows being built", default=None
)


class Unfit(ValueError):
    """This line of the workflow cannot be right; the sentence says why."""


class UnknownOutput(AttributeError):
    """A step has no output of this name; the sentence says which it has."""


@contextmanager
def building_on(catalog: Catalog) -> Iterator[None]:
    """Workflows made inside the block know these step types."""
    token = _surrounding.set(catalog)
    try:
        yield
    finally:
        _surrounding.reset(token)


class Step:
    """A step of a workflow being written: its attributes are its outputs, `frames.image`.

    An output with a name of this class is an item: `made["id"]`.
    """

    def __init__(
        self, node_id: str, kind: str, outputs: Mapping[str, str] | None, ways: Sequence[str] | None
    ) -> None:
        self._id = node_id
        self._kind = kind
        self._outputs = outputs  # types by name; None: not known here
        self._ways = ways  # that lead on from it; None: not known before it runs

    @property
    def id(self) -> str:
        """What expressions and other steps call it by."""
        return self._id

    def branch(self, name: str) -> str:
        """One way that leads on from it, for `needs`: `needs=[route.branch("large")]`. Raises Unfit."""
        if self._ways is not None and name not in self._ways:
            hint = suggestion(name, self._ways) if self._ways else " It does not branch."
            raise Unfit(f"No way called “{name}” leads on from step “{self._id}”.{hint}")
        return f"{self._id}.{name}"

    def __getattr__(self, name: str) -> Term:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Term:
        if self._outputs is not None and name not in self._outputs:
            hint = suggestion(name, self._outputs)
            raise UnknownOutput(f"Step “{self._id}” ({self._kind}) has no output “{name}”.{hint}")
        kind = None if self._outputs is None else self._outputs[name]
        return Term(f"steps.{self._id}.outputs.{name}", kind)

    def __repr__(self) -> str:
        return f"<step {self._id} of {self._kind}>"


Need = Step | str


class Workflow:
    """A workflow being written. Steps run as what they read of one another allows, not in this order."""

    def __init__(self, name: str, *, description: str = "", catalog: Catalog | None = None) -> None:
        self.name = name
        self.description = description
        self._catalog = _surrounding.get() if catalog is None else catalog
        self._inputs: dict[str, Any] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._outputs: dict[str, Any] = {}
        self._places: dict[str, dict[str, float]] = {}

    @property
    def item(self) -> Term:
        """Inside a step with `each`: the item it runs for."""
        return Term("item")

    @property
    def index(self) -> Term:
        """Inside a step with `each`: the place of the item in its list, from 0."""
        return Term("index", "integer")

    @property
    def outer(self) -> Term:
        """Inside a nested `each`: what encloses the item's list, `outer.item` and `outer.index`."""
        return Term("outer")

    @property
    def instance(self) -> "Facts":
        """The run itself, `instance.number`."""
        return Facts("instance")

    @property
    def organization(self) -> "Facts":
        """Whose run it is, `organization.name`."""
        return Facts("organization")

    def input(
        self,
        name: str,
        type: str = "text",  # noqa: A002  the word of the document
        *,
        label: str = "",
        description: str = "",
        default: Any = UNSET,
        min: float | None = None,  # noqa: A002  the word of the document
        max: float | None = None,  # noqa: A002  the word of the document
        choices: Sequence[Any] = (),
        multiline: bool = False,
        placeholder: str = "",
    ) -> Term:
        """Something the workflow asks for when it starts; required unless it has a default. Raises Unfit."""
        _refuse(name_fault(name, "The name of an input", NAME))
        if name in self._inputs:
            raise Unfit(f"There is an input “{name}” already.")
        wanted = {
            "type": type,
            "label": label,
            "description": description,
            "min": min,
            "max": max,
            "choices": list(choices),
            "multiline": multiline,
            "placeholder": placeholder,
            **({} if default is UNSET else {"default": rendered(default)}),
        }
        self._inputs[name] = lean(wanted, Input)
        return Term(f"inputs.{name}", type)

    def step(
        self,
        type: str,  # noqa: A002  the word of the document
        /,
        *,
        id: str | None = None,  # noqa: A002  the word of the document
        with_: Mapping[str, Any] | None = None,
        at: tuple[float, float] | None = None,
        needs: Sequence[Need] = (),
        when: Term | str | bool | None = None,
        each: Term | str | Sequence[Any] | Mapping[str, Any] | None = None,
        max_parallel: int | None = None,
        on_item_error: Literal["fail_fast", "collect"] | None = None,
        timeout_s: float | None = None,
        retry: Retry | Mapping[str, Any] | Sequence[Retry | Mapping[str, Any]] | None = None,
        join: Literal["all", "any", "always"] = "all",
        on_error: "Literal['fail', 'continue'] | Step | Mapping[str, str]" = "fail",
        priority: int = 0,
        cache: str | None = None,
        mode: Literal["enabled", "skip", "stop"] = "enabled",
        name: str = "",
        note: str = "",
        **values: Any,
    ) -> Step:
        """One step: its type, the rules it runs by, and its values. `at` is its place in the editor.

        Without an `id` it is named after its type. `on_error=another` goes there when this one fails.
        Raises Unfit where no document could be right.
        """
        rules = lean(
            {
                "needs": [one.id if isinstance(one, Step) else one for one in needs],
                "when": rendered(when),
                "each": rendered(each),
                "max_parallel": max_parallel,
                "on_item_error": on_item_error,
                "timeout_s": timeout_s,
                "retry": rendered(retry),
                "join": join,
                "on_error": {"go": on_error.id} if isinstance(on_error, Step) else rendered(on_error),
                "priority": priority,
                "cache": cache,
                "mode": mode,
                "name": name,
                "note": note,
            },
            Node,
        )
        spec = self._spec(type)
        given = {**rules, **({} if id is None else {"id": id}), **({} if at is None else {"at": at})}
        inputs = _inputs_of(spec, with_, values, given)
        node_id = self._new_id(type) if id is None else id
        _refuse(name_fault(node_id, "The id of a node", NODE_ID))
        if node_id in self._nodes:
            raise Unfit(f"There is a step “{node_id}” already; ids are unique.")
        node = {"id": node_id, "type": type, "with": rendered(inputs), **rules}
        self._nodes[node_id] = lean(node, Node)
        if at is not None:
            self._places[node_id] = {"x": at[0], "y": at[1]}
        if spec is None:
            return Step(node_id, type, None, None)
        ways = spec.branches.among(node["with"]) if spec.branches else ()
        # What a step gives that runs another workflow is known only where that workflow is.
        return Step(node_id, type, None if spec.calls else _outputs_of(spec, rules), ways)

    def output(self, name: str, value: Any) -> None:
        """Something the workflow gives when it has ended. Raises Unfit."""
        _refuse(name_fault(name, "The name of an output", NAME))
        if name in self._outputs:
            raise Unfit(f"There is an output “{name}” already.")
        self._outputs[name] = rendered(value)

    def document(self) -> dict[str, Any]:
        """The workflow as the JSON values that are saved, checked and run."""
        document = {
            "schema": SCHEMA,
            "name": self.name,
            "description": self.description,
            "inputs": self._inputs,
            "nodes": list(self._nodes.values()),
            "outputs": self._outputs,
            "ui": self._places,
        }
        return copy.deepcopy(lean(document, Definition))

    def complaints(self) -> list[Complaint]:
        """Everything that keeps it from running; without a catalog, what is wrong whatever the types are."""
        document = self.document()
        return check_shape(document) if self._catalog is None else check(document, self._catalog)

    def _spec(self, kind: str) -> StepSpec | None:
        if self._catalog is None:
            return None
        if kind not in self._catalog:
            hint = suggestion(kind, self._catalog, limit=0)
            raise Unfit(f"There is no step type “{kind}”.{hint}")
        return self._catalog[kind]

    def _new_id(self, kind: str) -> str:
        """`image.transform` → `transform`, then `transform_2`."""
        stem = kind.rpartition(".")[2]
        count, free = 1, stem
        while free in self._nodes or free in RESERVED:
            count += 1
            free = f"{stem}_{count}"
        return free


class Facts:
    """What every run knows of itself, by name."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __getattr__(self, name: str) -> Term:
        known = FACTS[self._root]
        if name not in known:
            raise AttributeError(f"“{self._root}” has no “{name}”.{suggestion(name, known)}")
        return Term(f"{self._root}.{name}", known[name])


def status_of(step: Step) -> Term:
    """What became of a step: `completed`, `failed`, `skipped`."""
    return Term(f"steps.{step.id}.status", "text")


def error_of(step: Step) -> Term:
    """Why a step failed, null when it did not."""
    return Term(f"steps.{step.id}.error")


def workflow_in(names: Mapping[str, object]) -> Workflow:
    """The workflow of an executed file: the one called `workflow`, or the only one there is. Raises Unfit."""
    named = names.get("workflow")
    if isinstance(named, Workflow):
        return named
    found = {name: one for name, one in names.items() if isinstance(one, Workflow)}
    if len({id(one) for one in found.values()}) == 1:
        return next(iter(found.values()))
    if not found:
        raise Unfit("This file makes no workflow; it needs a line such as workflow = Workflow(“…”).")
    raise Unfit(f"This file makes several workflows, {listing(found)}; call the one to run “workflow”.")


def rendered(value: Any) -> Any:
    """A value as the document has it: terms as text, workflows as their documents. Raises Unfit."""
    match value:
        case Term():
            return str(value)
        case Workflow():
            return value.document()
        case Step():
            raise Unfit(f"Step “{value.id}” is no value; give one of its outputs, {value.id}.…")
        case Mapping():
            return {str(name): rendered(one) for name, one in value.items()}
        case list() | tuple():
            return [rendered(one) for one in value]
        case _:
            return msgspec.to_builtins(value)


def _inputs_of(
    spec: StepSpec | None,
    named: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    rules: Iterable[str],
) -> dict[str, Any]:
    """What stands in `with`. Raises Unfit where a keyword may mean two things or is no input."""
    if twice := sorted({*(named or {})} & {*values}):
        raise Unfit(f"{listing(twice)} is given in with_ and as a keyword; once is enough.")
    inputs = {**(named or {}), **values}
    if spec is None:
        return inputs
    for word in rules if named is None else ():
        if spec.input(word) is not None:
            raise Unfit(
                f"“{word}” is a rule of every step and an input of {spec.kind}. Write the input as "
                f'with_={{"{word}": …}}; beside with_={{…}} the keyword is the rule.'
            )
    for word in inputs:
        if spec.input(word) is None:
            raise Unfit(unknown_field(spec, word))
    return inputs


def _outputs_of(spec: StepSpec, rules: Mapping[str, Any]) -> dict[str, str]:
    """The outputs as expressions see them: lists where the step runs once an item."""
    kinds = {port.name: port.type for port in spec.outputs}
    match rules.get("each"):
        case None:
            return kinds
        case {"nested": [*levels]}:
            depth = len(levels)
        case _:
            depth = 1
    for _ in range(depth):
        kinds = {name: list_of(kind) for name, kind in kinds.items()}
    by_default = "collect" if rules.get("on_error") == "continue" else "fail_fast"
    collects = rules.get("on_item_error", by_default) == "collect"
    return {**kinds, FAILED: "json"} if collects else kinds


def _refuse(fault: str | None) -> None:
    if fault is not None:
        raise Unfit(fault)
