"""What files turn out to be, made here by ffmpeg, Pillow and by hand."""

import subprocess
from pathlib import Path

import pytest

from app.steps.tools.sniff import look

TEST_PICTURE = ("-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=10")
TEST_SOUND = ("-f", "lavfi", "-i", "sine=d=1")


def made_by_ffmpeg(path: Path, *arguments: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, str(path)], check=True)
    # Stored files have no ending: nothing may depend on one.
    return path.rename(path.with_suffix(""))


@pytest.mark.parametrize(
    ("name", "mime", "source"),
    [
        ("a.mp4", "video/mp4", TEST_PICTURE),
        ("a.mov", "video/quicktime", TEST_PICTURE),
        ("a.mkv", "video/x-matroska", TEST_PICTURE),
        ("a.webm", "video/webm", TEST_PICTURE),
        ("a.avi", "video/x-msvideo", TEST_PICTURE),
        ("a.mp3", "audio/mpeg", TEST_SOUND),
        ("a.wav", "audio/wav", TEST_SOUND),
        ("a.flac", "audio/flac", TEST_SOUND),
        ("a.ogg", "audio/ogg", TEST_SOUND),
        ("a.opus", "audio/ogg", TEST_SOUND),
        ("a.m4a", "audio/mp4", TEST_SOUND),
    ],
)
def test_films_and_sounds_are_known_by_content(
    tmp_path: Path, name: str, mime: str, source: tuple[str, ...]
) -> None:
    facts = look(made_by_ffmpeg(tmp_path / name, *source), name)
    assert facts.mime == mime
    assert facts.duration_s == pytest.approx(1.0, abs=0.2)
    is_film = mime.startswith("video")
    assert facts.kind == ("video" if is_film else "audio")
    assert (facts.width, facts.height) == ((64, 48) if is_film else (None, None))


def test_a_sound_in_a_film_container_is_a_sound(tmp_path: Path) -> None:
    facts = look(made_by_ffmpeg(tmp_path / "only-sound.mp4", *TEST_SOUND), "only-sound.mp4")
    assert (facts.mime, facts.kind) == ("audio/mp4", "audio")


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("a.txt", "Grüße".encode(), "text/plain"),
        ("a.csv", b"a,b\n1,2\n", "text/csv"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.md", b"# Title", "text/markdown"),
        ("list.m3u8", b"#EXTM3U\nfile:///etc/passwd\n", "text/plain"),
        ("cut.txt", "ä".encode() * 40_000 + b"x", "text/plain"),
        ("weights.safetensors", b"\x08\0\0\0\0\0\0\0{}      ", "application/octet-stream"),
        ("a.jpg", b"\x00\x01\x02" * 50, "application/octet-stream"),
    ],
)
def test_text_is_told_by_its_ending_and_the_rest_is_unknown(
    tmp_path: Path, name: str, data: bytes, mime: str
) -> None:
    path = tmp_path / "stored"
    path.write_bytes(data)
    assert look(path, name).mime == mime
