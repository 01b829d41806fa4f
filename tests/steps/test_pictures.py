"""Pictures as people really bring them: turned, transparent, damaged, lying, exploding."""

import os
import re
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageChops, ImageStat

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from app.steps.image_contact_sheet import ImageContactSheet
from app.steps.image_transform import ImageTransform
from app.steps.tools import pictures
from app.steps.tools.pictures import BYTES_PER_PIXEL, ORIENTATION, fit_picture, open_picture
from appliance.limits import thread_environment
from tests.patience import PATIENCE_S
from tests.steps.bench import Bench

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_picture_comes_near_its_final_size_and_still_looks_the_same(
    tmp_path: Path, form: str, orientation: int
) -> None:
    path = tmp_path / "large"
    original = Image.linear_gradient("L").resize((1203, 801)).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    original.save(path, form, **({} if form == "GIF" else {"exif": exif}))
    is_turned = orientation == 6 and form != "GIF"
    near = (100, 60) if not is_turned else (60, 100)
    with open_picture(path, "large", near=near) as picture:
        assert all(side >= 2 * least for side, least in zip(picture.size, near, strict=True))
        assert picture.width * picture.height < original.width * original.height / 9
        small = fit_picture(picture, *near, "stretch")
    whole = original.transpose(Image.Transpose.ROTATE_270) if is_turned else original
    wanted = whole.resize(near, Image.Resampling.LANCZOS)
    difference = ImageChops.difference(small.convert("RGB"), wanted)
    assert max(most for _, most in ImageStat.Stat(difference).extrema) <= 6


def test_one_side_alone_decides_how_near_a_picture_comes(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (1000, 100)).save(path)
    for near, size in [((100, None), (200, 20)), ((None, 10), (200, 20)), ((100, 10), (200, 20)),
                       ((100, 60), (1000, 100)), (None, (1000, 100))]:  # fmt: skip
        with open_picture(path, "wide.png", near=near) as picture:
            assert picture.size == size


def test_transparency_survives_the_way_to_a_smaller_size(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    drawing = Image.new("RGBA", (800, 600), (0, 0, 0, 0))
    drawing.paste((20, 160, 60, 255), (0, 0, 400, 600))
    drawing.quantize(8).save(path)
    with open_picture(path, "palette.png", near=(80, 60)) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (160, 120))
        assert picture.getpixel((10, 10)) == (20, 160, 60, 255)
        assert picture.getpixel((150, 10)) == (0, 0, 0, 0)


HOG = r"""
import psutil, re, sys
from pathlib import Path
from PIL import Image
from app.steps.tools.pictures import open_picture
Image.init()
before = psutil.Process().memory_info().rss
for _ in range(3):
    with open_picture(Path(sys.argv[1]), "large.png", near=(1280, 720)):
        pass
peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
print(peak - before, psutil.Process().memory_info().rss - before)
"""


def test_a_large_picture_is_never_in_memory_twice_and_its_memory_is_back(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGBA", (6000, 6000), (200, 80, 40, 120)).save(path)
    decoded = 6000 * 6000 * BYTES_PER_PIXEL
    done = subprocess.run(
        [sys.executable, "-c", HOG, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | thread_environment(),
    )
    peak, left = map(int, done.stdout.split())
    assert decoded < peak < 1.6 * decoded
    assert left < 0.3 * decoded


def test_large_pictures_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_room", pictures._Room(2_000_000))
    path = tmp_path / "large.png"
    Image.new("RGB", (1500, 1000)).save(path)
    is_open = threading.Event()

    def open_another() -> None:
        with open_picture(path, "another.png"):
            is_open.set()

    with open_picture(path, "first.png"):
        other = threading.Thread(target=open_another)
        other.start()
        small = tmp_path / "small.png"
        Image.new("RGB", (500, 500)).save(small)
        with open_picture(small, "small.png"):
            assert not is_open.is_set()
    other.join(PATIENCE_S)
    assert is_open.is_set()


async def test_a_picture_for_which_there_is_no_memory_is_refused_before_it_is_decoded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "free_memory_bytes", lambda: 1_000_000)
    with pytest.raises(StepFailed, match=r"“photo\.jpg” needs 3 MB to be worked on; 1 MB are free") as caught:
        await bench.run(ImageTransform, {"image": {"sample": "photo.jpg"}})
    assert caught.value.error_class is ErrorClass.out_of_memory


async def assert_bad_input(bench: Bench, asset: object, words: str) -> None:
    """The step fails with a sentence that says `words`, and with a remedy."""
    with pytest.raises(StepFailed) as caught:
        await bench.run(ImageTransform, {"image": asset, "width": 10})
    assert caught.value.error_class is ErrorClass.bad_input
    assert words in caught.value.message
    assert caught.value.remedy
    # Nor in a library's words, which help nobody.
    assert not re.search(r"PIL|image file|truncated|Error|<", caught.value.message)


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises this many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
