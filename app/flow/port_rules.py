"""Which values may enter which port, by the names of their types: `image` fits `file`, `text` does not.

Beside the port types of `ports.py` expressions know three more: `integer` (a count), `map` (an object made
in an expression) and `null`.
"""

from typing import Final

from app.flow.ports import FILE_PORTS

# What an expression may read of a file: `inputs.photo.name`.
FILE_FIELDS: Final = {
    "asset": "text",
    "name": "text",
    "mime": "text",
    "size_bytes": "number",
    "sha256": "text",
}


def list_of(kind: str) -> str:
    """The type of a list of these."""
    return f"{kind}[]"


def item_of(kind: str) -> str | None:
    """The type of one item, or None for what is no list."""
    if kind == "vector":
        return "number"
    if kind == "json":
        return "json"
    return kind.removesuffix("[]") if kind.endswith("[]") else None


def is_file(kind: str) -> bool:
    """Whether this is one file of any kind."""
    return kind in FILE_PORTS


def fits(given: str, wanted: str) -> bool:
    """Whether a value of type `given` may enter a port of type `wanted`.

    `json` fits everywhere: what it holds is known only at run time, and checked then. So does `file` where
    a narrower kind is wanted.
    """
    if "json" in {given, wanted}:
        return True
    if wanted == "vector" or wanted.endswith("[]"):
        inner, wanted_inner = item_of(given), item_of(wanted)
        return inner is not None and wanted_inner is not None and fits(inner, wanted_inner)
    if wanted in FILE_PORTS:
        return given in {wanted, "map", "file"} or (wanted == "file" and given in FILE_PORTS)
    return given == wanted or (given == "integer" and wanted == "number")
