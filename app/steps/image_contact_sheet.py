"""Lays many pictures out in a grid on one sheet, with a caption under each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta

from app.flow.messages import ErrorClass, Lane
from app.flow.ports import Image
from app.steps.base import Context, Example, StepFailed, StepType
from app.steps.tools.lettering import face, shorten
from app.steps.tools.pictures import (
    MIME_OF,
    PictureFormat,
    fit_picture,
    flatten,
    open_picture,
    renamed,
    write_picture,
)

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_SHEET_PIXELS: Final = 64_000_000  # 190 MB while it is drawn
MAX_PICTURES: Final = 500


class ImageContactSheetInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures and the look of the sheet."""

    images: Annotated[
        list[Image],
        Meta(title="Pictures", description="In reading order.", min_length=1, max_length=MAX_PICTURES),
    ]
    columns: Annotated[
        Annotated[int, Meta(ge=1, le=40)] | None,
        Meta(title="Columns", description="Left empty, the sheet becomes about square."),
    ] = None
    cell_width: Annotated[
        int, Meta(title="Picture width", ge=32, le=2048, extra_json_schema={"unit": "px"})
    ] = 320
    cell_height: Annotated[
        int, Meta(title="Picture height", ge=32, le=2048, extra_json_schema={"unit": "px"})
    ] = 240
    fit: Annotated[
        Literal["contain", "cover"],
        Meta(title="Fit", description="contain: all of it. cover: fills the cell."),
    ] = "contain"
    captions: Annotated[
        Annotated[list[str], Meta(max_length=MAX_PICTURES)] | None,
        Meta(title="Captions", description="One a picture; left empty, the file names."),
    ] = None
    show_captions: Annotated[bool, Meta(title="Show captions")] = True
    title: Annotated[str, Meta(title="Title", description="Above the grid.", max_length=200)] = ""
    gap: Annotated[
        int,
        Meta(title="Gap", description="Between pictures.", ge=0, le=200, extra_json_schema={"unit": "px"}),
    ] = 16
    background: Annotated[
        str,
        Meta(title="Background", pattern="^#[0-9a-fA-F]{6}$", extra_json_schema={"widget": "color"}),
    ] = "#f7f7f5"
    ink: Annotated[
        str,
        Meta(title="Text colour", pattern="^#[0-9a-fA-F]{6}$", extra_json_schema={"widget": "color"}),
    ] = "#333333"
    format: Annotated[PictureFormat, Meta(title="Format")] = "jpeg"


class ImageContactSheetOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """The sheet and its grid."""

    image: Annotated[Image, Meta(title="Sheet")]
    columns: Annotated[int, Meta(title="Columns")]
    rows: Annotated[int, Meta(title="Rows")]


class ImageContactSheet(StepType[ImageContactSheetInputs, ImageContactSheetOutputs]):
    """Many pictures in, one sheet out."""

    kind = "image.contact_sheet"
    version = 2
    lane = Lane.cpu
    title = "Contact sheet"
    summary = "Lays pictures out in a grid on one sheet, with captions."
    category = "Images"
    cacheable = True
    timeout_s = 900.0
    Inputs = ImageContactSheetInputs
    Outputs = ImageContactSheetOutputs
    examples = (
        Example(
            title="Three in a row",
            inputs={
                "images": [{"sample": "photo.jpg"}, {"sample": "drawing.png"}, {"sample": "photo.jpg"}],
                "columns": 3,
                "title": "Our trip",
            },
        ),
    )

    async def run(self, inputs: ImageContactSheetInputs, ctx: Context) -> ImageContactSheetOutputs:
        """Thumbnails one after the other, so that one decoded original is in memory at a time."""
        layout = _layout(inputs)
        sheet = await ctx.in_thread(_blank, inputs, layout)
        for index, image in enumerate(inputs.images):
            source = await ctx.fetch(image)
            await ctx.in_thread(_place, sheet, inputs, layout, index, source)
            await ctx.progress((index + 1) / (len(inputs.images) + 1), f"{index + 1} of {len(inputs.images)}")
        name = renamed(inputs.title or "contact sheet", inputs.format)
        target = ctx.folder / renamed("sheet", inputs.format)
        await ctx.in_thread(write_picture, sheet, target, inputs.format)
        kept = await ctx.keep(target, Image, name, MIME_OF[inputs.format])
        return ImageContactSheetOutputs(image=kept, columns=layout.columns, rows=layout.rows)


class _Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where things stand on the sheet, in pixels."""

    columns: int
    rows: int
    head: int  # height of the title's band
    foot: int  # height of a caption's band under its picture
    letter: int  # letter size of the captions
    size: tuple[int, int]


def _layout(inputs: ImageContactSheetInputs) -> _Layout:
    count = len(inputs.images)
    square = max(1, round((count * inputs.cell_height / inputs.cell_width) ** 0.5))
    columns = min(count, inputs.columns or square)
    rows = -(-count // columns)
    letter = max(11, round(inputs.cell_height / 15))
    foot = round(letter * 1.6) if inputs.show_captions else 0
    head = round(letter * 3.2) if inputs.title.strip() else 0
    width = columns * inputs.cell_width + (columns + 1) * inputs.gap
    height = head + rows * (inputs.cell_height + foot) + (rows + 1) * inputs.gap
    if width * height > MAX_SHEET_PIXELS:
        raise StepFailed(
            ErrorClass.bad_input,
            f"The sheet would have {width} × {height} pixels; {MAX_SHEET_PIXELS:,} is the most.",
            remedy="Make the pictures on it smaller or use fewer of them.",
        )
    return _Layout(columns=columns, rows=rows, head=head, foot=foot, letter=letter, size=(width, height))


def _blank(inputs: ImageContactSheetInputs, layout: _Layout) -> "Picture":
    from PIL import Image as Pillow
    from PIL import ImageDraw

    sheet = Pillow.new("RGB", layout.size, inputs.background)
    if layout.head:
        draw = ImageDraw.Draw(sheet)
        font = face(round(layout.letter * 1.7), bold=True)
        text = shorten(draw, inputs.title.strip(), font, layout.size[0] - 2 * inputs.gap)
        draw.text((layout.size[0] / 2, inputs.gap + layout.head / 2), text, inputs.ink, font, anchor="mm")
    return sheet


def _place(
    sheet: "Picture", inputs: ImageContactSheetInputs, layout: _Layout, index: int, source: Path
) -> None:
    from PIL import ImageDraw

    row, column = divmod(index, layout.columns)
    left = inputs.gap + column * (inputs.cell_width + inputs.gap)
    top = inputs.gap + layout.head + row * (inputs.cell_height + layout.foot + inputs.gap)
    image = inputs.images[index]
    cell = inputs.cell_width, inputs.cell_height
    with open_picture(source, image.name, near=cell) as original:
        picture = fit_picture(flatten(original, inputs.background), *cell, inputs.fit)
    sheet.paste(
        picture,
        (left + (inputs.cell_width - picture.width) // 2, top + (inputs.cell_height - picture.height) // 2),
    )
    if not layout.foot:
        return
    captions = inputs.captions
    caption = image.name if captions is None else (captions[index] if index < len(captions) else "")
    draw = ImageDraw.Draw(sheet)
    font = face(layout.letter)
    text = shorten(draw, caption, font, inputs.cell_width)
    middle = (left + inputs.cell_width / 2, top + inputs.cell_height + layout.foot / 2)
    draw.text(middle, text, inputs.ink, font, anchor="mm")
