"""Reading one object of a document field by field, gathering complaints instead of stopping at the first."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from app.flow.complaints import Complaints
from app.flow.sizes import is_number
from app.flow.wording import listing, number, say_value, suggestion

E = TypeVar("E", bound=StrEnum)
D = TypeVar("D")

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z")
NODE_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
# Words the expression grammar keeps for itself; a step or an input of that name could not be written.
# fmt: off
RESERVED: Final = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
    "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
})
# fmt: on


class Fields:
    """One JSON object under reading. Each method takes a field out, or complains and gives a default."""

    def __init__(
        self, raw: Mapping[str, Any], complaints: Complaints, *, node: str | None, prefix: str = ""
    ) -> None:
        self._left = dict(raw)
        self._known: list[str] = []
        self._complaints = complaints
        self._start = len(complaints)
        self._node = node
        self.prefix = prefix

    @property
    def is_clean(self) -> bool:
        """Whether nothing was complained about since this object was begun."""
        return len(self._complaints) == self._start

    def complain(self, field: str, message: str) -> None:
        """Note what is wrong with one field."""
        self._complaints.add(message, node=self._node, field=f"{self.prefix}{field}")

    def take(self, field: str, default: Any = None) -> Any:
        """The raw value, as it came."""
        self._known.append(field)
        return self._left.pop(field, default)

    def peek(self, field: str) -> Any:
        """The raw value, left for whoever takes it; None when there is none."""
        return self._left.get(field)

    def text(self, field: str, default: str = "", *, limit: int = 2_000) -> str:
        """Text up to `limit` characters."""
        value = self.take(field, default)
        if not isinstance(value, str):
            self.complain(field, f"“{field}” must be text, not {say_value(value)}.")
            return default
        if len(value) > limit:
            self.complain(field, f"“{field}” is {len(value):,} characters long; at most {limit:,} fit.")
            return default
        return value

    def flag(self, field: str, default: bool = False) -> bool:
        """true or false."""
        value = self.take(field, default)
        if isinstance(value, bool):
            return value
        self.complain(field, f"“{field}” must be true or false, not {say_value(value)}.")
        return default

    def number(self, field: str, default: float | None = None) -> float | None:
        """A finite number, or the default when the field is absent or null."""
        value = self.take(field)
        if value is None:
            return default
        if not is_number(value):
            self.complain(field, f"“{field}” must be a number, not {say_value(value)}.")
            return default
        return value

    def bounded(
        self, field: str, default: float | None, low: float, high: float, unit: str = ""
    ) -> float | None:
        """A number from `low` to `high`, both included."""
        value = self.number(field, default)
        if value is None or low <= value <= high:
            return value
        self.complain(
            field, f"“{field}” must be from {number(low)} to {number(high)}{unit}, not {say_value(value)}."
        )
        return default

    def whole(self, field: str, default: int | None, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, both included."""
        value = self.bounded(field, default, low, high)
        if value is None or float(value).is_integer():
            return None if value is None else int(value)
        self.complain(field, f"“{field}” must be a whole number, not {number(value)}.")
        return default

    def one_of(self, field: str, choices: type[E], default: D) -> E | D:
        """One word of an enumeration."""
        value = self.take(field)
        if value is None:
            return default
        if isinstance(value, str) and value in tuple(choices):  # 3.11 takes only members on the left
            return choices(value)
        words = listing(choice.value for choice in choices)
        self.complain(field, f"“{field}” must be one of {words}, not {say_value(value)}.")
        return default

    def record(self, field: str) -> dict[str, Any]:
        """An object."""
        value = self.take(field)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.complain(field, f"“{field}” must be an object {{…}}, not {say_value(value)}.")
        return {}

    def rows(self, field: str, what: str) -> list[Any]:
        """A list."""
        value = self.take(field)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.complain(field, f"“{field}” must be a list of {what}, not {say_value(value)}.")
        return []

    def refuse_unknown(self, hints: Mapping[str, str] | None = None) -> None:
        """Complain about every field nobody took; call this last."""
        for field in self._left:
            hint = (hints or {}).get(field) or suggestion(field, self._known, limit=0)
            self.complain(field, f"There is no field “{field}” here.{hint}")


def name_fault(name: Any, what: str, pattern: re.Pattern[str]) -> str | None:
    """What is wrong with an id or a name that expressions have to spell, or nothing."""
    if not isinstance(name, str) or not name:
        return f"{what} must be text, not {say_value(name)}."
    if name in RESERVED:
        return f"“{name}” is a word of the expression language; choose another name, such as “{name}_1”."
    if pattern.match(name):
        return None
    letters = "lower-case letters" if pattern is NODE_ID else "letters"
    rule = f"{what} starts with a letter and holds only {letters}, digits and _ (at most 63)"
    better = _slug(name, lower=pattern is NODE_ID)
    return f"{rule}; “{better}” would do." if better else f"{rule}."


def _slug(name: str, *, lower: bool) -> str:
    """A name that follows the rule and looks like the wanted one, if there is one."""
    folded = re.sub(r"[^A-Za-z0-9]+", "_", name.lower() if lower else name).strip("_0123456789")[:63]
    return folded if folded and folded not in RESERVED else ""
