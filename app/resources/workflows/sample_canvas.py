"""A canvas measured in shares of its sides, with the few shapes that landscapes are made of."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Colour = tuple[int, int, int]
Point = tuple[float, float]  # shares of width and height, from the upper left
Stops = Sequence[tuple[float, Colour]]  # where a gradient has which colour, 0 at the top

SCALE = 2  # drawn twice as large and reduced, so that edges are smooth
RIDGE_POINTS = 160


class Canvas:
    """One picture under the brush."""

    def __init__(self, width: int, height: int, sky: Stops) -> None:
        from PIL import ImageDraw

        self.size = (width * SCALE, height * SCALE)
        self._picture = _gradient(*self.size, sky)
        self._pen = ImageDraw.Draw(self._picture)

    def finished(self) -> "Picture":
        """The picture at its own size."""
        return self._picture.reduce(SCALE)

    def band(self, top: float, stops: Stops) -> None:
        """A gradient from `top` down to the bottom: water."""
        width, height = self.size
        high = round(top * height)
        self._picture.paste(_gradient(width, height - high, stops), (0, high))

    def glow(self, centre: Point, radius: float, colour: Colour) -> None:
        """Light around a point, fading into nothing."""
        from PIL import Image, ImageOps

        size = round(2 * radius * self.size[0])
        light = ImageOps.invert(Image.radial_gradient("L"))
        edge = cast("int", light.getpixel((0, 128)))  # what is left at the side must not show as a square
        strength = light.point(lambda value: round(max(0, value - edge) ** 2 / (255 - edge) ** 2 * 204))
        x, y = self._at(centre)
        left, top = round(x) - size // 2, round(y) - size // 2
        self._picture.paste(colour, (left, top, left + size, top + size), strength.resize((size, size)))

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """A sun, a moon, a star; `radius` as a share of the shorter side."""
        x, y = self._at(centre)
        reach = radius * min(self.size)
        self._pen.ellipse((x - reach, y - reach, x + reach, y + reach), colour)

    def hills(self, level: float, swing: float, phase: float, colour: Colour) -> None:
        """A ridge from edge to edge, filled down to the bottom: three waves that never meet in step."""
        outline = []
        for step in range(RIDGE_POINTS + 1):
            x = step / RIDGE_POINTS
            wave = (
                0.55 * math.sin(phase + x * 5.1)
                + 0.3 * math.sin(phase * 2.3 + x * 11.7)
                + 0.15 * math.sin(phase * 3.9 + x * 27.3)
            )
            outline.append((x, level + swing * wave))
        self.shape([(0, 1), *outline, (1, 1)], colour)

    def shape(self, corners: Sequence[Point], colour: Colour) -> None:
        """Any filled outline."""
        self._pen.polygon([self._at(corner) for corner in corners], colour)

    def line(self, points: Sequence[Point], colour: Colour, thickness: int = 7) -> None:
        """A stroke through these points."""
        self._pen.line([self._at(point) for point in points], colour, thickness, joint="curve")

    def _at(self, point: Point) -> tuple[float, float]:
        return point[0] * self.size[0], point[1] * self.size[1]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two others."""
    mixed = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _gradient(width: int, height: int, stops: Stops) -> "Picture":
    from PIL import Image

    column = Image.new("RGB", (1, 256))
    column.putdata([_between(stops, row / 255) for row in range(256)])
    return column.resize((width, height), Image.Resampling.BICUBIC)


def _between(stops: Stops, place: float) -> Colour:
    for (low, first), (high, second) in pairwise(stops):
        if place <= high:
            return blend(first, second, max(0.0, (place - low) / (high - low)))
    return stops[-1][1]
