"""Reading environment variables one by one while collecting every fault instead of stopping at the first."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

T = TypeVar("T", bound=str)

# As people write sizes: GB and GiB differ by 7 %, and both are meant as they are written.
UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for ending, base in (("b", 1000), ("ib", 1024))
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")

# Of an address; its text may hold a password, so it is not said.
NOT_READABLE = "cannot be read as an address: host and port do not come out of it"
ESCAPES = (
    "Write the port as a number, and what of user and password is no letter or digit as % and its code "
    "(@ as %40, / as %2F, # as %23, % as %25)."
)
_NO_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one setting, in words, and what to do about it."""

    name: str
    problem: str
    remedy: str

    def sentence(self) -> str:
        """`PORT “80a” is no whole number. Write …`"""
        return f"{self.name} {self.problem}. {self.remedy}"


class Reader:
    """Typed access to one environment.

    `faults` grows with what is wrong, `remarks` with what works but should be known, `asked` with each name.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.faults: list[Fault] = []
        self.remarks: list[Fault] = []
        self.asked: set[str] = set()

    def fault(self, name: str, problem: str, remedy: str) -> None:
        """Remember one more fault."""
        self.faults.append(Fault(name, problem, remedy))

    def remark(self, name: str, problem: str, remedy: str) -> None:
        """Remember something that stops nobody."""
        self.remarks.append(Fault(name, problem, remedy))

    def text(self, name: str) -> str | None:
        """The value without surrounding blanks and quotes, None when unset or empty.

        Compose files and .env readers often pass quotes on literally: `PORT="8000"`.
        """
        self.asked.add(name)
        value = self.env.get(name, "").strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1].strip()
        return value or None

    def secret(self, name: str) -> str | None:
        """The value of NAME, or the content of the file that NAME_FILE points to."""
        value, file = self.text(name), self.text(f"{name}_FILE")
        if value and file:
            self.fault(name, f"and {name}_FILE are both set", "Keep one of the two.")
        if value is None and self.env.get(name, "").strip():
            self.remark(
                name, "holds nothing but quotes and counts as unset", "Give it a value, or remove it."
            )
        if value or not file:
            return value
        try:
            content = Path(file).read_text(encoding="utf-8").strip()
        except OSError as exc:
            reason = exc.strerror or "unknown reason"
            self.fault(
                f"{name}_FILE", f"cannot be read ({reason})", "Check that the file is mounted and readable."
            )
            return None
        if not content:
            # Going on without it would make another secret than the one that was meant.
            self.fault(f"{name}_FILE", "names an empty file", "Fill the secret, or remove the setting.")
        return content or None

    def choice(self, name: str, allowed: Sequence[T], default: T, upper: bool = False) -> T:
        """One of a few words, in any case."""
        value = self.text(name)
        if value is None:
            return default
        wanted = value.upper() if upper else value.lower()
        for word in allowed:
            if word == wanted:
                return word
        self.fault(name, f"“{value}” is not one of its values", f"Use one of {', '.join(allowed)}.")
        return default

    def boolean(self, name: str, default: bool) -> bool:
        """true/false in the usual spellings."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in TRUE:
            return True
        if value.lower() not in FALSE:
            self.fault(name, f"“{value}” is neither true nor false", "Use true or false.")
        return False

    def integer(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """A whole number within bounds."""
        value = self.optional_integer(name, low, high)
        return default if value is None else value

    def optional_integer(self, name: str, low: int, high: int | None = None) -> int | None:
        """A whole number within bounds, or None when unset."""
        value = self.text(name)
        if value is None:
            return None
        bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
        try:
            number = int(value)
        except ValueError:
            self.fault(name, f"“{value}” is no whole number", f"Use a number {bounds}.")
            return None
        if number < low or (high is not None and number > high):
            self.fault(name, f"“{value}” is out of bounds", f"Use a number {bounds}.")
            return None
        return number

    def size(self, name: str, low: int) -> int | None:
        """A number of bytes, `500 GiB`, `1.5tb` or plain; None when unset."""
        value = self.text(name)
        if value is None:
            return None
        found = _SIZE.fullmatch(value.lower())
        if found is None or found[2] not in UNITS:
            self.fault(name, f"“{value}” is no size", "Write it as 500 GB, 1.5 TiB or a number of bytes.")
            return None
        size = int(float(found[1]) * UNITS[found[2]])
        if size < low:
            self.fault(name, f"“{value}” is too small", f"Use at least {low} bytes.")
            return None
        return size

    def url(self, name: str, schemes: Sequence[str]) -> str | None:
        """An address with one of the schemes."""
        value = self.secret(name)
        if value is None:
            return None
        parts = parts_of(value)
        if parts is None:
            self.fault(name, NOT_READABLE, ESCAPES)
        elif parts.scheme not in schemes or not (parts.netloc or (parts.scheme == "unix" and parts.path)):
            self.fault(
                name,
                "is no address Studio can use",
                f"Start it with {' or '.join(s + '://' for s in schemes)}.",
            )
        return value

    def comma_list(self, name: str) -> tuple[str, ...]:
        """`a, b,c` as a tuple; blanks and empty parts dropped."""
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())


def parts_of(address: str) -> SplitResult | None:
    """The parts of an address, or None where its host and port cannot be told."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  asking is what tells
    except ValueError:
        return None
    return None if _NO_CODE.search(parts.netloc) else parts
