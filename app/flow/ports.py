"""Port types: what may travel between steps, as typed values.

text, number, boolean, json, image, video, audio, file, vector, and lists of each (`image[]`). A file that
travels is an `Asset`: its facts, never its bytes.
"""

from typing import Final

import msgspec

FILE_PORTS: Final = ("image", "video", "audio", "file")
SCALAR_PORTS: Final = ("text", "number", "boolean", "json", *FILE_PORTS, "vector")
PORT_TYPES: Final = (*SCALAR_PORTS, *(f"{name}[]" for name in SCALAR_PORTS))


# Called images, but they hold instructions instead of pixels: no picture step can open them.
DRAWN: Final = frozenset({"image/svg+xml"})


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file a person sees, as it travels in inputs and outputs. `asset` is its id."""

    asset: str
    name: str
    mime: str
    size_bytes: int
    sha256: str


class Image(Asset, frozen=True, kw_only=True):
    """An asset whose bytes are a picture."""


class Video(Asset, frozen=True, kw_only=True):
    """An asset whose bytes are a film."""


class Audio(Asset, frozen=True, kw_only=True):
    """An asset whose bytes are sound."""


class File(Asset, frozen=True, kw_only=True):
    """An asset of any kind."""


def port_of_mime(mime: str) -> str:
    """The narrowest file port that takes this media type: `image/png` → `image`, else `file`."""
    family = mime.split("/", 1)[0]
    return family if family in ("image", "video", "audio") and mime not in DRAWN else "file"


def accepts(port: str, mime: str) -> bool:
    """Whether a file of this media type may enter this port; `file` takes anything."""
    return port == "file" or port_of_mime(mime) == port
