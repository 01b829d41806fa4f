"""Opening, turning, fitting and writing pictures with Pillow, safely. Blocking: call through `ctx.in_thread`.

A picture is untrusted: its size is read from the header and refused before a pixel is decoded, and a file
that is no picture, or a broken one, becomes a sentence instead of a traceback.
Pillow is imported inside the functions: the API reads the step declarations and never needs it.
"""

import math
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from app.flow.messages import ErrorClass
from app.kit.memory import free_memory_bytes
from app.steps.base import StepFailed

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFile import ImageFile

# 400 MB decoded; the largest camera backs make 150 megapixels raw, far less as JPEG.
MAX_PIXELS: Final = 100_000_000
LARGE_PIXELS: Final = 25_000_000
BYTES_PER_PIXEL: Final = 4  # Pillow keeps RGB in four as well
FULL_SIZE_COPIES: Final = 3  # decoded, turned and laid on a ground
OVERSAMPLING: Final = 2  # a picture that is brought near a size keeps so much more, for the fine scaling
STRIP_PIXELS: Final = 1_000_000  # 4 MB: so much more is needed while a picture is brought near a size
ORIENTATION: Final = 0x0112  # EXIF: how the camera was held; from 5 on a quarter turned

MAX_SIDE: Final = 16_384  # what a step may be asked to make; WebP ends at 16,383 and H.264 far below

Near = tuple[int | None, int | None]  # a width and a height; None for the side that follows
Fit = Literal["contain", "cover", "stretch"]
PictureFormat = Literal["jpeg", "png", "webp"]

MIME_OF: Final[dict[str, str]] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
ENDING_OF: Final[dict[str, str]] = {"jpeg": "jpg", "png": "png", "webp": "webp"}

# What we decode. Left out: formats that run other programs (EPS → Ghostscript) or that nobody uploads.
READABLE: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "PPM")


class _Room:
    """So many pixels may be decoded in this process at once; who needs more than are left waits."""

    def __init__(self, pixels: int) -> None:
        self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold this many while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_room = _Room(MAX_PIXELS)


@contextmanager
def open_picture(path: Path, name: str, *, near: Near | None = None) -> Iterator["Picture"]:
    """The first frame of a picture file, upright (EXIF), as RGB or RGBA, decoded.

    `near`: the width and height the caller will scale it to, None for a side that follows. A picture that is
    much larger is brought close to it while it is decoded, so that no second copy of it is ever made.
    Several pictures in one process share the pixels that may be decoded at once: large ones wait for another.
    Raises StepFailed: bad_input for what is no picture, is broken or has more than MAX_PIXELS; out_of_memory.
    """
    pixels = _pixels(path, name)
    with _room.take(pixels):
        _refuse_too_little_memory(name, pixels * BYTES_PER_PIXEL * (1 if near else FULL_SIZE_COPIES))
        yield _decode(path, name, near)


def _pixels(path: Path, name: str) -> int:
    """How many there are, by the header."""
    with _reading(path, name) as picture:
        width, height = picture.size
        return width * height


def _decode(path: Path, name: str, near: Near | None) -> "Picture":
    from PIL import ImageOps

    with _reading(path, name) as file:
        if near:
            # JPEG alone can be decoded at a half, a quarter or an eighth; the others do nothing.
            file.draft("RGB", _aim(near, file))
        file.load()
        # Asked for only now: a TIFF turns itself upright while it is loaded.
        orientation = _orientation(file)
        picture = _reduced(file, _aim(near, file) if near else None)
        picture.getexif()[ORIENTATION] = orientation
        ImageOps.exif_transpose(picture, in_place=True)
        return picture


def _orientation(picture: "Picture") -> int:
    found = picture.getexif().get(ORIENTATION, 1)
    return found if isinstance(found, int) else 1


def _aim(near: Near, picture: "Picture") -> tuple[int, int]:
    """The least size to come down to, as the picture lies; 1 for a side that follows from the other."""
    width, height = reversed(near) if _orientation(picture) >= 5 else near
    return (width or 0) * OVERSAMPLING or 1, (height or 0) * OVERSAMPLING or 1


def _reduced(picture: "Picture", aim: tuple[int, int] | None) -> "Picture":
    """As RGB or RGBA, a whole number smaller but not below `aim`; in strips, without a copy at full size."""
    from PIL import Image

    mode = "RGBA" if picture.has_transparency_data else "RGB"
    width, height = picture.size
    factor = min(width // aim[0], height // aim[1]) if aim else 1
    if factor < 2:
        return picture if picture.mode == mode else picture.convert(mode)
    small = Image.new(mode, (math.ceil(width / factor), math.ceil(height / factor)))
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        small.paste(strip.convert(mode).reduce(factor), (0, top // factor))
    return small


@contextmanager
def _reading(path: Path, name: str) -> Iterator["ImageFile"]:
    """The file, its header read; what is wrong with it becomes a sentence."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Our own limit is the one that counts; Pillow's warns at 89 and raises at 179 megapixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=READABLE) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise _too_large(name, picture.size)
                yield picture
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except UnidentifiedImageError:
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{name}” is no picture of a format that Studio reads.",
            remedy="Use a JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP file.",
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error) as exc:
        # Pillow's decoders report broken data with all of these; what the system reports carries a number.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{name}” is a damaged picture; a part of it is missing or cannot be read.",
            remedy="Open the picture in an image program, save it again and upload that copy.",
        ) from exc


def fit_picture(
    picture: "Picture", width: int | None, height: int | None, fit: Fit, enlarge: bool = True
) -> "Picture":
    """The picture at the wanted size; a missing side follows from the proportions.

    contain: the whole picture inside the box; cover: the box filled, the overhang cut evenly; stretch:
    exactly the box. `enlarge=False` never makes a picture larger than it is.
    """
    from PIL import Image, ImageOps

    if width is None and height is None:
        return picture
    own_width, own_height = picture.size
    box_width = width if width is not None else max(1, round(own_width * (height or 1) / own_height))
    box_height = height if height is not None else max(1, round(own_height * box_width / own_width))
    if width is None or height is None:
        fit = "stretch"  # the proportions are kept already
    if not enlarge:
        scale = min(1.0, own_width / box_width, own_height / box_height)
        if fit == "contain":
            scale = 1.0
            box_width, box_height = min(box_width, own_width), min(box_height, own_height)
        box_width, box_height = max(1, round(box_width * scale)), max(1, round(box_height * scale))
    box = (box_width, box_height)
    if fit == "stretch":
        return picture.resize(box, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if fit == "contain":
        return ImageOps.contain(picture, box, Image.Resampling.LANCZOS)
    return ImageOps.fit(picture, box, Image.Resampling.LANCZOS)


def flatten(picture: "Picture", background: str = "#ffffff") -> "Picture":
    """The picture without transparency, on a plain ground."""
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, background)
    ground.paste(picture, mask=picture)
    return ground


def write_picture(picture: "Picture", path: Path, form: PictureFormat, quality: int = 88) -> None:
    """The picture as a file, without the original's metadata (place and camera stay private)."""
    match form:
        case "jpeg":
            # Both read the picture twice, so that libjpeg keeps all of it a second time.
            is_small = picture.width * picture.height <= LARGE_PIXELS
            flatten(picture).save(path, "JPEG", quality=quality, optimize=is_small, progressive=is_small)
        case "png":
            picture.save(path, "PNG", compress_level=6)
        case "webp":
            picture.save(path, "WEBP", quality=quality, method=4)


def renamed(name: str, form: str) -> str:
    """`holiday.tiff` as `holiday.jpg`."""
    stem = name.rsplit(".", 1)[0] if "." in name else name
    return f"{stem or 'picture'}.{ENDING_OF[form]}"


def _refuse_too_little_memory(name: str, needed_bytes: int) -> None:
    free_bytes = free_memory_bytes()
    if needed_bytes > free_bytes:
        raise StepFailed(
            ErrorClass.out_of_memory,
            f"“{name}” needs {needed_bytes // 1_000_000:,} MB to be worked on; "
            f"{free_bytes // 1_000_000:,} MB are free.",
            remedy="Try again when less is going on, scale the picture down, or give the box more memory.",
        )


def _too_large(name: str, size: tuple[int, int] | None = None) -> StepFailed:
    claimed = f" ({size[0]} × {size[1]} pixels)" if size else ""
    return StepFailed(
        ErrorClass.bad_input,
        f"“{name}”{claimed} is larger than the {MAX_PIXELS // 1_000_000} megapixels a step may decode.",
        remedy="Scale the picture down before uploading it.",
    )
