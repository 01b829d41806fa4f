"""Files that two processes, or a power cut, must not spoil: the lock, the atomic write, the durable name."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from appliance.refusal import Refusal


class FolderLock:
    """Holds `studio.lock` in a folder while the process that took it lives, so no two boxes share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "studio.lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises Refusal when another Studio holds the folder."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 100).decode(errors="replace").strip()
            os.close(descriptor)
            who = f"Another Studio ({holder})" if holder else "Another Studio"
            raise Refusal(
                f"{who} already uses {self._path.parent}. "
                "Stop it first, or give this one a WORKSPACE_PATH of its own.",
                exit_code=75,  # EX_TEMPFAIL: nothing to change, only to wait
            ) from None
        except OSError:
            # A file system without flock; the probe has warned. Postgres's pid file still guards the data.
            os.close(descriptor)
            return
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its holder's name
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; the file stays, because removing it would let two boxes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file so that a reader, or a crash, sees the old or the new content and nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def is_read_only(path: Path) -> bool:
    """Whether nothing can be changed there, tried on the time of this file or folder.

    A file system's own word is not enough: since Linux 6.15 an ext4 that met an error refuses every write and
    goes on calling itself writable.
    """
    try:
        os.utime(path)
    except OSError as exc:
        return exc.errno in (errno.EROFS, errno.EIO)
    return False


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
