"""Small file systems for tests, where the machine lets us mount them."""

import ctypes
import os
import shutil
import struct
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


class Disk:
    """A disk of its own with an ext4 on it, mounted at a folder; a file in memory stands in for it."""

    def __init__(self, shelf: Path, folder: Path) -> None:
        self._shelf = shelf
        self._folder = folder
        self._image = shelf / "disk"

    def make(self, size: str) -> None:
        """Skips the test where the machine has no loop devices."""
        subprocess.run(["truncate", f"--size={size}", str(self._image)], check=True)
        subprocess.run(["mkfs.ext4", "-q", str(self._image)], check=True)
        try:
            mount("-o", "loop", str(self._image), str(self._folder))
        except subprocess.CalledProcessError as exc:
            pytest.skip(f"no disk can be made of a file: {exc.stderr.decode().strip()}")

    def fail(self) -> None:
        """As when it meets an error: from now on every write is refused, also to files that are open."""
        mount("-o", "remount,abort", str(self._folder))

    def mend(self) -> None:
        """What is on it, checked and mounted again. Who holds files of the broken one keeps those."""
        unmount(self._folder)
        mended = self._shelf / "mended"
        subprocess.run(["cp", "--sparse=always", str(self._image), str(mended)], check=True)
        # 1: errors were corrected, as they have to be.
        done = subprocess.run(["e2fsck", "-fy", str(mended)], capture_output=True, check=False)
        assert done.returncode <= 1, done.stdout
        mount("-o", "loop", str(mended), str(self._folder))


@contextmanager
def disk(folder: Path, shelf: Path, size: str) -> Iterator[Disk]:
    """An empty disk at `folder`, kept in a file system in memory at `shelf`."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("e2fsprogs is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with small(shelf, "2g"):
        found = Disk(shelf, folder)
        try:
            found.make(size)
            yield found
        finally:
            while not subprocess.run(
                ["umount", "-l", str(folder)], capture_output=True, check=False
            ).returncode:
                pass


def unmount(folder: Path) -> None:
    """As a network that goes away: who holds a file keeps it, nobody finds one any more."""
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def fill(path: Path, size_bytes: int) -> None:
    """A file of that many real bytes."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


# From linux/mount.h and the table of system calls, the same on every architecture since Linux 5.2.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE, _AT_EMPTY_PATH, _MOVE_MOUNT_F_EMPTY_PATH, _MOUNT_ATTR_IDMAP = 1, 0x1000, 4, 0x00100000
_AT_FDCWD = -100


@contextmanager
def nobodys(source: Path, folder: Path) -> Iterator[Path]:
    """`source` mounted at `folder` as a volume on which only root has a name: chown is refused even to root.

    An id-mapped mount, as a network volume that forces its owner. Skips the test where the kernel has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "sh", "-c", "echo; read _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdout.readline()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        space = os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY)
        tree = libc.syscall(_OPEN_TREE, _AT_FDCWD, str(source).encode(), _OPEN_TREE_CLONE)
        wanted = struct.pack("QQQQ", _MOUNT_ATTR_IDMAP, 0, 0, space)
        refused = tree < 0 or libc.syscall(
            _MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.c_char_p(wanted), ctypes.c_size_t(len(wanted))
        )
        if refused:
            pytest.skip(f"the kernel makes no id-mapped mount: {os.strerror(ctypes.get_errno())}")
        assert not libc.syscall(
            _MOVE_MOUNT, tree, b"", _AT_FDCWD, str(folder).encode(), _MOVE_MOUNT_F_EMPTY_PATH
        )
        os.close(tree)
        os.close(space)
        yield folder
    finally:
        holder.communicate()
        while subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False).returncode == 0:
            pass
