"""The one place that knows the expression library (CEL, cel-expr-python 0.1.3).

Three facts about the library shape this file, each measured on 0.1.3:

- A name with dots may be declared as one variable (`steps.frames.outputs.image`), so an unknown name and a
  wrong type are found when the document is saved, with a position. Environments that check are thrown away;
  what they compiled runs in one environment per process (a program costs 2.4 kB there, an environment 144).
- On Python 3.11 every null that leaves the library takes a reference of None with it; some thousand of them
  end the process (“deallocating None”). `_repair_none` gives them back.
- `map` and `filter` copy their result with every item: 9,000 items take 3.8 s and 1.3 GB. So the lists an
  expression may build from are bounded before it runs (`MAX_LOOP_ITEMS`), beside the library's own budget of
  10,000 rounds and 32 levels.
"""

import ctypes
import math
import operator
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from cel_expr_python import cel

from app.flow.port_rules import item_of
from app.flow.scanner import GROWING, Token, loops_of, tokens_of
from app.flow.sizes import depth_of, items_in, largest_in
from app.flow.translate import locate, say_compile_error, say_run_error
from app.flow.wording import say_type

MAX_EXPRESSION: Final = 4_000  # characters
MAX_LOOP_ITEMS: Final = 2_000  # 64 MB and 0.1 s at worst; a fan-out (“each”) takes 10,000
MAX_GROWTH: Final = 64  # how often nested loops may repeat one value: [x].map(a, a+a) doubles
MAX_DEPTH: Final = 64  # the library walks values by recursion, and 20,000 levels end the process
MAX_RESULT_ITEMS: Final = 200_000
MAX_RESULT_CHARACTERS: Final = 5_000_000
MAX_WORK: Final = 100_000_000  # characters (or items) that _COSTLY may go through in all rounds: 0.5 s

_T: Final = cel.Type
_TYPES: Final = {
    "text": _T.STRING,
    "number": _T.DOUBLE,
    "integer": _T.INT,
    "boolean": _T.BOOL,
    "json": _T.DYN,
    **dict.fromkeys(("image", "video", "audio", "file", "map"), _T.Map(_T.STRING, _T.DYN)),
}

TOO_LARGE: Final = "The result is too large for an expression; let a step make it."


class Fault(Exception):
    """Something wrong with an expression: where in it (from 0), and a sentence."""

    def __init__(self, start: int, message: str) -> None:
        self.start = start
        self.message = message
        super().__init__(message)


class Environment:
    """Names with their types, for compiling any number of expressions against them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        declared = {name: _cel_type(kind) for name, kind in variables.items()}
        self._env = cel.NewEnv(variables=declared, extensions=[_arithmetic(), _comparison()])

    def compile(self, text: str) -> tuple["Compiled", str]:
        """The program and the type of its result. Raises Fault."""
        if len(text) > MAX_EXPRESSION:
            raise Fault(
                0, f"The expression is {len(text):,} characters long; at most {MAX_EXPRESSION:,} fit."
            )
        tokens = tokens_of(text)
        growth = _growth_of(tokens)
        if growth > MAX_GROWTH:
            raise Fault(0, "The loops of this expression multiply their values too often; split it up.")
        try:
            checked = self._env.compile(text)
            program = _runtime().deserialize(checked.serialize())
        except RuntimeError as exc:
            start, message = locate(text, str(exc))
            raise Fault(start, say_compile_error(message, text)) from None
        has_loops = any(True for _ in loops_of(tokens))
        passes = sum(token.text in _COSTLY for token in tokens)
        if has_loops:  # perhaps over a list that the expression itself spells out
            passes *= 1 + sum(token.text == "," for token in tokens)
        return Compiled(program, text, growth, has_loops, passes), _type_of(checked, text)


class Compiled:
    """An expression ready to run, any number of times, from any thread."""

    def __init__(self, program: Any, text: str, growth: int, has_loops: bool, passes: int) -> None:
        self._program = program
        self._text = text
        self._growth = growth
        self._has_loops = has_loops
        self._passes = passes

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The result as plain JSON values. `values`: one for each dotted name. Raises Fault."""
        items = items_in(values.values(), MAX_LOOP_ITEMS) if self._has_loops else 0
        if items * self._growth > MAX_LOOP_ITEMS:
            raise Fault(
                0,
                f"map and filter handle at most {MAX_LOOP_ITEMS:,} items in one expression; "
                "fan the list out with “each” instead.",
            )
        if self._passes and largest_in(values.values()) * self._passes * max(items, 1) > MAX_WORK:
            raise Fault(0, "The values are too large for this expression; let a step work on them.")
        try:
            result = self._program.eval(data=values)
            kind = result.type()
            if kind == _T.ERROR:
                raise Fault(0, say_run_error(result.plain_value(), self._text))
            if kind in _SCALARS:
                return _Unpacking().scalar(result.plain_value())
            return _Unpacking().lazily(result) if self._has_loops else _Unpacking().eagerly(result)
        except RuntimeError as exc:
            raise Fault(0, say_run_error(str(exc), self._text)) from None


def to_cel(value: Any, kind: str) -> Any:
    """A value as its declared type wants it: numbers are doubles, so that 5 / 2 is 2.5. Raises Fault."""
    if kind.startswith("json") and depth_of(value, MAX_DEPTH) > MAX_DEPTH:
        raise Fault(0, f"A value is nested more than {MAX_DEPTH} levels deep; no expression can take it.")
    if not kind.startswith(("number", "vector")):
        return value
    if isinstance(value, list):
        inner = item_of(kind) or "json"
        return [to_cel(item, inner) for item in value]
    return float(value) if type(value) is int else value


_COSTLY: Final = frozenset({"+", "matches", "contains"})  # each goes through its whole value
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


def _growth_of(tokens: list[Token]) -> int:
    """How often the loops of an expression may repeat one value inside another."""
    growth = 1
    for loop in loops_of(tokens):
        if loop.macro in GROWING:
            growth *= max(1, loop.uses) if loop.macro == "map" else 1
    return growth


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
    return cel.NewEnv(extensions=[_arithmetic()])


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
