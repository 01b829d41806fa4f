"""Pictures as people really bring them: turned, transparent, damaged, lying, exploding."""

import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from app.steps.image_contact_sheet import ImageContactSheet
from app.steps.image_transform import ImageTransform
from tests.steps.bench import Bench


def open_result(bench: Bench, asset: object) -> Image.Image:
    """The picture a step made."""
    from app.flow.ports import Asset

    assert isinstance(asset, Asset)
    return Image.open(bench.path(asset))


@pytest.mark.parametrize(
    ("fit", "size"), [("contain", (200, 150)), ("cover", (200, 200)), ("stretch", (200, 200))]
)
async def test_fit_decides_what_becomes_of_the_proportions(
    bench: Bench, fit: str, size: tuple[int, int]
) -> None:
    made = await bench.run(
        ImageTransform, {"image": {"sample": "photo.jpg"}, "width": 200, "height": 200, "fit": fit}
    )
    assert (made.width, made.height) == size
    assert open_result(bench, made.image).size == size


async def test_one_side_alone_keeps_the_proportions(bench: Bench) -> None:
    made = await bench.run(ImageTransform, {"image": {"sample": "photo.jpg"}, "width": 320})
    assert (made.width, made.height) == (320, 240)


async def test_a_small_picture_is_not_enlarged_when_that_is_not_wanted(bench: Bench) -> None:
    made = await bench.run(
        ImageTransform, {"image": {"sample": "photo.jpg"}, "width": 4000, "enlarge": False}
    )
    assert (made.width, made.height) == (640, 480)


async def test_a_photo_taken_sideways_comes_out_upright(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "sideways.jpg"
    bench.sample("photo.jpg")
    with Image.open(bench.path(bench.sample("photo.jpg"))) as photo:
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: show it rotated by 90° clockwise
        exif[0x010F] = "Secret Camera Works"
        photo.save(path, exif=exif)
    made = await bench.run(ImageTransform, {"image": bench.add(path)})
    assert (made.width, made.height) == (480, 640)
    result = open_result(bench, made.image)
    assert result.convert("RGB").getpixel((240, 10)) == pytest.approx((192, 48, 32), abs=12), "red is on top"
    assert not result.getexif(), "camera and place stay private"


async def test_crop_turn_and_convert(bench: Bench) -> None:
    made = await bench.run(
        ImageTransform,
        {
            "image": {"sample": "photo.jpg"},
            "crop": {"left": 0.5, "top": 0, "width": 0.5, "height": 1},
            "turn": 90,
            "format": "png",
        },
    )
    assert (made.width, made.height) == (480, 320)
    assert made.image.mime == "image/png"
    assert made.image.name == "photo.png"
    blue = open_result(bench, made.image).convert("RGB").getpixel((10, 10))
    assert blue == pytest.approx((32, 80, 192), abs=12)


async def test_transparency_gets_a_ground_in_a_jpeg(bench: Bench) -> None:
    made = await bench.run(
        ImageTransform, {"image": {"sample": "drawing.png"}, "format": "jpeg", "background": "#ff0000"}
    )
    assert open_result(bench, made.image).getpixel((2, 2)) == pytest.approx((254, 0, 0), abs=4)


async def test_a_text_named_jpg_is_a_clear_bad_input(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_text("This is no picture at all.\n" * 20)
    await assert_bad_input(bench, bench.add(path, mime="image/jpeg"), "holiday.jpg")


async def test_a_cut_off_photo_is_a_clear_bad_input(bench: Bench, tmp_path: Path) -> None:
    whole = bench.path(bench.sample("photo.jpg")).read_bytes()
    path = tmp_path / "half.jpg"
    path.write_bytes(whole[: len(whole) // 2])
    await assert_bad_input(bench, bench.add(path, mime="image/jpeg"), "damaged")


async def test_a_bomb_is_refused_before_it_is_decoded(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(40_000, 40_000))
    await assert_bad_input(bench, bench.add(path, mime="image/png"), "megapixels")


async def test_an_empty_file_is_a_clear_bad_input(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    await assert_bad_input(bench, bench.add(path, mime="image/png"), "empty.png")


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"width": 100_000}, {"fit": "squeeze"}, {"quality": 101}, {"background": "red"}]
)
def test_values_out_of_bounds_never_reach_the_step(wrong: dict[str, object]) -> None:
    asset = {"asset": "x", "name": "x", "mime": "image/png", "size_bytes": 1, "sha256": "0" * 64}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"image": asset, **wrong}, ImageTransform.Inputs)


async def test_a_contact_sheet_holds_every_picture_in_a_grid(bench: Bench) -> None:
    made = await bench.run(
        ImageContactSheet,
        {
            "images": [{"sample": "photo.jpg"}, {"sample": "drawing.png"}] * 3,
            "columns": 3,
            "cell_width": 100,
            "cell_height": 80,
            "gap": 10,
            "captions": [
                "Grüße",
                "二",
                "a caption much too long for the little room there is below a picture",
            ],
        },
    )
    assert (made.columns, made.rows) == (3, 2)
    sheet = open_result(bench, made.image)
    assert sheet.width == 3 * 100 + 4 * 10
    assert sheet.height > 2 * 80 + 3 * 10


async def test_a_sheet_without_end_is_refused(bench: Bench) -> None:
    with pytest.raises(StepFailed, match="most") as caught:
        await bench.run(
            ImageContactSheet,
            {"images": [{"sample": "photo.jpg"}] * 100, "cell_width": 2048, "cell_height": 2048},
        )
    assert caught.value.error_class is ErrorClass.bad_input


async def assert_bad_input(bench: Bench, asset: object, words: str) -> None:
    """The step fails with a sentence that says `words`, and with a remedy."""
    with pytest.raises(StepFailed) as caught:
        await bench.run(ImageTransform, {"image": asset, "width": 10})
    assert caught.value.error_class is ErrorClass.bad_input
    assert words in caught.value.message
    assert caught.value.remedy


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises this many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
