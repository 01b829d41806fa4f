"""What the language knows about step types: pure data, made from their typed inputs and outputs.

`app.steps` makes a `StepSpec` of each type with `spec_of`; the checker, the engine, the palette and the forms
read it. Nothing here can run a step.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from app.flow.messages import Lane
from app.flow.ports import FILE_PORTS, Asset, Audio, File, Image, Video

_FILE_TYPES: Final[Mapping[type, str]] = {
    Image: "image",
    Video: "video",
    Audio: "audio",
    File: "file",
    Asset: "file",
}


class PortSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input or output of a step type. Bounds, unit and widget stand in the JSON Schema beside it."""

    name: str
    type: str  # a port type: `image[]`
    title: str = ""
    description: str = ""
    required: bool = False
    nullable: bool = False  # null is a value here, not merely “not given”
    secret: bool = False  # only a secret may be written here, never a value
    is_body: bool = False  # a workflow of its own is written here, with nodes that this step runs
    is_form: bool = False  # declares fields to be filled in, as the inputs of a workflow are declared
    # Worked out by the step while it runs, perhaps again and again, with these names more; by type.
    locals: dict[str, str] = {}

    @property
    def is_plain(self) -> bool:
        """Whether its value is worked out once, before the step begins."""
        return not self.is_body and not self.locals

    @property
    def is_list(self) -> bool:
        """Whether many values travel through this port at once."""
        return self.type.endswith("[]")

    @property
    def item_type(self) -> str:
        """The type of one item: `image` for `image[]`."""
        return self.type.removesuffix("[]")


class OnlyWhere(msgspec.Struct, frozen=True):
    """A condition on the values of a step: this input has this value."""

    input: str
    value: str


class Branches(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ways that lead on from a step: `needs: ["route.large"]` goes on only where “large” was taken."""

    output: str  # the output whose text names the way taken
    names: tuple[str, ...] = ()  # ways there always are
    listed_in: str = ""  # the input whose items bring more, each with its `name`
    only_where: Mapping[str, OnlyWhere] = {}  # names that lead on only then

    def among(self, values: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The ways of a step with these values; None where an expression hides some of them."""
        decisive = [values.get(needed.input) for needed in self.only_where.values()]
        if any(isinstance(value, str) and "{{" in value for value in decisive):
            return None
        closed = {way for way, needed in self.only_where.items() if values.get(needed.input) != needed.value}
        open_names = tuple(name for name in self.names if name not in closed)
        listed = values.get(self.listed_in, []) if self.listed_in else []
        if not isinstance(listed, list):
            return None
        names: list[str] = []
        for item in listed:
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str) or "{{" in name:
                return None
            names.append(name)
        return (*names, *open_names)

    def condition(self, way: str) -> str:
        """What opens a way that is closed, as a clause to append; nothing where no input decides."""
        needed = self.only_where.get(way)
        return f" It does only with “{needed.input}” set to “{needed.value}”." if needed else ""


class StepSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step type as the language sees it."""

    kind: str
    version: int
    lane: Lane
    title: str
    summary: str
    category: str
    hidden: bool
    inputs: tuple[PortSpec, ...]
    outputs: tuple[PortSpec, ...]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    examples: tuple[Any, ...] = ()
    timeout_s: float | None = None
    branches: Branches | None = None
    cacheable: bool = False  # the same inputs give the same outputs, which may be given again
    calls: bool = False  # it runs another workflow or its body, and gives what that gives
    ends: bool = False  # it may end the whole instance
    has_address: bool = False  # other programs call it back, at an address expressions may read

    def input(self, name: str) -> PortSpec | None:
        """The input port of this name."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> PortSpec | None:
        """The output port of this name."""
        return next((port for port in self.outputs if port.name == name), None)


class Catalog(Mapping[str, StepSpec]):
    """Every step type there is, by kind."""

    def __init__(self, specs: Iterable[StepSpec]) -> None:
        self._specs = {spec.kind: spec for spec in specs}

    def __getitem__(self, kind: str) -> StepSpec:
        return self._specs[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


def spec_of(
    *,
    kind: str,
    version: int,
    lane: Lane | str,
    title: str,
    summary: str,
    category: str,
    hidden: bool,
    inputs_type: type[msgspec.Struct],
    outputs_type: type[msgspec.Struct],
    examples: Sequence[Any] = (),
    timeout_s: float | None = None,
    branches: Branches | None = None,
    cacheable: bool = False,
    calls: bool = False,
    ends: bool = False,
    has_address: bool = False,
) -> StepSpec:
    """The spec of a step type: ports and JSON Schemas derived from its msgspec structs and their Meta.

    A secret field says `Meta(extra={"secret": True})`; one that holds a workflow `{"body": True}`; one that
    declares fields to fill in `{"form": True}`; one that is worked out while the step runs
    `{"locals": {"accumulator": "json"}}`, and `{"required": True}` if its default only stands in for that.
    Unit and widget go into `extra_json_schema`.
    """
    return StepSpec(
        kind=kind,
        version=version,
        lane=Lane(lane),
        title=title,
        summary=summary,
        category=category,
        hidden=hidden,
        inputs=_ports_of(inputs_type),
        outputs=_ports_of(outputs_type),
        input_schema=_schema_of(inputs_type),
        output_schema=_schema_of(outputs_type),
        examples=tuple(msgspec.to_builtins(list(examples))),
        timeout_s=timeout_s,
        branches=branches,
        cacheable=cacheable,
        calls=calls,
        ends=ends,
        has_address=has_address,
    )


def _schema_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a struct with its own object at the top and only the others under $defs."""
    schema = msgspec.json.schema(struct)
    definitions: dict[str, Any] = dict(schema.pop("$defs", {}))
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in definitions:
        schema = {key: value for key, value in schema.items() if key != "$ref"} | definitions.pop(name)
    if definitions:
        schema["$defs"] = definitions
    return schema


def _ports_of(struct: type[msgspec.Struct]) -> tuple[PortSpec, ...]:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{struct.__name__} is not a struct")
    return tuple(_port_of(field) for field in info.fields)


def _port_of(field: inspect.Field) -> PortSpec:
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    kind = field.type
    while isinstance(kind, inspect.Metadata):
        extra |= kind.extra or {}
        schema |= kind.extra_json_schema or {}
        kind = kind.type
    return PortSpec(
        name=field.encode_name,
        type=_port_type(field.type),
        title=schema.get("title", ""),
        description=schema.get("description", ""),
        required=field.required or bool(extra.get("required", False)),
        nullable=isinstance(kind, inspect.AnyType)
        or (isinstance(kind, inspect.UnionType) and kind.includes_none),
        secret=bool(extra.get("secret", False)),
        is_body=bool(extra.get("body", False)),
        is_form=bool(extra.get("form", False)),
        locals=extra.get("locals", {}),
    )


def _port_type(kind: inspect.Type) -> str:
    """The port type a Python annotation stands for."""
    match kind:
        case inspect.Metadata():
            return _port_type(kind.type)
        case inspect.UnionType():
            return _common_type(member for member in kind.types if not isinstance(member, inspect.NoneType))
        case inspect.BoolType():
            return "boolean"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.StrType() | inspect.DateTimeType() | inspect.UUIDType():
            return "text"
        case inspect.LiteralType():
            return _value_type(kind.values)
        case inspect.EnumType():
            return _value_type(member.value for member in kind.cls)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return _list_type(kind.item_type)
        case inspect.StructType() if issubclass(kind.cls, Asset):
            return next(name for base, name in _FILE_TYPES.items() if issubclass(kind.cls, base))
        case _:
            return "json"


def _list_type(item: inspect.Type) -> str:
    if isinstance(item, inspect.FloatType):
        return "vector"
    inner = _port_type(item)
    return "json" if inner.endswith("[]") else f"{inner}[]"


def _common_type(members: Iterable[inspect.Type]) -> str:
    """One port type for a union: the type its members share, `file` for several kinds of file."""
    names = {_port_type(member) for member in members}
    if len(names) == 1:
        return names.pop()
    return "file" if names and names <= set(FILE_PORTS) else "json"


def _value_type(values: Iterable[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {str}:
        return "text"
    return "number" if kinds <= {int, float} else "json"
