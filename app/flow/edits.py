"""Values that a person gives by hand: outputs in place of a step's own, inputs of a step or of one item.

They are held to the same ports as what steps give and take. A file is named by its id; whose it is, is the
room's question: it asks `file_ids`, looks them up, and gives the facts back through `with_files`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.flow.catalog import PortSpec
from app.flow.definition import MAX_DEPTH
from app.flow.names import FAILED
from app.flow.port_rules import is_file
from app.flow.ports import Asset
from app.flow.program import Program, ProgramNode
from app.flow.rerun import Wish
from app.flow.sizes import depth_of, holds_nul
from app.flow.values import Checker, unknown_field
from app.flow.wording import say_value, shorten, suggestion
from app.kit.codec import to_plain
from app.kit.errors import Complaint, Invalid

Facts = Mapping[str, Asset]
MISFIT: Final = "These values do not fit the steps they are given to."


def file_ids(program: Program, wish: Wish) -> list[str]:
    """What is given as the id of a file, each once."""
    found = (given.id for given in _references(program, wish) if isinstance(given.id, str))
    return list(dict.fromkeys(found))


def with_files(program: Program, wish: Wish, facts: Facts) -> Wish:
    """The same wish with the facts of its files. `facts`: by id, those the organization has.

    Raises Invalid where a file is not there.
    """
    complaints = [
        Complaint(
            message=f"There is no file {shorten(str(given.id))} here; it may have been deleted.",
            node=given.node,
            field=given.field,
        )
        for given in _references(program, wish)
        if not isinstance(given.id, str) or given.id not in facts
    ]
    if complaints:
        raise Invalid(MISFIT, complaints=complaints)
    nodes = program.nodes
    return replace(
        wish,
        values={
            node_id: _filled(nodes[node_id].spec.inputs, values, facts) if node_id in nodes else values
            for node_id, values in wish.values.items()
        },
        outputs={
            node_id: _filled(nodes[node_id].spec.outputs, values, facts) if node_id in nodes else values
            for node_id, values in wish.outputs.items()
        },
        items=tuple(
            replace(item, values=_filled(nodes[item.step].spec.inputs, item.values, facts))
            if item.step in nodes
            else item
            for item in wish.items
        ),
    )


def fitting(program: Program, wish: Wish) -> Wish:
    """The same wish with its values as the ports take them. Raises Invalid with every complaint."""
    complaints: list[Complaint] = []
    values = {
        node_id: _fitting_inputs(program.nodes[node_id], given, complaints)
        if node_id in program.nodes
        else given
        for node_id, given in wish.values.items()
    }
    outputs = {
        node_id: _fitting_outputs(program.nodes[node_id], given, complaints)
        if node_id in program.nodes
        else given
        for node_id, given in wish.outputs.items()
    }
    items = tuple(
        replace(item, values=_fitting_inputs(program.nodes[item.step], item.values, complaints))
        if item.step in program.nodes
        else item
        for item in wish.items
    )
    if complaints:
        raise Invalid(MISFIT, complaints=complaints)
    return replace(wish, values=values, outputs=outputs, items=items)


def _fitting_inputs(
    node: ProgramNode, given: Mapping[str, Any], complaints: list[Complaint]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        port = node.spec.input(name)
        if port is None:
            message = unknown_field(node.spec, name)
        elif not port.is_plain:
            message = f"“{name}” is worked out while the step runs; it is changed in the workflow."
        elif refusal := _refusal(name, value):
            message = refusal
        elif value is None:
            if not port.required or port.nullable:
                found[name] = None
                continue
            message = f"“{name}” is required."
        else:
            found[name] = _checked(Checker(node.spec, port, node.id), value, complaints)
            continue
        complaints.append(Complaint(message=message, node=node.id, field=f"with.{name}"))
    return found


def _fitting_outputs(
    node: ProgramNode, given: Mapping[str, Any], complaints: list[Complaint]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    depth = len(node.each.levels) if node.each else 0
    for name, value in given.items():
        port = node.spec.output(name)
        if refusal := _refusal(name, value):
            message = refusal
        elif port is not None:
            found[name] = _leaves(node, port, value, depth, complaints)
            continue
        elif node.spec.calls or (node.collects and name == FAILED):
            found[name] = value  # the workflow it runs knows the type, and says so where it is read
            continue
        else:
            message = f"{node.kind} has no output “{name}”.{suggestion(name, node.ports)}"
        complaints.append(Complaint(message=message, node=node.id, field=f"outputs.{name}"))
    complaints.extend(
        Complaint(message=f"“{port.name}” is missing.", node=node.id, field=f"outputs.{port.name}")
        for port in node.spec.outputs
        if port.required and port.name not in given
    )
    return found


def _refusal(name: str, value: Any) -> str | None:
    """Why a value is not even looked at."""
    if depth_of(value, MAX_DEPTH) > MAX_DEPTH:
        return f"“{name}” is nested more than {MAX_DEPTH} levels deep."
    return f"“{name}” holds the character U+0000, which cannot be stored." if holds_nul(value) else None


def _leaves(node: ProgramNode, port: PortSpec, value: Any, depth: int, complaints: list[Complaint]) -> Any:
    """A value of an output; where the step runs once an item, lists of them as deep as its lists lie."""
    if depth:
        if not isinstance(value, list):
            message = f"“{port.name}” must be a list with one value for each item, not {say_value(value)}."
            complaints.append(Complaint(message=message, node=node.id, field=f"outputs.{port.name}"))
            return value
        return [_leaves(node, port, item, depth - 1, complaints) for item in value]
    if value is None and (port.nullable or not port.required or node.collects):
        return None
    return _checked(Checker(node.spec, port, node.id, is_output=True), value, complaints)


def _checked(checker: Checker, value: Any, complaints: list[Complaint]) -> Any:
    fitting_value = checker.check(value)
    complaints.extend(checker.complaints)
    return fitting_value


# Files ---------------------------------------------------------------------------------------------------


class _Given(msgspec.Struct, frozen=True):
    """One file given by hand: to which node, in which field, by what id."""

    node: str
    field: str
    id: Any


def _references(program: Program, wish: Wish) -> Iterator[_Given]:
    """Everything given as a file."""
    nodes = program.nodes
    for node_id, values in wish.values.items():
        if node_id in nodes:
            yield from _files(node_id, "with", nodes[node_id].spec.inputs, values)
    for node_id, values in wish.outputs.items():
        if node_id in nodes:
            yield from _files(node_id, "outputs", nodes[node_id].spec.outputs, values)
    for item in wish.items:
        if item.step in nodes:
            yield from _files(item.step, "with", nodes[item.step].spec.inputs, item.values)


def _files(
    node_id: str, side: str, ports: tuple[PortSpec, ...], values: Mapping[str, Any]
) -> Iterator[_Given]:
    for port in ports:
        if is_file(port.item_type):
            for value in _objects(values.get(port.name)):
                yield _Given(node_id, f"{side}.{port.name}", value.get("asset"))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        yield value


def _filled(ports: tuple[PortSpec, ...], values: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    files = {port.name for port in ports if is_file(port.item_type)}
    return {name: _with_facts(value, facts) if name in files else value for name, value in values.items()}


def _with_facts(value: Any, facts: Facts) -> Any:
    """A value with the facts of its files in place of what was claimed of them."""
    if isinstance(value, list):
        return [_with_facts(item, facts) for item in value]
    return to_plain(facts[value["asset"]]) if isinstance(value, dict) else value
