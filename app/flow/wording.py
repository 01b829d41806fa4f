"""Words for complaints: suggestions for a mistyped name, values and types as people say them."""

import difflib
from collections.abc import Iterable
from typing import Any, Final

_TYPES: Final = {
    "text": "text",
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "json": "any value",
    "map": "an object",
    "null": "nothing (null)",
    "image": "an image",
    "video": "a video",
    "audio": "a sound file",
    "file": "a file",
    "vector": "a list of numbers",
    "bytes": "raw bytes",
    "time": "a time",
    "time_span": "a time span",
}
_LISTS: Final = {
    "text": "texts",
    "number": "numbers",
    "integer": "numbers",
    "boolean": "true/false values",
    "json": "values",
    "map": "objects",
    "null": "nulls",
    "image": "images",
    "video": "videos",
    "audio": "sound files",
    "file": "files",
    "vector": "vectors",
}

_FAR: Final = 4  # a name that differs more in length was not meant
_MANY: Final = 500  # names compared; a comparison takes some 10 µs


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name a person most likely meant, if one is near."""
    candidates = [each for each in known if abs(len(each) - len(name)) <= _FAR][:_MANY]
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    plain = name.lower().replace("-", "_")
    if plain in folded:
        return folded[plain]
    near = difflib.get_close_matches(plain, folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def suggestion(name: str, known: Iterable[str], *, limit: int = 8) -> str:
    """A clause to append: ` Did you mean “title”?`, or the few names there are, or nothing."""
    names = sorted(known)
    near = closest(name, names)
    if near is not None:
        return f" Did you mean “{near}”?"
    if 0 < len(names) <= limit:
        return f" There is {listing(names)}."
    return ""


def listing(names: Iterable[str], last: str = "and") -> str:
    """`“a”, “b” and “c”`."""
    quoted = [f"“{name}”" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def say_type(name: str) -> str:
    """A type as a noun with its article: `image[]` → `a list of images`."""
    depth = 0
    while name.endswith("[]"):
        name, depth = name[:-2], depth + 1
    if depth == 0:
        return _TYPES.get(name, name)
    return f"a list of {'lists of ' * (depth - 1)}{_LISTS.get(name, name)}"


def say_value(value: Any) -> str:
    """What somebody gave, short enough for a sentence: `“blue”`, `3`, `a list of 4`."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return "true" if value else "false"
        case str():
            return f"“{shorten(value)}”"
        case int() | float():
            return shorten(number(value))
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def number(value: float) -> str:
    """A number without needless digits: 3.0 → `3`."""
    return str(int(value)) if value % 1 == 0 and abs(value) < 1e15 else str(value)


def shorten(text: str, limit: int = 60) -> str:
    """Long text cut for a sentence."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def size(size_bytes: int) -> str:
    """`1536` → `1.5 KB`; a unit is 1000 of the one before, as on disks. The UI says the same."""
    value, unit = float(size_bytes), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 10 else f"{value:.0f} {unit}"


def count(amount: int, noun: str) -> str:
    """`1 item`, `3 items`."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"
