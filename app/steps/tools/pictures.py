"""Opening, turning, fitting and writing pictures with Pillow, safely. Blocking: call through `ctx.in_thread`.

A picture is untrusted: its size is read from the header and refused before a pixel is decoded, and a file
that is no picture, or a broken one, becomes a sentence instead of a traceback.
Pillow is imported inside the functions: the API reads the step declarations and never needs it.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_PIXELS: Final = (
    100_000_000  # 300 MB decoded as RGB; the largest camera backs make 150 megapixels raw, far less as JPEG
)
MAX_SIDE: Final = 16_384  # what a step may be asked to make; WebP ends at 16,383 and H.264 far below

Fit = Literal["contain", "cover", "stretch"]
PictureFormat = Literal["jpeg", "png", "webp"]

MIME_OF: Final[dict[str, str]] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
ENDING_OF: Final[dict[str, str]] = {"jpeg": "jpg", "png": "png", "webp": "webp"}

# What we decode. Left out: formats that run other programs (EPS → Ghostscript) or that nobody uploads.
READABLE: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "PPM")


def open_picture(path: Path, name: str, max_pixels: int = MAX_PIXELS) -> "Picture":
    """The first frame of a picture file, upright (EXIF), as RGB or RGBA, decoded.

    Raises StepFailed(bad_input) for what is no picture, is broken or has more than `max_pixels` pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Our own limit below is the one that counts; Pillow's warns at 89 and raises at 179 megapixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=READABLE)
            with picture:
                _refuse_too_large(picture.size, name, max_pixels)
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except Image.DecompressionBombError:
        raise _too_large(name, max_pixels) from None
    except UnidentifiedImageError:
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{name}” is no picture of a format that Studio reads.",
            remedy="Use a JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP file.",
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as exc:
        # Pillow's decoders report broken data with all of these.
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{name}” is a damaged picture: {_first_line(exc)}.",
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

    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, background)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def write_picture(picture: "Picture", path: Path, form: PictureFormat, quality: int = 88) -> None:
    """The picture as a file, without the original's metadata (place and camera stay private)."""
    match form:
        case "jpeg":
            flatten(picture).save(path, "JPEG", quality=quality, optimize=True, progressive=True)
        case "png":
            picture.save(path, "PNG", compress_level=6)
        case "webp":
            picture.save(path, "WEBP", quality=quality, method=4)


def renamed(name: str, form: str) -> str:
    """`holiday.tiff` as `holiday.jpg`."""
    stem = name.rsplit(".", 1)[0] if "." in name else name
    return f"{stem or 'picture'}.{ENDING_OF[form]}"


def _refuse_too_large(size: tuple[int, int], name: str, max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_large(name, max_pixels, size)


def _too_large(name: str, max_pixels: int, size: tuple[int, int] | None = None) -> StepFailed:
    claimed = f" ({size[0]} × {size[1]} pixels)" if size else ""
    return StepFailed(
        ErrorClass.bad_input,
        f"“{name}”{claimed} is larger than the {max_pixels // 1_000_000} megapixels a step may decode.",
        remedy="Scale the picture down before uploading it.",
    )


def _first_line(exc: BaseException) -> str:
    """Pillow's own words without file paths, which are ours and not the reader's."""
    text = (str(exc).splitlines() or [""])[0].split(" '/")[0].strip(" .:")
    return text[:120] or type(exc).__name__
