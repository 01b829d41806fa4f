"""Photos to upload: drawn, so that no test carries somebody's pictures."""

from pathlib import Path

from PIL import Image, ImageDraw

SIZES = ((1200, 800), (900, 1200), (1600, 900))
SKIES = ("#e9b872", "#7fb2d9", "#a78bc9")


def draw_photos(folder: Path) -> list[Path]:
    """One landscape, one portrait that lies on its side (EXIF says so), one wide."""
    return [
        _draw(folder / f"photo-{number}.jpg", size, sky, is_turned=number == 2)
        for number, (size, sky) in enumerate(zip(SIZES, SKIES, strict=True), 1)
    ]


def _draw(path: Path, size: tuple[int, int], sky: str, *, is_turned: bool) -> Path:
    width, height = size
    picture = Image.new("RGB", size, sky)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((width * 0.6, height * 0.15, width * 0.75, height * 0.15 + width * 0.15), fill="#fff6da")
    pen.polygon([(0, height), (width * 0.4, height * 0.45), (width, height)], fill="#3d4b55")
    exif = Image.Exif()
    if is_turned:
        exif[0x0112] = 6  # Orientation: turn a quarter clockwise to see it upright
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    picture.save(path, quality=88, exif=exif)
    return path
