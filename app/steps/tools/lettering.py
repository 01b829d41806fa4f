"""Words on pictures: a typeface, lines that fit. Blocking: call through `ctx.in_thread`."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Face = FreeTypeFont | ImageFont

# DejaVu comes with fontconfig, which Debian's ffmpeg needs, so it is there wherever our films are made. The
# face inside Pillow is the last resort: it has no letters beyond ASCII.
FACES: Final = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf")
BOLD_FACES: Final = ("DejaVuSans-Bold.ttf", "LiberationSans-Bold.ttf", "NotoSans-Bold.ttf", *FACES)


@lru_cache(maxsize=32)
def face(size_px: int, bold: bool = False) -> "Face":
    """A typeface of this size."""
    from PIL import ImageFont

    for name in BOLD_FACES if bold else FACES:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def wrap(draw: "ImageDraw", text: str, font: "Face", width_px: float, max_lines: int) -> list[str]:
    """The text in lines that fit; a word too long for a line is cut, a last line too many ends in “…”."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            candidate = f"{line} {word}".strip()
            if draw.textlength(candidate, font=font) <= width_px:
                line = candidate
                continue
            if line:
                lines.append(line)
            line = shorten(draw, word, font, width_px)
        if line:
            lines.append(line)
    if len(lines) > max_lines:
        lines = [
            *lines[: max_lines - 1],
            shorten(draw, f"{lines[max_lines - 1]} …", font, width_px, force=True),
        ]
    return lines


def shorten(draw: "ImageDraw", text: str, font: "Face", width_px: float, force: bool = False) -> str:
    """The text cut with “…” so that it fits; unchanged when it fits already."""
    if not force and draw.textlength(text, font=font) <= width_px:
        return text
    kept = text.rstrip("… ")
    while kept and draw.textlength(f"{kept}…", font=font) > width_px:
        kept = kept[:-1].rstrip()
    return f"{kept}…"
