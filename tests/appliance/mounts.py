"""Small file systems for tests, where the machine lets us mount them."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False
        ).returncode:
            return False
        return subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root and the right to mount")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """`mount <options> <folder>`, and whatever is mounted there is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    mount(*options, str(folder))
    try:
        yield folder
    finally:
        while subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False).returncode == 0:
            pass


@contextmanager
def small(folder: Path, size: str) -> Iterator[Path]:
    """An empty file system of this size, such as `64m`."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs"):
        yield folder


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """As a network that goes away: who holds a file keeps it, nobody finds one any more."""
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def fill(path: Path, size_bytes: int) -> None:
    """A file of that many real bytes."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)
