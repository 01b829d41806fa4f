"""What a file is, by its content: the name only settles what the content leaves open.

Used where files come in: by the room of assets for uploads, by workers for what steps make.

Blocking; called in a thread. Nothing is decoded here: a picture's declared size is refused from its header,
before a decompression bomb could go off in a later step.
"""

import json
import os
import subprocess
import warnings
from pathlib import Path, PurePath
from typing import Any, Final

import msgspec
import puremagic

from app.flow.ports import port_of_mime
from app.kit.errors import Invalid
from app.steps.tools.ffmpeg import SAFE_INPUT
from app.steps.tools.pictures import MAX_PIXELS, READABLE

HEAD_BYTES: Final = 64 * 1024
PROBE_TIMEOUT_S: Final = 15.0
UNKNOWN: Final = "application/octet-stream"

# Text has no signature; among texts the name decides, with what a browser could run named as such.
TEXT_BY_ENDING: Final = {
    ".csv": "text/csv",
    ".css": "text/css",
    ".htm": "text/html",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".srt": "application/x-subrip",
    ".svg": "image/svg+xml",
    ".vtt": "text/vtt",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
# One name for what puremagic calls by several.
USUAL_NAMES: Final = {
    "audio/aacp": "audio/aac",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-opus+ogg": "audio/ogg",
    "audio/x-wav": "audio/wav",
    "application/ogg": "audio/ogg",
    "application/x-matroska": "video/x-matroska",
    "image/x-ms-bmp": "image/bmp",
    "video/avi": "video/x-msvideo",
}
# Signatures that puremagic knows by ending only.
BY_ENDING: Final = {".m4a": "audio/mp4", ".m4v": "video/mp4", ".3gp": "video/3gpp", ".oga": "audio/ogg"}
MARKUP: Final = (b"<!doctype", b"<html", b"<svg", b"<?xml", b"<script", b"<body", b"<head")


_SAVE_AGAIN: Final = "Open it in an image program, save it again and upload that copy."


class PictureDamaged(Invalid):
    """This file begins like a picture but cannot be read as one; it may be damaged."""


class PictureTooLarge(Invalid):
    """This picture has more pixels than this box decodes."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file turned out to be. Sizes in pixels as a person sees them (after EXIF), best effort."""

    mime: str
    kind: str  # image, video, audio or file
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


def look(path: Path, name: str) -> Facts:
    """Sniff one stored file. Raises PictureDamaged, PictureTooLarge."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    mime = _mime_of(head, name)
    match port_of_mime(mime):
        case "image":
            return _picture(path, mime, name)
        case "video" | "audio":
            return _media(path, mime)
        case _:
            return Facts(mime=mime, kind="file")


def _mime_of(head: bytes, name: str) -> str:
    text = _as_text(head)
    if text is not None:
        return _text_mime(head, name)
    try:
        matches = puremagic.magic_string(head, filename=PurePath(name).name)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    for match in matches:
        # At 0.1 puremagic has only the name to go by, and a name proves nothing.
        if match.confidence > 0.1:
            mime = match.mime_type or BY_ENDING.get(match.extension, "")
            if mime:
                return USUAL_NAMES.get(mime, mime)
    return UNKNOWN


def _as_text(head: bytes) -> str | None:
    """The beginning of a file as text, None when it is something else."""
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as exc:
        # A letter cut in half at the end of what was read is no reason to call it binary.
        return head[: exc.start].decode("utf-8") if exc.start >= len(head) - 3 and exc.start > 0 else None


def _text_mime(head: bytes, name: str) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    ending = PurePath(name).suffix.lower()
    if start.startswith(MARKUP):
        # Whatever its name, markup is served as what a browser would make of it, and never inline.
        if start.startswith(b"<svg") or (b"<svg" in start[:4096] and start.startswith(b"<?xml")):
            return "image/svg+xml"
        return TEXT_BY_ENDING[ending] if ending in (".xml", ".xhtml") else "text/html"
    return TEXT_BY_ENDING.get(ending, "text/plain")


def _picture(path: Path, mime: str, name: str) -> Facts:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=READABLE) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise _too_large(name, width, height)
                found = Image.MIME.get(picture.format or "", mime)
                picture.verify()  # after this the picture is of no more use
            with Image.open(path, formats=READABLE) as picture:
                if picture.getexif().get(0x0112) in (5, 6, 7, 8):  # turned by a quarter
                    width, height = height, width
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except UnidentifiedImageError:
        if _is_readable_kind(mime):
            raise PictureDamaged(
                f"“{name}” begins like a picture but cannot be read as one.", remedy=_SAVE_AGAIN
            ) from None
        return Facts(mime=mime, kind="image")  # a kind of picture (HEIC, RAW) that only other tools read
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as exc:
        # Pillow's parsers report broken data with all of these.
        raise PictureDamaged(
            f"“{name}” is a damaged picture.",
            remedy=_SAVE_AGAIN,
        ) from exc
    return Facts(
        mime="image/jpeg" if found == "image/mpo" else found, kind="image", width=width, height=height
    )


def _is_readable_kind(mime: str) -> bool:
    from PIL import Image

    Image.init()
    return mime in {Image.MIME.get(name) for name in READABLE} | {"image/x-icon"}


def _too_large(name: str, width: int | None = None, height: int | None = None) -> PictureTooLarge:
    size = f" says it has {width} × {height} pixels, which" if width and height else ""
    return PictureTooLarge(
        f"“{name}”{size} is more than the {MAX_PIXELS // 1_000_000} megapixels this box decodes.",
        remedy="Make the picture smaller before you upload it.",
    )


def _media(path: Path, mime: str) -> Facts:
    """What ffprobe says; a file it cannot read is kept under the type its signature gave."""
    family = port_of_mime(mime)
    streams, length = _probe(path)
    if not streams:
        return Facts(mime=mime, kind=family)
    film = next((one for one in streams if _is_film(one)), None)
    if film is None and family == "video":
        mime, family = "audio" + mime.removeprefix("video"), "audio"
    elif film is not None and family == "audio":
        mime, family = "video" + mime.removeprefix("audio"), "video"
    width, height = _size_of(film) if film else (None, None)
    return Facts(mime=mime, kind=family, width=width, height=height, duration_s=length)


def _probe(path: Path) -> tuple[list[dict[str, Any]], float | None]:
    command = ["ffprobe", "-loglevel", "error", *SAFE_INPUT, "-print_format", "json"]
    try:
        done = subprocess.run(
            [*command, "-show_format", "-show_streams", "-i", f"file:{path}"],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath)},  # nothing of ours, no secret
        )
        facts = json.loads(done.stdout or b"{}")
        length = facts.get("format", {}).get("duration")
        return facts.get("streams", []), None if length is None else float(length)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return [], None


def _is_film(stream: dict[str, Any]) -> bool:
    """Moving pictures; the cover of a song is not."""
    return stream.get("codec_type") == "video" and not stream.get("disposition", {}).get("attached_pic")


def _size_of(stream: dict[str, Any]) -> tuple[int | None, int | None]:
    width, height = stream.get("width"), stream.get("height")
    turns = [side.get("rotation", 0) for side in stream.get("side_data_list", [])]
    return (height, width) if any(int(turn) % 180 for turn in turns) else (width, height)
