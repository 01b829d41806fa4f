"""What may be written at a place of a document: the names there are, with types, and the functions.

For the editor, while somebody writes: so it works on documents with mistakes, in texts whose braces are not
closed yet, and in the middle of a name. What it offers is what the checker would take there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from app.flow.analysis import Analysis
from app.flow.catalog import StepSpec
from app.flow.complaints import Complaints, Enough
from app.flow.document import read
from app.flow.fault import Fault
from app.flow.library import Function, library
from app.flow.names import Names, Variable, walk
from app.flow.parts import NodeParts
from app.flow.port_rules import FILE_FIELDS, fits, is_file, item_of
from app.flow.scanner import Piece, Token, Unclosed, chain_at, loops_of, split, tokens_of
from app.flow.signatures import INPUTS, Signatures

MAX_NAMES: Final = 2_000  # in one answer; what a person types narrows them down
_LIST: Final = "json[]"


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a document, named as complaints name it.

    `column` counts characters of the field's text from 1: the cursor stands in front of that character.
    Without it the question is what may stand in the field at all.
    """

    node: Annotated[str, Meta(max_length=400)] | None = None
    field: Annotated[str, Meta(max_length=1_000)]
    column: int | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a field takes."""

    type: str
    title: str = ""
    description: str = ""
    required: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A name that may be written."""

    name: str
    type: str
    title: str = ""
    may_be_null: bool = False  # an input that may be left out


class KnownFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function that may be written; the catalogue tells more of it."""

    name: str
    signature: str
    title: str


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What may be written at a position.

    `start` and `end` are the columns of what a choice replaces, a whole chain such as `inputs.ph`; names are
    whole chains too, and a function replaces its own name alone, from `function_start`.
    """

    wants: Wanted | None = None
    in_expression: bool = False
    start: int | None = None
    end: int | None = None
    function_start: int | None = None
    names: list[Known] = []
    functions: list[KnownFunction] = []


def complete(
    raw: Any,
    catalog: Mapping[str, StepSpec],
    position: Position,
    signatures: Signatures | None = None,
) -> Completion:
    """What may be written there. Empty where no expression may stand, or too much is wrong to tell."""
    with suppress(Enough):
        complaints = Complaints()
        analysis = Analysis(read(raw, complaints), catalog, complaints, signatures=signatures)
        return _Place(raw, analysis, position).complete()
    return Completion()


class _Place:
    """One position: the analysis, the node and the field it lies in."""

    def __init__(self, raw: Any, analysis: Analysis, position: Position) -> None:
        self._position = position
        self._raw, self._analysis, self._field = raw, analysis, position.field
        self._parts: NodeParts | None = None
        self._node: str | None = None
        for step in (position.node or "").split(".") if position.node else ():
            self._enter(step)
        self._leave_for_body()

    def complete(self) -> Completion:
        """What may be written here."""
        wants = self._wanted()
        if wants is None:
            return Completion()
        names = self._analysis.names_at(self._node, self._field)
        known = [_titled(each, self._analysis, names) for each in islice(names.known(), MAX_NAMES)]
        text = _value_at(self._fields(), self._field)
        if self._position.column is None or not isinstance(text, str):
            return Completion(wants=wants, names=known, functions=_told(library().values()))
        return _Cursor(text, self._position.column - 1, names, known).complete(wants)

    def _enter(self, step: str) -> None:
        """Go to a node, out of the body of the one before."""
        if self._parts is not None and self._parts.body is not None:
            self._raw = _body_of(self._fields(), self._parts)
            self._analysis = self._parts.body
        self._node = step
        self._parts = self._analysis.nodes.get(step)

    def _leave_for_body(self) -> None:
        """A field such as `with.body.outputs.x` lies in the document that is written into the node."""
        parts = self._parts
        if parts is None or parts.body is None or parts.spec is None:
            return
        for port in parts.spec.inputs:
            before = f"with.{port.name}."
            if port.is_body and self._field.startswith(before):
                self._raw, self._analysis = _body_of(self._fields(), parts), parts.body
                self._parts, self._node = None, None
                self._field = self._field.removeprefix(before)

    def _fields(self) -> Any:
        """The object whose field is meant: a node, or the document."""
        if self._node is None:
            return self._raw
        nodes = self._raw.get("nodes") if isinstance(self._raw, dict) else None
        rows = nodes if isinstance(nodes, list) else []
        return next((row for row in rows if isinstance(row, dict) and row.get("id") == self._node), {})

    def _wanted(self) -> Wanted | None:
        """What the field takes; None where no expression may stand."""
        field = self._field
        if self._node is None:
            return Wanted(type="json") if field.startswith("outputs.") else None
        if field == "when":
            return Wanted(type="boolean", title="Condition")
        if field == "each" or re.fullmatch(r"each(\.nested\[\d+\])?(\.zip\.\w+)?", field):
            return Wanted(type=_LIST, title="List")
        if re.fullmatch(r"each(\.nested\[\d+\])?\.range\.(from|to|step)", field):
            return Wanted(type="number", title="Number")
        return self._wanted_by_port() if field.startswith("with.") else None

    def _wanted_by_port(self) -> Wanted | None:
        steps = _steps_of(self._field)[1:]
        spec = None if self._parts is None else self._parts.spec
        if spec is None or not steps:
            return Wanted(type="json")
        port = spec.input(str(steps[0]))
        called = None if self._parts is None else self._parts.called
        if steps[0] == INPUTS and len(steps) > 1 and called is not None:
            asked = called.inputs.get(str(steps[1]))
            if asked is None:
                return Wanted(type="json")
            wanted = Wanted(
                type=asked.type,
                title=asked.label,
                description=asked.description,
                required=asked.is_required,
            )
            return _inner(wanted, steps[2:])
        if port is None:
            return Wanted(type="json")
        if port.secret or port.is_body:
            return None
        wanted = Wanted(
            type=port.type, title=port.title, description=port.description, required=port.required
        )
        return _inner(wanted, steps[1:])


class _Cursor:
    """A place in a text: what stands before it decides what may follow."""

    def __init__(self, text: str, cursor: int, names: Names, known: list[Known]) -> None:
        self._text = text
        self._cursor = max(0, min(cursor, len(text)))
        self._names = names
        self._known = known
        piece = _piece_at(text, self._cursor)
        self._is_inside = piece is not None
        self._offset = 0 if piece is None else piece.start
        self._loops: dict[str, str] = {}  # the variables of the loops around the cursor, with their types
        if piece is not None:
            self._find_loops(tokens_of(piece.text))
        self._tokens = tokens_of("" if piece is None else piece.text[: self._cursor - self._offset])

    def complete(self, wants: Wanted) -> Completion:
        """What may be written at the cursor."""
        if not self._is_inside or any(token.text in {"'", '"'} for token in self._tokens):
            return Completion(wants=wants)  # outside of braces, or in a text that is not closed yet
        tokens, word_start = list(self._tokens), self._cursor
        if tokens and tokens[-1].kind == "name" and self._end_of(tokens[-1]) == self._cursor:
            word_start = self._offset + tokens.pop().start
        if not tokens or tokens[-1].text != ".":
            loops = [Known(name=name, type=kind) for name, kind in self._loops.items()]
            return self._answer(wants, word_start, word_start, [*loops, *self._known], library().values())
        tokens.pop()
        head = _head_of(tokens)
        if head is None:  # behind a call or a bracket, whose type is not looked for
            return self._answer(wants, word_start, word_start, [], _methods("json"))
        chain = "".join(token.text for token in tokens[head:])
        names = [each for each in self._known if each.name.startswith(f"{chain}.")]
        kind = self._type_of(tokens, head)
        if kind is not None and is_file(kind):
            names += [Known(name=f"{chain}.{name}", type=inner) for name, inner in FILE_FIELDS.items()]
        start = self._offset + tokens[head].start
        return self._answer(wants, start, word_start, names, [] if kind is None else _methods(kind))

    def _answer(
        self,
        wants: Wanted,
        start: int,
        function_start: int,
        names: list[Known],
        functions: Iterable[Function],
    ) -> Completion:
        rest = re.match(r"\w*", self._text[self._cursor :])
        return Completion(
            wants=wants,
            in_expression=True,
            start=start + 1,
            end=self._cursor + (len(rest[0]) if rest else 0) + 1,
            function_start=function_start + 1,
            names=names,
            functions=_told(functions),
        )

    def _end_of(self, token: Token) -> int:
        return self._offset + token.start + len(token.text)

    def _type_of(self, tokens: list[Token], head: int) -> str | None:
        """The type of the chain that ends these tokens, or None where it is none yet."""
        path = chain_at(tokens, head)
        if path.last + 1 != len(tokens):
            return None
        try:
            if path.root in self._loops:
                return walk(self._loops[path.root], path, path.parts[1:])
            variable, tail = self._names.resolve(path)
            return walk(variable.type, path, tail)
        except (Fault, KeyError):  # KeyError: the root is no name of ours
            return None

    def _find_loops(self, tokens: list[Token]) -> None:
        """The variables of the loops around the cursor, outer ones first: inner ones may use them."""
        for loop in loops_of(tokens):
            opens = self._end_of(tokens[loop.body.start - 1])
            is_closed = loop.body.stop < len(tokens)
            closes = self._offset + tokens[loop.body.stop].start if is_closed else self._cursor
            if opens < self._cursor <= closes:
                before = tokens[: loop.body.start - 4]  # a dot, the macro, a bracket and the variable follow
                head = _head_of(before)
                kind = None if head is None else self._type_of(before, head)
                self._loops[loop.variable] = "json" if kind is None else item_of(kind) or "json"


def _piece_at(text: str, cursor: int) -> Piece | None:
    """The expression that the cursor stands in; one that is not closed yet reaches to the end."""
    try:
        pieces = split(text)
    except Unclosed as unclosed:
        start = unclosed.start + 2
        pieces = [*split(text[: unclosed.start]), Piece(text[start:], start, True)]
    for piece in pieces:
        if piece.is_expression and piece.start <= cursor <= piece.start + len(piece.text):
            return piece
    return None


def _head_of(tokens: list[Token]) -> int | None:
    """Where the chain of names and positions begins that ends these tokens; None where none does."""
    place = len(tokens) - 1
    while place >= 0:
        if tokens[place].text == "]" and place > 2 and tokens[place - 1].text.isdecimal():
            place -= 3
        elif tokens[place].kind != "name":
            return None
        elif place > 1 and tokens[place - 1].text == ".":
            place -= 2
        else:
            return place
    return None


def _methods(kind: str) -> Iterator[Function]:
    """The functions that may be called on a value of this type."""
    for each in library().values():
        if any(_takes(wanted, kind) for wanted in each.receives):
            yield each


def _takes(wanted: str, kind: str) -> bool:
    """Whether a parameter of this type takes a value of that one; `A` stands for any type."""
    if wanted.endswith("[]"):
        inner = item_of(kind)
        return inner is not None and _takes(wanted.removesuffix("[]"), inner)
    if wanted in {"A", "json"} or kind == "json":
        return True
    if wanted == "map":
        return kind == "map" or is_file(kind)
    return fits(kind, {"time": "text", "integer": "number"}.get(wanted, wanted))


def _told(functions: Iterable[Function]) -> list[KnownFunction]:
    return [KnownFunction(name=each.name, signature=each.signature, title=each.title) for each in functions]


def _titled(variable: Variable, analysis: Analysis, names: Names) -> Known:
    """A name with what people call it."""
    title = ""
    match variable.keys:
        case ("inputs", name) if name in analysis.definition.inputs:
            title = analysis.definition.inputs[name].label
        case ("steps", node, "outputs", name) if node in analysis.nodes:
            spec = analysis.nodes[node].spec
            port = None if spec is None else spec.output(name)
            title = "" if port is None else port.title
    return Known(
        name=variable.name,
        type=variable.type,
        title=title,
        may_be_null=variable.keys[0] == "inputs" and names.may_be_null(variable),
    )


def _inner(wanted: Wanted, steps: tuple[str | int, ...]) -> Wanted:
    """What is wanted deeper inside a value."""
    kind = wanted.type
    for step in steps:
        kind = (item_of(kind) if isinstance(step, int) else None) or "json"
    return msgspec.structs.replace(wanted, type=kind) if steps else wanted


def _steps_of(field: str) -> tuple[str | int, ...]:
    """`with.images[2].name` → with, images, 2, name."""
    return tuple(
        int(place) if place else name for place, name in re.findall(r"\[(\d{1,9})\]|([^.\[\]]+)", field)
    )


def _value_at(value: Any, field: str) -> Any:
    """What stands in a field, or None."""
    for step in _steps_of(field):
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


def _body_of(node: Any, parts: NodeParts) -> Any:
    """The document that is written into a node, as it came."""
    for port in () if parts.spec is None else parts.spec.inputs:
        if port.is_body:
            return _value_at(node, f"with.{port.name}")
    return None
