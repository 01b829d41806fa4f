"""The one place that knows the expression library (CEL, cel-expr-python 0.1.3).

Facts about the library that shape this file, each measured on 0.1.3 (its costs are told in `costs.py`):

- A name with dots may be declared as one variable (`steps.frames.outputs.image`), so an unknown name and a
  wrong type are found when the document is saved, with a position. Environments that check are thrown away;
  what they compiled runs in one environment per process (a program costs 2.4 kB there, an environment 280).
- The checker knows type parameters only from a YAML configuration; it is made once from the library of
  functions. What runs is found by name and number of arguments, so there every argument may be anything, and
  our own functions look at theirs themselves.
- On Python 3.11 every null that leaves the library as a result takes a reference of None with it; some
  thousand of them end the process (“deallocating None”). `_repair_none` gives them back. Nulls that functions
  are given take none.
- The text of an exception that a function raises may be read after it was freed, unless something else holds
  it; so functions leave their sentences with the meter and raise a mark that the meter holds.
"""

import ctypes
import math
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import product
from typing import Any, Final

from cel_expr_python import cel

from app.flow.costs import MAX_GROWTH, Cost, cost_of
from app.flow.fault import Fault
from app.flow.library import MAX_DEPTH, Function, library
from app.flow.meter import (
    MAX_RESULT_CHARACTERS,
    MAX_RESULT_ITEMS,
    TOO_LARGE,
    Meter,
    Refused,
    current,
    metered,
)
from app.flow.pattern import passes
from app.flow.port_rules import item_of
from app.flow.scanner import Token, patterns_in, tokens_of
from app.flow.sizes import depth_of, is_number
from app.flow.translate import locate, say_compile_error, say_run_error
from app.flow.wording import say_type

MAX_EXPRESSION: Final = 4_000  # characters

_T: Final = cel.Type
_TYPES: Final = {
    "text": _T.STRING,
    "number": _T.DOUBLE,
    "integer": _T.INT,
    "boolean": _T.BOOL,
    "json": _T.DYN,
    **dict.fromkeys(("image", "video", "audio", "file", "map"), _T.Map(_T.STRING, _T.DYN)),
}


class Environment:
    """Names with their types, for compiling any number of expressions against them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        declared = {name: _cel_type(kind) for name, kind in variables.items()}
        self._env = cel.NewEnv(
            config=_signatures(), variables=declared, extensions=[_arithmetic(), _comparison()]
        )

    def compile(self, text: str) -> tuple["Compiled", str]:
        """The program and the type of its result. Raises Fault."""
        if len(text) > MAX_EXPRESSION:
            raise Fault(
                0, f"The expression is {len(text):,} characters long; at most {MAX_EXPRESSION:,} fit."
            )
        tokens = tokens_of(text)
        cost = cost_of(tokens, _walks(tokens))
        if cost.growth > MAX_GROWTH:
            raise Fault(0, "The loops of this expression multiply their values too often; split it up.")
        try:
            checked = self._env.compile(text)
            program = _runtime().deserialize(checked.serialize())
        except RuntimeError as exc:
            start, message = locate(text, str(exc))
            raise Fault(start, say_compile_error(message, text)) from None
        return Compiled(program, text, cost), _type_of(checked, text)


class Compiled:
    """An expression ready to run, any number of times, from any thread."""

    def __init__(self, program: Any, text: str, cost: Cost) -> None:
        self._program = program
        self._text = text
        self._cost = cost

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The result as plain JSON values. `values`: one for each dotted name. Raises Fault."""
        meter = self._cost.meter(values)
        try:
            if meter is None:
                result = self._program.eval(data=values)
            else:
                with metered(meter):
                    result = self._program.eval(data=values)
            kind = result.type()
            if kind == _T.ERROR:
                raise Fault(0, self._say(result.plain_value(), meter))
            if kind in _SCALARS:
                return _Unpacking().scalar(result.plain_value())
            return _Unpacking().lazily(result) if self._cost.has_loops else _Unpacking().eagerly(result)
        except RuntimeError as exc:
            raise Fault(0, say_run_error(str(exc), self._text)) from None

    def _say(self, error: str, meter: Meter | None) -> str:
        """What went wrong; what a function refused is told in its own words."""
        _, mark, number = error.rpartition(_MARK)
        return meter.refusals[int(number)] if meter and mark else say_run_error(error, self._text)


def to_cel(value: Any, kind: str) -> Any:
    """A value as its declared type wants it: numbers are doubles, so that 5 / 2 is 2.5. Raises Fault."""
    if kind.startswith(("json", "map")) and depth_of(value, MAX_DEPTH) > MAX_DEPTH:
        raise Fault(0, f"A value is nested more than {MAX_DEPTH} levels deep; no expression can take it.")
    if not kind.startswith(("number", "vector")):
        return value
    if isinstance(value, list):
        inner = item_of(kind) or "json"
        return [to_cel(item, inner) for item in value]
    if type(value) is not int:
        return value
    if not is_number(value):
        raise Fault(0, "A number is too large for an expression.")
    return float(value)


def _walks(tokens: list[Token]) -> int:
    """The passes of all patterns of matches(), which the library runs unmetered. Raises Fault."""
    total = 0
    for token in patterns_in(tokens):
        try:
            total += _passes_of(token.text)
        except Refused as refused:
            message = refused.message.replace("The pattern", "The pattern of matches()", 1)
            raise Fault(token.start, message) from None
    return total


@lru_cache(maxsize=1024)
def _passes_of(literal: str) -> int:
    try:
        written = cel.NewEnv().compile(literal).eval().plain_value()
    except RuntimeError:  # the checker says it better
        return 1
    return passes(written) if isinstance(written, str) else 1


_MARK: Final = "studio refusal "
_SCALARS: Final = (_T.STRING, _T.DOUBLE, _T.INT, _T.BOOL)


def _cel_type(kind: str) -> Any:
    if kind in _TYPES:
        return _TYPES[kind]
    return _T.List(_cel_type(item_of(kind) or "json"))


def _type_of(checked: Any, text: str) -> str:
    """The result's type by our names. Raises Fault for what has no JSON form."""
    name = str(checked.return_type()).lower()
    return _our_type(name, text)


def _our_type(name: str, text: str) -> str:
    known = {"string": "text", "double": "number", "int": "integer", "uint": "integer", "bool": "boolean"}
    if name in known:
        return known[name]
    if name.startswith("list<"):
        return f"{_our_type(name[5:-1], text)}[]"
    if name.startswith("map"):
        return "map"
    if name in {"dyn", "error", "list"}:
        return "json"
    if name == "null":
        return "null"
    raise Fault(0, f"The result is {_UNFIT.get(name, 'of a type')} that no step can take; {_TURN}")


_UNFIT: Final = {"timestamp": "a time", "duration": "a time span", "bytes": "raw bytes"}
_TURN: Final = "turn it into text with string(…)."


def _plain_number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault(0, "The result is no finite number (something was divided by zero, or grew too large).")
    return value


class _Unpacking:
    """Library values into plain JSON values, counted so that a small expression gives no huge one."""

    def __init__(self) -> None:
        self._items = 0
        self._characters = 0
        self._nulls = 0

    def eagerly(self, result: Any) -> Any:
        """All at once: right when the result cannot be larger than what went in."""
        plain = result.plain_value()
        try:
            return self._checked(plain)
        finally:
            # The dying result takes one reference for each null that it handed out.
            _repair_none(_nulls_in(plain))

    def lazily(self, result: Any) -> Any:
        """Item by item: a loop may name one large value a thousand times, and only its copies cost memory."""
        try:
            return self._open(result)
        finally:
            _repair_none(self._nulls)

    def _open(self, result: Any) -> Any:
        kind = result.type()
        if kind == _T.ERROR:
            raise Fault(0, say_run_error(result.plain_value(), ""))
        value = result.value()
        if value is None:
            self._nulls += 1
        if isinstance(value, list):
            self._count(len(value), 0)
            return [self._open(item) for item in value]
        if isinstance(value, dict):
            self._count(len(value), 0)
            return {self._key(key): self._open(item) for key, item in value.items()}
        return self.scalar(value)

    def _checked(self, value: Any) -> Any:
        if isinstance(value, list):
            self._count(len(value), 0)
            return [self._checked(item) for item in value]
        if isinstance(value, dict):
            self._count(len(value), 0)
            return {self._key(key): self._checked(item) for key, item in value.items()}
        return self.scalar(value)

    def scalar(self, value: Any) -> Any:
        """One value that holds no others. Raises Fault."""
        match value:
            case str():
                self._count(0, len(value))
                return value
            case None | bool() | int():
                return value
            case float():
                return _plain_number(value)
            case datetime():
                raise Fault(0, f"The result holds a time; {_TURN}")
            case timedelta():
                raise Fault(0, f"The result holds a time span; {_TURN}")
            case _:
                raise Fault(0, "The result holds something that has no JSON form.")

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return key
        raise Fault(0, f"The names in an object must be text, not {say_type('number')}: {{'1': …}}.")

    def _count(self, items: int, characters: int) -> None:
        self._items += items
        self._characters += characters
        if self._items > MAX_RESULT_ITEMS or self._characters > MAX_RESULT_CHARACTERS:
            raise Fault(0, TOO_LARGE)


def _nulls_in(value: Any) -> int:
    if value is None:
        return 1
    if isinstance(value, list):
        return sum(map(_nulls_in, value))
    return sum(map(_nulls_in, value.values())) if isinstance(value, dict) else 0


def _repair_none(times: int) -> None:
    """Give None the references back that the library took. None is immortal from Python 3.12 on."""
    if sys.version_info < (3, 12):
        for _ in range(times):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))


@cache
def _runtime() -> Any:
    """The environment every program of this process runs in."""
    return cel.NewEnv(extensions=[_arithmetic(), _functions()])


@cache
def _signatures() -> Any:
    """Our functions as the checker knows them, with their type parameters."""
    lines = ["functions:"]
    for each in library().values():
        if each.run is None:
            continue
        lines.append(f"  - name: {each.name}\n    overloads:")
        for number, (result, given) in enumerate(_overloads(each)):
            receiver, *rest = given
            for style, signature in (
                ("of", f"{each.name}({','.join(given)})"),
                ("on", f"{receiver}.{each.name}({','.join(rest)})"),
            ):
                identity = f"studio_{each.name}_{style}_{number}"
                lines.append(f"      - {{id: {identity}, signature: '{signature}', return: '{result}'}}")
    return cel.NewEnvConfigFromYaml("\n".join(lines))


def _overloads(function: Function) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Result and arguments of every way to call a function, in the checker's notation."""
    for count in _arities(function):
        choices = [
            [name for kind in parameter.types for name in _notations(kind)]
            for parameter in function.parameters[:count]
        ]
        result = _notations(function.returns)[0]
        yield from ((result, given) for given in product(*choices))
        if [choice for choice in choices if "~A" in choice] == [["~A"]] * 2 and result == "~A":
            # Two values of one type; a whole number and a fraction are one.
            for pair in (("double", "int"), ("int", "double")):
                ours = iter(pair)
                yield "double", tuple(next(ours) if c == ["~A"] else c[0] for c in choices)


def _arities(function: Function) -> range:
    """With how many arguments a function may be called."""
    required = sum(parameter.required for parameter in function.parameters)
    return range(required, len(function.parameters) + 1)


def _notations(kind: str) -> tuple[str, ...]:
    """A type of ours in the checker's notation; the last of several are given where the first is wanted."""
    if kind.endswith("[]"):
        return tuple(f"list<{name}>" for name in _notations(kind[:-2]))
    return _NOTATIONS[kind]


_NOTATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("string",),
    "number": ("double", "int"),
    "integer": ("int", "double"),
    "boolean": ("bool",),
    "json": ("dyn",),
    "map": ("map<string,dyn>",),
    "file": ("map<string,dyn>",),
    "time": ("string", "timestamp"),
    "A": ("~A",),
}


@cache
def _functions() -> Any:
    """Our functions as they run: whatever the arguments are, they arrive."""
    declared = [
        cel.FunctionDecl(
            each.name,
            [
                cel.Overload(
                    id=f"studio_{each.name}_{count}_{is_member}",
                    return_type=_T.DYN,
                    parameters=[_T.DYN] * count,
                    is_member=is_member,
                    impl=_called(each),
                )
                for count in _arities(each)
                for is_member in (False, True)
            ],
        )
        for each in library().values()
        if each.run is not None
    ]
    return cel.CelExtension("studio.functions", declared)


def _called(function: Function) -> Callable[..., Any]:
    """A function as the expression library calls it."""

    def call(*given: Any) -> Any:
        try:
            return function(*given)
        except Refused as refused:
            raise _refusal(refused.message) from None
        except Exception as exc:  # noqa: BLE001  its text may be freed before the library reads it
            raise _refusal(f"{function.name}() failed on these values ({type(exc).__name__}).") from None

    return call


def _refusal(message: str) -> ValueError:
    """What to raise so that `Compiled` finds the message again."""
    refusals = current().refusals
    refusals.append(message)
    return ValueError(f"{_MARK}{len(refusals) - 1}")  # str() gives out the very text that it holds


def _mixed(name: str, result: Any, impl: Callable[[Any, Any], Any] | None) -> Any:
    """One operator for a fraction with a whole number, both ways round."""
    pairs = ((_T.DOUBLE, _T.INT), (_T.INT, _T.DOUBLE))
    overloads = [
        cel.Overload(
            id=f"studio_{name.encode().hex()}_{index}",
            return_type=result,
            parameters=list(pair),
            is_member=False,
            **({} if impl is None else {"impl": impl}),
        )
        for index, pair in enumerate(pairs)
    ]
    return cel.FunctionDecl(name, overloads)


@cache
def _arithmetic() -> Any:
    """`inputs.width + 1`: CEL by itself refuses a fraction with a whole number."""
    signs = {"_+_": operator.add, "_-_": operator.sub, "_*_": operator.mul, "_/_": operator.truediv}
    return cel.CelExtension(
        "studio.arithmetic", [_mixed(name, _T.DOUBLE, impl) for name, impl in signs.items()]
    )


@cache
def _comparison() -> Any:
    """`inputs.width > 1`, `inputs.n in [1, 2]`, `list[inputs.n]`: only the checker would refuse them."""
    signs = ("_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_")
    extras = {"@in": (_T.BOOL, [_T.DOUBLE, _T.List(_T.INT)]), "_[_]": (_T.DYN, [_T.List(_T.DYN), _T.DOUBLE])}
    overloads = [
        cel.FunctionDecl(
            name,
            [cel.Overload(id=f"studio_{name.encode().hex()}", return_type=r, parameters=p, is_member=False)],
        )
        for name, (r, p) in extras.items()
    ]
    return cel.CelExtension("studio.comparison", [_mixed(name, _T.BOOL, None) for name in signs] + overloads)
