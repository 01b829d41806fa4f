"""The frames of a slideshow: pictures that fade into one another, zoom gently and carry a title.

Frames are made as planes of YUV 4:2:0 (BT.709, limited range), the form H.264 keeps: half the work of RGB
and no conversion a frame. The zoom crops with fractions of a pixel; ffmpeg's own zoompan rounds to whole
pixels, which trembles. At 1280×720 a frame costs about 7 ms, and a film of any length holds two pictures in
memory.

    length_s = pictures × seconds_per_image, exactly, rounded to whole frames

Fades are centred on the cuts and take their time from both neighbours, so they do not change the length.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from app.steps.tools.lettering import face, wrap
from app.steps.tools.pictures import fit_picture, flatten

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    Planes = tuple[Picture, Picture, Picture]

# RGB → Y'CbCr after BT.709, limited range (16…235, 16…240), as rows of a 3×4 colour matrix.
BT709: Final = (
    0.1826, 0.6142, 0.0620, 16.0,
    -0.1006, -0.3386, 0.4392, 128.0,
    0.4392, -0.3989, -0.0403, 128.0,
)  # fmt: skip

TITLE_IN_S: Final = 0.4  # the title appears this long after the start, fades over the same time
TITLE_HOLD_S: Final = 3.0  # and is gone again after this, or with the first picture if that is sooner


class FilmPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a film is made of, in frames; `cuts[i]` is the first frame after the middle of fade i."""

    pictures: int
    width: int
    height: int
    fps: int
    seconds_per_image: float
    crossfade_s: float
    zoom: float  # how much larger the picture is at the end of its zoom: 0.06 is 6 %

    @property
    def frames(self) -> int:
        """The whole film."""
        return max(1, round(self.pictures * self.seconds_per_image * self.fps))

    @property
    def duration_s(self) -> float:
        """What ffprobe will say."""
        return self.frames / self.fps

    @property
    def still(self) -> tuple[int, int]:
        """The size of a picture: more than the film's, so that the closest zoom still shows real pixels."""
        grown = 1 + self.zoom
        return _even(self.width * grown), _even(self.height * grown)

    @property
    def half_fade(self) -> int:
        """Frames of a fade on either side of the cut; a fade never reaches the middle of a picture."""
        wanted = round(self.crossfade_s * self.fps / 2)
        return max(0, min(wanted, int(self.seconds_per_image * self.fps / 2) - 1))

    def cut(self, index: int) -> int:
        """The frame at which picture `index` takes over from the one before."""
        return min(self.frames, round(index * self.seconds_per_image * self.fps))


class Scene(msgspec.Struct, frozen=True):
    """What one frame shows: a picture, how far its zoom is (0…1), and the next one's share (0…1)."""

    picture: int
    zoom: float
    next_zoom: float
    next_share: float


def scene_at(plan: FilmPlan, frame: int) -> Scene:
    """Which pictures a frame mixes. Pure."""
    index = min(plan.pictures - 1, int(frame / (plan.seconds_per_image * plan.fps)))
    while index + 1 < plan.pictures and frame >= plan.cut(index + 1):
        index += 1
    while frame < plan.cut(index):
        index -= 1
    half = plan.half_fade
    if half and index > 0 and frame < plan.cut(index) + half:
        lower, share = index - 1, (frame - (plan.cut(index) - half) + 1) / (2 * half + 1)
    elif half and index + 1 < plan.pictures and frame >= plan.cut(index + 1) - half:
        lower, share = index, (frame - (plan.cut(index + 1) - half) + 1) / (2 * half + 1)
    else:
        lower, share = index, 0.0
    upper = min(lower + 1, plan.pictures - 1)
    return Scene(lower, _zoom_at(plan, lower, frame), _zoom_at(plan, upper, frame), share)


def _zoom_at(plan: FilmPlan, index: int, frame: int) -> float:
    """How far the zoom of a picture is; even ones come closer, odd ones go back."""
    start, end = plan.cut(index) - plan.half_fade, plan.cut(index + 1) + plan.half_fade
    way = min(1.0, max(0.0, (frame - start) / max(1, end - start)))
    return way if index % 2 == 0 else 1.0 - way


class Film:
    """Draws the frames of a plan. `open_picture(i)` gives the i-th picture; it is asked for each once.

    Frames must be asked for in order; `render` of one frame may run beside that of the next.
    """

    def __init__(self, plan: FilmPlan, open_picture: Callable[[int], "Picture"], title: str = "") -> None:
        self._plan = plan
        self._open = open_picture
        self._ready: dict[int, Planes] = {}
        self._title = _letter(title.strip(), plan.width, plan.height) if title.strip() else None

    def scenes(self) -> Iterator[tuple[int, Scene, "Planes", "Planes | None"]]:
        """Every frame with the pictures it needs; opens and forgets pictures on the way (blocking)."""
        for frame in range(self._plan.frames):
            scene = scene_at(self._plan, frame)
            lower = self._planes(scene.picture)
            upper = self._planes(scene.picture + 1) if scene.next_share else None
            for index in [index for index in self._ready if index < scene.picture]:
                del self._ready[index]
            yield frame, scene, lower, upper

    def render(self, frame: int, scene: Scene, lower: "Planes", upper: "Planes | None") -> bytes:
        """The bytes of one frame, Y then U then V, width × height × 1.5 of them."""
        from PIL import Image

        planes = self._crop(lower, scene.zoom)
        if upper is not None:
            other = self._crop(upper, scene.next_zoom)
            share = scene.next_share
            planes = (
                Image.blend(planes[0], other[0], share),
                Image.blend(planes[1], other[1], share),
                Image.blend(planes[2], other[2], share),
            )
        strength = self._title_strength(frame)
        if self._title is not None and strength > 0:
            planes = self._title.over(planes, strength)
        return b"".join(plane.tobytes() for plane in planes)

    def _planes(self, index: int) -> "Planes":
        if index not in self._ready:
            picture = flatten(self._open(index), "#000000")
            self._ready[index] = _to_planes(fit_picture(picture, *self._plan.still, "cover"))
        return self._ready[index]

    def _crop(self, planes: "Planes", zoom: float) -> "Planes":
        from PIL import Image

        plan = self._plan
        margin = 0.5 * (1 - 1 / (1 + plan.zoom)) * zoom
        luma, *chroma = planes

        def cropped(plane: "Picture", size: tuple[int, int]) -> "Picture":
            if plane.size == size:
                return plane
            across, down = plane.width * margin, plane.height * margin
            box = (across, down, plane.width - across, plane.height - down)
            return plane.resize(size, Image.Resampling.BILINEAR, box=box)

        half = (plan.width // 2, plan.height // 2)
        return (
            cropped(luma, (plan.width, plan.height)),
            cropped(chroma[0], half),
            cropped(chroma[1], half),
        )

    def _title_strength(self, frame: int) -> float:
        at_s = frame / self._plan.fps
        end_s = min(TITLE_IN_S + TITLE_HOLD_S, max(self._plan.seconds_per_image, 1.5), self._plan.duration_s)
        rise, fall = (at_s - TITLE_IN_S / 2) / TITLE_IN_S, (end_s - at_s) / TITLE_IN_S
        return min(1.0, max(0.0, min(rise, fall)))


class _Lettering:
    """A title as planes and a mask, laid over frames with any strength."""

    def __init__(self, planes: "Planes", mask: "Picture") -> None:
        self._planes = planes
        self._mask = mask
        self._half_mask = mask.reduce(2)

    def over(self, planes: "Planes", strength: float) -> "Planes":
        from PIL import Image

        def laid(ground: "Picture", letters: "Picture", mask: "Picture") -> "Picture":
            faded = mask if strength >= 1 else mask.point([round(value * strength) for value in range(256)])
            return Image.composite(letters, ground, faded)

        (y, u, v), (letters_y, letters_u, letters_v) = planes, self._planes
        return (
            laid(y, letters_y, self._mask),
            laid(u, letters_u, self._half_mask),
            laid(v, letters_v, self._half_mask),
        )


def _letter(title: str, width: int, height: int) -> _Lettering:
    """White words with a soft shadow in the lower third."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    font = face(max(12, round(height / 12)), bold=True)
    words = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(words)
    text = "\n".join(wrap(draw, title, font, width * 0.86, max_lines=3))
    place = (width / 2, height * 0.78)
    draw.multiline_text(place, text, 255, font, anchor="mm", align="center", spacing=height / 60)
    shadow = words.filter(ImageFilter.GaussianBlur(height / 90)).point([min(255, v * 3) for v in range(256)])
    colour = Image.new("RGB", (width, height), "#000000")
    colour.paste((255, 255, 255), mask=words)
    mask = ImageChops.lighter(words, shadow.point([round(v * 0.6) for v in range(256)]))
    return _Lettering(_to_planes(colour), mask)


def _to_planes(picture: "Picture") -> "Planes":
    y, u, v = picture.convert("RGB", BT709).split()
    return y, u.reduce(2), v.reduce(2)


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))
