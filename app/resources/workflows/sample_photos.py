"""Draws the sample photos: five landscapes, the same on every box, so that a fresh one has something to run.

Blocking, half a second in all on one core; called in a thread. One photo is stored lying on its side with an
EXIF note to turn it, as phones do.
"""

import io
import math
from typing import TYPE_CHECKING

import msgspec

from app.resources.workflows.sample_canvas import Canvas, blend

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LONG, SHORT = 1500, 1000
EXIF_ORIENTATION = 0x0112
TURN_RIGHT = 6  # EXIF: the top of the scene is at the right edge of the stored picture


class SamplePhoto(msgspec.Struct, frozen=True):
    """A file name and the JPEG under it."""

    name: str
    jpeg: bytes


def draw_all() -> list[SamplePhoto]:
    """Every sample photo, in the order the story tells them."""
    return [
        _photo("1 First light on the lake.jpg", _lake()),
        _photo("2 Over the ridges.jpg", _ridges()),
        _photo("3 The lighthouse.jpg", _lighthouse(), is_turned=True),
        _photo("4 Noon in the dunes.jpg", _dunes()),
        _photo("5 Night above the pines.jpg", _night()),
    ]


def _photo(name: str, picture: "Picture", *, is_turned: bool = False) -> SamplePhoto:
    from PIL import Image

    exif = Image.Exif()
    if is_turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[EXIF_ORIENTATION] = TURN_RIGHT
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88, exif=exif)
    return SamplePhoto(name, file.getvalue())


def _lake() -> "Picture":
    canvas = Canvas(LONG, SHORT, [(0, (44, 62, 110)), (0.35, (226, 134, 120)), (0.55, (255, 214, 160))])
    canvas.glow((0.62, 0.5), 0.42, (255, 236, 190))
    canvas.disc((0.62, 0.5), 0.045, (255, 246, 222))
    canvas.hills(0.5, 0.06, 3.1, (126, 92, 118))
    canvas.hills(0.54, 0.05, 5.3, (82, 66, 98))
    canvas.band(0.58, [(0, (240, 178, 146)), (0.4, (150, 110, 130)), (1, (38, 48, 84))])
    for step in range(26):
        y, reach, sway = 0.595 + step * 0.014, 0.012 + step * 0.0052, 0.02 * math.sin(step * 2.4)
        canvas.line([(0.62 - reach + sway, y), (0.62 + reach + sway, y)], (255, 226, 178), 5)
    for reed in range(60):
        x, lean = (reed * 0.0119) % 0.34, 0.02 * math.sin(reed * 1.3)
        canvas.line([(x, 1), (x + lean, 0.72 + 0.12 * math.sin(reed * 2.7))], (22, 24, 40))
    return canvas.finished()


def _ridges() -> "Picture":
    canvas = Canvas(LONG, SHORT, [(0, (150, 190, 214)), (0.6, (226, 232, 224)), (1, (240, 236, 220))])
    for layer in range(7):
        share = layer / 6
        colour = blend((170, 196, 206), (28, 62, 60), share)
        canvas.hills(0.34 + 0.1 * layer, 0.05 + 0.02 * share, 2.3 + 1.7 * layer, colour)
    return canvas.finished()


def _lighthouse() -> "Picture":
    canvas = Canvas(SHORT, LONG, [(0, (64, 120, 176)), (0.55, (190, 222, 232)), (0.7, (244, 240, 220))])
    canvas.band(0.68, [(0, (88, 156, 172)), (1, (20, 74, 104))])
    canvas.hills(0.84, 0.05, 1.4, (86, 96, 78))
    foot, top = 0.83, 0.34
    for stripe in range(8):
        low, high = stripe / 8, (stripe + 1) / 8
        below, above = foot + (top - foot) * low, foot + (top - foot) * high
        colour = (206, 66, 58) if stripe % 2 else (246, 242, 234)
        canvas.shape(
            [
                (0.42 + 0.03 * low, below),
                (0.58 - 0.03 * low, below),
                (0.58 - 0.03 * high, above),
                (0.42 + 0.03 * high, above),
            ],
            colour,
        )
    canvas.line([(0.43, top - 0.006), (0.57, top - 0.006)], (52, 58, 66), 36)
    canvas.line([(0.455, top - 0.036), (0.545, top - 0.036)], (255, 226, 140), 144)
    canvas.shape([(0.44, top - 0.06), (0.5, top - 0.11), (0.56, top - 0.06)], (170, 48, 44))
    for x, y in ((0.16, 0.2), (0.24, 0.25), (0.78, 0.16), (0.7, 0.27)):
        canvas.line([(x - 0.03, y - 0.012), (x, y), (x + 0.03, y - 0.012)], (44, 60, 76))
    return canvas.finished()


def _dunes() -> "Picture":
    canvas = Canvas(LONG, SHORT, [(0, (52, 128, 196)), (0.5, (170, 212, 232)), (1, (236, 232, 214))])
    canvas.glow((0.2, 0.16), 0.3, (255, 250, 226))
    canvas.disc((0.2, 0.16), 0.05, (255, 252, 236))
    for layer, colour in enumerate(((236, 196, 140), (224, 170, 108), (206, 142, 82), (178, 112, 62))):
        canvas.hills(0.5 + 0.13 * layer, 0.07, 1.1 + 0.9 * layer, colour)
    return canvas.finished()


def _night() -> "Picture":
    canvas = Canvas(LONG, SHORT, [(0, (8, 12, 36)), (0.6, (32, 44, 92)), (1, (86, 74, 122))])
    canvas.glow((0.76, 0.24), 0.2, (210, 216, 236))
    for star in range(320):
        place = ((star * 0.61803398875) % 1, (star * star * 0.0137) % 1 * 0.68)
        canvas.disc(place, 0.0004 + 0.0003 * ((star * 7) % 4), (236, 238, 250))
    canvas.disc((0.76, 0.24), 0.05, (244, 242, 228))
    canvas.hills(0.74, 0.06, 2.7, (26, 32, 62))
    dark = (8, 12, 24)
    for tree in range(46):
        x = tree / 45 + 0.012 * math.sin(tree * 5.1)
        foot, size = 0.93 + 0.04 * math.sin(tree * 1.7), 0.15 + 0.07 * math.sin(tree * 2.9)
        for tier in range(3):
            tip, half = foot - size * (1 - tier * 0.24), size * (0.1 + tier * 0.06)
            canvas.shape([(x, tip), (x + half, tip + size / 2), (x - half, tip + size / 2)], dark)
    canvas.shape([(0, 0.88), (1, 0.88), (1, 1), (0, 1)], dark)
    return canvas.finished()
