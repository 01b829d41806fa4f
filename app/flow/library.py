"""What a function of the expression language is, and how all of them are found.

A function is a plain Python function in `app.flow.functions`, one file a topic: its annotations are its
signature, its docstring its documentation, its examples are run by the tests. Nothing here knows the
expression library; `expressions.py` makes its declarations from these.

    @function("Upper case", Example("'sea'.upper()", "SEA"))
    def upper(text: str) -> str:
        \"\"\"The text in capital letters.\"\"\"
        return text.upper()

What a call may cost is bounded for all alike: what goes in and what comes out is measured and taken from the
budget of the evaluation (`meter.py`). A function whose result may be larger than what it was given says how
large before it makes it (`makes`), and one that works harder than going through its values once says so
(`passes`).
"""

import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec

from app.flow import functions
from app.flow.meter import Refused, current, measure
from app.flow.port_rules import item_of
from app.flow.sizes import depth_of
from app.flow.times import read_time
from app.flow.wording import number, say_type, say_value

# A type the caller decides: `first(items: list[A]) -> A`.
A = TypeVar("A")
Time = Annotated[datetime, "time"]  # given as RFC 3339 text or as what timestamp(…) makes
File = Annotated[dict[str, Any], "file"]

MAX_DEPTH: Final = 64  # the library walks values by recursion, and 20,000 levels end the process
_NAMES: Final[Mapping[Any, str]] = {
    str: "text",
    float: "number",
    int: "integer",
    bool: "boolean",
    Any: "json",
    Time: "time",
    File: "file",
    A: "A",
    dict[str, Any]: "map",
}
_RECEIVERS: Final = {"list": ("json[]",), "text": ("text",)}  # of what the expression library brings
_WORDS: Final[Mapping[str, str]] = {"json": "any", "map": "object", "integer": "whole number", "A": "any"}


class Example(msgspec.Struct, frozen=True):
    """An expression and what it gives."""

    expression: str
    result: Any


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a function takes. `types`: any of these, by our names and `A`."""

    name: str
    types: tuple[str, ...]
    required: bool
    default: Any = None

    def fit(self, value: Any, function: str) -> Any:
        """The value as the function takes it. Raises Refused with a sentence."""
        for kind in self.types:
            fitting = _fit(kind, value)
            if fitting is not _UNFIT:
                return fitting
        wanted = " or ".join(_say(kind) for kind in self.types)
        missing = "; its step was skipped, or an optional input was left out" if value is None else ""
        raise Refused(f"“{self.name}” of {function}() must be {wanted}, not {say_value(value)}{missing}.")

    @property
    def words(self) -> str:
        """Its type in a signature."""
        return " or ".join(_word(kind) for kind in self.types)


class ParameterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a function takes, told to people."""

    name: str
    type: str
    required: bool
    default: Any = None


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One function, told to people: in the editor and on the page of functions."""

    name: str
    topic: str
    title: str
    description: str
    signature: str
    parameters: list[ParameterSpec]
    returns: str
    examples: list[Example]


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """One function. Without `run` it is one of the expression library's own, documented here."""

    name: str
    topic: str
    title: str
    description: str
    signature: str
    parameters: tuple[Parameter, ...]
    returns: str
    examples: tuple[Example, ...]
    receives: tuple[str, ...]  # types of what may stand before its dot; nothing where it has none
    run: Callable[..., Any] | None = None
    makes: Callable[..., int] | None = None
    passes: int = 1

    @property
    def spec(self) -> FunctionSpec:
        """What people are told of it."""
        return FunctionSpec(
            name=self.name,
            topic=self.topic,
            title=self.title,
            description=self.description,
            signature=self.signature,
            parameters=[
                ParameterSpec(name=each.name, type=each.words, required=each.required, default=each.default)
                for each in self.parameters
            ],
            returns=self.signature.rpartition("→ ")[2],
            examples=list(self.examples),
        )

    def __call__(self, *given: Any) -> Any:
        """The result for these values, inside the budget of the evaluation. Raises Refused."""
        if self.run is None:
            raise TypeError(f"{self.name} is the expression library's own")
        meter = current()
        meter.take(measure(given).work * self.passes)
        fitting = [
            parameter.fit(value, self.name) for parameter, value in zip(self.parameters, given, strict=False)
        ]
        if self.makes is not None:
            defaults = [parameter.default for parameter in self.parameters[len(fitting) :]]
            meter.expect(self.makes(*fitting, *defaults))
        try:
            result = self.run(*fitting)
        except (ArithmeticError, ValueError) as exc:
            raise Refused(f"{self.name}() cannot work with these values: {exc}.") from None
        if self.returns == "number" and type(result) is int:
            result = float(result)
        meter.made(measure((result,)))
        if depth_of(result, MAX_DEPTH) > MAX_DEPTH:
            raise Refused(f"The result of {self.name}() is nested more than {MAX_DEPTH} levels deep.")
        return result


def function(
    title: str,
    *examples: Example,
    makes: Callable[..., int] | None = None,
    passes: int = 1,
    is_plain: bool = False,
) -> Callable[[Callable[..., Any]], Function]:
    """Make a Python function one of the language. `is_plain`: it is written without a value before a dot."""

    def declare(run: Callable[..., Any]) -> Function:
        made = _declared(run, title, examples, is_plain=is_plain)
        return msgspec.structs.replace(made, run=run, makes=makes, passes=passes)

    return declare


def built_in(name: str, signature: str, title: str, description: str, *examples: Example) -> Function:
    """Document a function, or a macro, that the expression library brings."""
    return Function(
        name=name,
        topic="built_in",
        title=title,
        description=description,
        signature=signature,
        parameters=(),
        receives=_RECEIVERS.get(signature.partition(".")[0], ()),
        returns="json",
        examples=examples,
    )


@cache
def library() -> Mapping[str, Function]:
    """Every function by name, found in the files of `app.flow.functions`."""
    found: dict[str, Function] = {}
    for module in pkgutil.iter_modules(functions.__path__, f"{functions.__name__}."):
        for each in _functions_in(importlib.import_module(module.name)):
            if each.name in found:
                raise TypeError(f"two functions are called {each.name}")
            found[each.name] = each
    return dict(sorted(found.items()))


def _functions_in(module: types.ModuleType) -> Iterator[Function]:
    for value in vars(module).values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Function):
                yield each


def _declared(
    shape: Callable[..., Any],
    title: str,
    examples: tuple[Example, ...],
    *,
    is_plain: bool,
) -> Function:
    hints = typing.get_type_hints(shape, include_extras=True)
    name = shape.__name__.rstrip("_")
    parameters = tuple(
        Parameter(
            name=each.name.rstrip("_"),
            types=_types_of(hints[each.name]),
            required=each.default is each.empty,
            default=None if each.default is each.empty else each.default,
        )
        for each in inspect.signature(shape).parameters.values()
    )
    (returns,) = _types_of(hints["return"])  # that it may be null, its documentation tells
    return Function(
        name=name,
        topic=shape.__module__.rpartition(".")[2],
        title=title,
        description=inspect.cleandoc(shape.__doc__ or ""),
        signature=_signature(name, parameters, returns, is_plain=is_plain),
        parameters=parameters,
        receives=() if is_plain else parameters[0].types,
        returns=returns,
        examples=examples,
    )


def _types_of(hint: Any) -> tuple[str, ...]:
    """`str | list[A]` → `("text", "A[]")`."""
    if get_origin(hint) in {types.UnionType, typing.Union}:
        return tuple(name for each in get_args(hint) if each is not type(None) for name in _types_of(each))
    if hint in _NAMES:
        return (_NAMES[hint],)
    if get_origin(hint) is list:
        return tuple(f"{name}[]" for name in _types_of(get_args(hint)[0]))
    raise TypeError(f"{hint} is no type of the expression language")


def _signature(name: str, parameters: tuple[Parameter, ...], returns: str, *, is_plain: bool) -> str:
    """`text.pad_start(width: number, fill: text = ' ') → text`."""
    written = [
        f"{each.name}: {each.words}" + ("" if each.required else f" = {_literal(each.default)}")
        for each in parameters
    ]
    if is_plain:
        return f"{name}({', '.join(written)}) → {_word(returns)}"
    receiver, *rest = written
    return f"{receiver.partition(':')[0]}.{name}({', '.join(rest)}) → {_word(returns)}"


def _literal(value: Any) -> str:
    match value:
        case str():
            return f"'{value}'"
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case _:
            return number(value)


def _word(kind: str) -> str:
    bare = kind.rstrip("[]")
    return _WORDS.get(bare, bare) + "[]" * kind.count("[]")


def _say(kind: str) -> str:
    match kind:
        case "integer":
            return "a whole number"
        case "time":
            return "a time such as 2026-01-31T12:00:00Z"
        case _:
            return say_type(kind.replace("A", "json"))


# Values as parameters take them ----------------------------------------------------------------------------

_UNFIT: Final = object()


def _fit(kind: str, value: Any) -> Any:
    """The value, turned where that is harmless, or _UNFIT."""
    if kind.endswith("[]"):
        if not isinstance(value, list):
            return _UNFIT
        inner = item_of(kind) or "json"
        if inner in {"json", "A"}:
            return value
        fitting = [_fit(inner, item) for item in value]
        return _UNFIT if any(item is _UNFIT for item in fitting) else fitting
    return _SCALARS[kind](value)


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        return _UNFIT
    return int(value)


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _UNFIT


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    found = read_time(value) if isinstance(value, str) else None
    return _UNFIT if found is None else found


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | list | dict) else _UNFIT


_SCALARS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "json": _json,
    "A": _json,
    "text": lambda value: value if isinstance(value, str) else _UNFIT,
    "boolean": lambda value: value if isinstance(value, bool) else _UNFIT,
    "map": lambda value: value if isinstance(value, dict) else _UNFIT,
    "file": lambda value: value if isinstance(value, dict) and "asset" in value else _UNFIT,
    "number": _number,
    "integer": _whole,
    "time": _time,
}
