"""A workflow as one file: what `export` writes and `import` reads.

The file holds the document, the workflows it runs and what it needs of the box it comes to: step types, and
the fields that want a secret there. A secret itself never travels: what a document holds in a secret field is
taken out, and the field is named. Workflows in the file go by the ids they had; an import gives new ones.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from app.flow.catalog import StepSpec
from app.flow.mismatch import explain
from app.flow.signatures import MAX_BODIES, VERSION, WORKFLOW, Called, called_by
from app.flow.sizes import holds_nul
from app.flow.wording import say_value
from app.kit.codec import encode
from app.kit.errors import Complaint, Invalid

FORMAT: Final = "studio.workflow"
FORMAT_VERSION: Final = 1
MAX_EMBEDDED: Final = 100  # workflows that one file brings along

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(max_length=10_000)]


class NeededStep(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A step type the workflows use, in the version they were made with."""

    kind: str
    version: int


class NeededSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a step that wants a secret; `workflow` is the id of a workflow brought along."""

    workflow: str | None
    node: str
    field: str


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a box must have for the workflows to run."""

    steps: tuple[NeededStep, ...] = ()
    secrets: tuple[NeededSecret, ...] = ()


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow that another one in the file runs; `version` where it names one, else what ran."""

    id: str
    version: int | None
    name: Name
    description: Description = ""
    definition: dict[str, Any]

    @property
    def called(self) -> Called:
        """As documents name it."""
        return Called(self.id, self.version)


class Portable(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `id` and `version` are what a workflow in it calls this one by."""

    format: Literal["studio.workflow"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    studio_version: str = ""
    id: str = ""
    version: int | None = None
    name: Name
    description: Description = ""
    definition: dict[str, Any]
    workflows: Annotated[tuple[Embedded, ...], Meta(max_length=MAX_EMBEDDED)] = ()
    needs: Needs = Needs()


class NotPortable(Invalid):
    """This file is no workflow that can be imported."""


def pack(
    root: Embedded, others: tuple[Embedded, ...], catalog: Mapping[str, StepSpec], studio_version: str
) -> Portable:
    """The file of a workflow and of those it runs."""
    steps: set[NeededStep] = set()
    secrets: list[NeededSecret] = []
    clean: list[Embedded] = []
    for workflow in (root, *others):
        definition = copy.deepcopy(workflow.definition)
        for node, values, spec in nodes_of(definition, catalog):
            steps.add(NeededStep(kind=spec.kind, version=spec.version))
            for field in _take_secrets(values, spec):
                whose = None if workflow is root else workflow.id
                secrets.append(NeededSecret(workflow=whose, node=node["id"], field=field))
        clean.append(msgspec.structs.replace(workflow, definition=definition))
    return Portable(
        studio_version=studio_version,
        id=root.id,
        version=root.version,
        name=root.name,
        description=root.description,
        definition=clean[0].definition,
        workflows=tuple(clean[1:]),
        needs=Needs(steps=tuple(sorted(steps)), secrets=tuple(secrets)),
    )


def unpack(raw: Any) -> Portable:
    """The file from its JSON; a bare definition is a file that brings nothing along. Raises NotPortable."""
    if not isinstance(raw, dict):
        raise NotPortable(
            complaints=[Complaint(message=f"A workflow file is an object {{…}}, not {say_value(raw)}.")]
        )
    if "format" not in raw:
        if "nodes" in raw or "schema" in raw:
            name = raw.get("name")
            return Portable(name=name if isinstance(name, str) else "", definition=raw)
        raise NotPortable(
            complaints=[
                Complaint(
                    message=f'An exported workflow says "format": "{FORMAT}", and a definition says '
                    '"schema": 1; this file says neither.'
                )
            ]
        )
    if raw["format"] != FORMAT:
        message = f"This is a file of {say_value(raw['format'])}, not an exported workflow (“{FORMAT}”)."
        raise NotPortable(complaints=[Complaint(field="format", message=message)])
    if raw.get("format_version") != FORMAT_VERSION:
        message = (
            f"This Studio reads version {FORMAT_VERSION} of the format, not "
            f"{say_value(raw.get('format_version'))}; it was made by another Studio"
            f"{_made_by(raw)}. Export it there for this one, or update this one."
        )
        raise NotPortable(complaints=[Complaint(field="format_version", message=message)])
    if holds_nul(raw):
        message = "A text in this file holds the character U+0000, which cannot be stored."
        raise NotPortable(complaints=[Complaint(message=message)])
    try:
        portable = msgspec.convert(raw, Portable)
    except msgspec.ValidationError as exc:
        raise NotPortable(complaints=[explain(str(exc), Portable)]) from None
    if len({one.called for one in portable.workflows}) < len(portable.workflows):
        message = "The file brings the same workflow along twice; take one out."
        raise NotPortable(complaints=[Complaint(field="workflows", message=message)])
    return portable


def nodes_of(
    definition: Any, catalog: Mapping[str, StepSpec], depth: int = 0
) -> Iterator[tuple[dict[str, Any], dict[str, Any], StepSpec]]:
    """Every node of a known type with its values, also of those in bodies."""
    nodes = definition.get("nodes") if isinstance(definition, dict) and depth <= MAX_BODIES else None
    for node in nodes if isinstance(nodes, list) else ():
        spec = catalog.get(str(node.get("type"))) if isinstance(node, dict) else None
        if spec is None:
            continue
        values = node.get("with")
        values = values if isinstance(values, dict) else {}
        yield node, values, spec
        for port in spec.inputs:
            if port.is_body:
                yield from nodes_of(values.get(port.name), catalog, depth + 1)


def redirected(
    definition: dict[str, Any], catalog: Mapping[str, StepSpec], target: Callable[[Called], Called | None]
) -> dict[str, Any]:
    """The document with every workflow it runs replaced by its target, where there is one."""
    changed = copy.deepcopy(definition)
    for _, values, spec in nodes_of(changed, catalog):
        called = called_by(spec, values)
        new = None if called is None else target(called)
        if new is not None:
            values[WORKFLOW] = new.workflow
            values.pop(VERSION, None)
            if new.version is not None:
                values[VERSION] = new.version
    return changed


def alike(first: Any, second: Any, catalog: Mapping[str, StepSpec]) -> bool:
    """Whether two files hold the same workflows, by whatever ids they go."""
    return _anonymous(unpack(first), catalog) == _anonymous(unpack(second), catalog)


def _anonymous(portable: Portable, catalog: Mapping[str, StepSpec]) -> list[bytes]:
    """The documents of a file with numbers in place of ids, in the order they are run from the first."""
    documents = {one.called: one.definition for one in portable.workflows}
    documents |= {Called(portable.id, version): portable.definition for version in (None, portable.version)}
    order = [Called(portable.id, portable.version)]

    def numbered(called: Called) -> Called | None:
        if called not in documents:
            return None
        known = [documents[one] is documents[called] for one in order]
        if True not in known:
            order.append(called)
            known.append(True)
        return Called(f"#{known.index(True)}", None if called.version is None else 1)

    # The list grows while it is walked: each document may name more.
    return [encode(redirected(documents[called], catalog, numbered)) for called in order]


def remarks(needs: Needs, catalog: Mapping[str, StepSpec]) -> list[Complaint]:
    """What a person should know about a file although it can be imported."""
    found = []
    for step in needs.steps:
        here = catalog.get(step.kind)
        if here is not None and here.version != step.version:
            age = "an older" if here.version < step.version else "a newer"
            message = (
                f"“{step.kind}” was version {step.version} where this was exported; here it is {age} one, "
                f"version {here.version}."
            )
            found.append(Complaint(message=message))
    found += [
        Complaint(node=secret.node, field=f"with.{secret.field}", message="The secret did not travel along.")
        for secret in needs.secrets
    ]
    return found


def _take_secrets(values: dict[str, Any], spec: StepSpec) -> Iterator[str]:
    """Take what is written into secret fields out of a node's values; the names of those fields.

    An expression stays: it names a secret, and tells none.
    """
    for port in spec.inputs:
        if port.secret and port.name in values:
            written = values[port.name]
            if not (isinstance(written, str) and "{{" in written):
                del values[port.name]
            yield port.name


def _made_by(raw: dict[str, Any]) -> str:
    version = raw.get("studio_version")
    return f" ({version[:40]})" if isinstance(version, str) and version else ""
