"""Resizes, crops, turns upright and converts a picture."""

import math
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass, Lane
from app.flow.ports import Image
from app.steps.base import Context, Example, StepFailed, StepType
from app.steps.tools.pictures import (
    MAX_SIDE,
    MIME_OF,
    Fit,
    Near,
    PictureFormat,
    fit_picture,
    flatten,
    open_picture,
    renamed,
    write_picture,
)

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Side = Annotated[int, Meta(ge=1, le=MAX_SIDE, extra_json_schema={"unit": "px"})]


class Crop(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle of the upright picture, in fractions of its sides: 0 is left or top, 1 right or bottom."""

    left: Annotated[float, Meta(title="Left", ge=0, lt=1)] = 0.0
    top: Annotated[float, Meta(title="Top", ge=0, lt=1)] = 0.0
    width: Annotated[float, Meta(title="Width", gt=0, le=1)] = 1.0
    height: Annotated[float, Meta(title="Height", gt=0, le=1)] = 1.0


class ImageTransformInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The picture and what to do with it, in this order: turn upright, crop, resize, convert."""

    image: Annotated[Image, Meta(title="Picture", description="JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP.")]
    width: Annotated[
        Side | None, Meta(title="Width", description="Left empty, it follows from the height.")
    ] = None
    height: Annotated[
        Side | None, Meta(title="Height", description="Left empty, it follows from the width.")
    ] = None
    fit: Annotated[
        Fit,
        Meta(
            title="Fit",
            description="contain: all of it inside. cover: fills the size, cut evenly. stretch: exactly it.",
        ),
    ] = "contain"
    enlarge: Annotated[
        bool, Meta(title="Enlarge", description="Whether a small picture may be made larger.")
    ] = True
    crop: Annotated[Crop | None, Meta(title="Crop", description="Keep only this part.")] = None
    turn: Annotated[
        Literal[0, 90, 180, 270],
        Meta(
            title="Turn", description="Clockwise, after turning it upright.", extra_json_schema={"unit": "°"}
        ),
    ] = 0
    format: Annotated[
        Literal["keep", "jpeg", "png", "webp"],
        Meta(
            title="Format", description="keep: as it came, where Studio writes that format; else JPEG or PNG."
        ),
    ] = "keep"
    quality: Annotated[
        int,
        Meta(
            title="Quality",
            description="For JPEG and WebP.",
            ge=1,
            le=100,
            extra_json_schema={"widget": "slider"},
        ),
    ] = 88
    background: Annotated[
        str,
        Meta(
            title="Background",
            description="Shown through transparency in a JPEG.",
            pattern="^#[0-9a-fA-F]{6}$",
            extra_json_schema={"widget": "color"},
        ),
    ] = "#ffffff"


class ImageTransformOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The new picture and its size."""

    image: Annotated[Image, Meta(title="Picture")]
    width: Annotated[int, Meta(title="Width", extra_json_schema={"unit": "px"})]
    height: Annotated[int, Meta(title="Height", extra_json_schema={"unit": "px"})]


class ImageTransform(StepType[ImageTransformInputs, ImageTransformOutputs]):
    """One picture in, one picture out."""

    kind = "image.transform"
    version = 2
    lane = Lane.cpu
    title = "Transform a picture"
    summary = "Resizes, crops, turns upright and converts a picture."
    category = "Images"
    cacheable = True
    timeout_s = 300.0
    Inputs = ImageTransformInputs
    Outputs = ImageTransformOutputs
    examples = (
        Example(
            title="A film frame",
            inputs={"image": {"sample": "photo.jpg"}, "width": 1280, "height": 720, "fit": "cover"},
        ),
        Example(
            title="A small WebP", inputs={"image": {"sample": "photo.jpg"}, "width": 320, "format": "webp"}
        ),
        Example(
            title="The middle, as PNG",
            inputs={
                "image": {"sample": "photo.jpg"},
                "crop": {"left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5},
                "format": "png",
            },
        ),
    )

    async def run(self, inputs: ImageTransformInputs, ctx: Context) -> ImageTransformOutputs:
        """Fetch, compute in a thread, keep."""
        source = await ctx.fetch(inputs.image)
        form = _format(inputs)
        target = ctx.folder / renamed("picture", form)

        def work() -> tuple[int, int]:
            with open_picture(source, inputs.image.name, near=_near(inputs)) as original:
                picture = _transformed(original, inputs)
                if form == "jpeg":
                    picture = flatten(picture, inputs.background)
                write_picture(picture, target, form, inputs.quality)
                return picture.size

        width, height = await ctx.in_thread(work)
        kept = await ctx.keep(target, Image, renamed(inputs.image.name, form), MIME_OF[form])
        return ImageTransformOutputs(image=kept, width=width, height=height)


def _transformed(picture: "Picture", inputs: ImageTransformInputs) -> "Picture":
    if inputs.crop is not None:
        picture = picture.crop(_box(inputs.crop, *picture.size))
    if inputs.turn:
        picture = picture.rotate(-inputs.turn, expand=True)
    picture = fit_picture(picture, inputs.width, inputs.height, inputs.fit, inputs.enlarge)
    if max(picture.size) > MAX_SIDE:
        raise StepFailed(
            ErrorClass.bad_input,
            f"“{inputs.image.name}” would become {picture.width} × {picture.height} pixels; "
            f"{MAX_SIDE:,} on a side is the most.",
            remedy="Ask for a smaller width or height.",
        )
    return picture


def _format(inputs: ImageTransformInputs) -> PictureFormat:
    if inputs.format != "keep":
        return inputs.format
    match inputs.image.mime:
        case "image/png" | "image/gif" | "image/bmp":
            return "png"
        case "image/webp" | "image/avif":
            return "webp"
        case _:
            return "jpeg"


def _near(inputs: ImageTransformInputs) -> Near | None:
    """The size the upright picture is scaled to, before it is turned and as if nothing were cut off."""
    width, height = inputs.width, inputs.height
    if width is None and height is None:
        return None
    if inputs.turn in {90, 270}:
        width, height = height, width
    crop = inputs.crop or Crop()
    return (width and math.ceil(width / crop.width)), (height and math.ceil(height / crop.height))


def _box(crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    left, top = int(crop.left * width), int(crop.top * height)
    right = min(width, max(left + 1, round((crop.left + crop.width) * width)))
    bottom = min(height, max(top + 1, round((crop.top + crop.height) * height)))
    return left, top, right, bottom
