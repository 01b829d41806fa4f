"""Blobs: a name that exists holds exactly the bytes it says."""

import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.kit.blobs import BlobFolder, BlobTooLarge


@pytest.fixture
def folder(tmp_path: Path) -> BlobFolder:
    for name in ("blobs", "tmp"):
        (tmp_path / name).mkdir()
    return BlobFolder(tmp_path / "blobs", tmp_path / "tmp")


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_stream_is_stored_under_its_hash_once(folder: BlobFolder) -> None:
    first = await folder.write(stream(b"hello ", b"world"), max_bytes=100)
    again = await folder.write(stream(b"hello world"), max_bytes=100)
    assert first == again
    assert first.sha256 == hashlib.sha256(b"hello world").hexdigest() and first.size_bytes == 11
    assert folder.path(first.sha256).read_bytes() == b"hello world"
    assert not list(folder.scratch.iterdir())


async def test_a_stream_past_the_limit_leaves_nothing(folder: BlobFolder) -> None:
    with pytest.raises(BlobTooLarge):
        await folder.write(stream(b"x" * 60, b"x" * 60), max_bytes=100)
    assert not list(folder.scratch.iterdir()) and not list(folder.root.iterdir())


async def test_a_stream_that_breaks_leaves_nothing(folder: BlobFolder) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await folder.write(breaking(), max_bytes=100)
    assert not list(folder.scratch.iterdir())


def test_a_finished_file_is_adopted_and_gone_from_where_it_was(folder: BlobFolder, tmp_path: Path) -> None:
    made = tmp_path / "film.mp4"
    made.write_bytes(b"film")
    blob = folder.adopt(made)
    assert folder.has(blob.sha256) and not made.exists()


def test_bytes_stored_again_are_young_again(folder: BlobFolder, tmp_path: Path) -> None:
    made = tmp_path / "film.mp4"
    for is_here in (False, True):
        made.write_bytes(b"film")
        os.utime(made, (1, 1))
        target = folder.path(hashlib.sha256(b"film").hexdigest())
        assert target.exists() is is_here
        if is_here:
            os.utime(target, (1, 1))
        folder.adopt(made)
        assert target.stat().st_mtime > time.time() - 60


def test_a_truncated_blob_is_replaced_by_the_whole_one(folder: BlobFolder, tmp_path: Path) -> None:
    made = tmp_path / "a"
    made.write_bytes(b"whole")
    target = folder.path(hashlib.sha256(b"whole").hexdigest())
    target.parent.mkdir(parents=True)
    target.write_bytes(b"wh")
    folder.adopt(made)
    assert target.read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["../../etc/passwd", "abc", "A" * 64, ""])
def test_only_a_hash_names_a_blob(folder: BlobFolder, name: str) -> None:
    with pytest.raises(ValueError, match="64 lower-case"):
        folder.path(name)
