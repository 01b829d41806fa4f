"""File names: read as browsers write them, kept as people may see them."""

import pytest

from app.resources.assets.multipart import clean_name, file_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("", "file"),
        ("...", "file"),
        ("\u202egpj.exe", "gpj.exe"),
        ("ä" * 300 + ".jpg", "ä" * 125 + ".jpg"),
    ],
)
def test_names_are_fit_to_show(given: str, kept: str) -> None:
    assert clean_name(given) == kept
    assert len(clean_name(given).encode()) <= 255


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'form-data; name="file"; filename="a b.png"', "a b.png"),
        ('form-data; name="file"; filename="Bär.png"'.encode(), "Bär.png"),
        (b'form-data; name="file"', None),
        (b"", None),
    ],
)
def test_file_names_of_a_form_are_read_as_browsers_write_them(header: bytes, name: str | None) -> None:
    assert file_name(header) == name
