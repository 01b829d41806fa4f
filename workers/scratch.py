"""The private folder of one worker process, and the end of those whose process is gone.

A folder belongs to whoever holds the lock beside it. The kernel lets go of a lock with its process, however
that ended, so what a killed worker left is found by trying.
"""

import fcntl
import os
import shutil
from pathlib import Path

from app.kit.ids import new_id
from app.kit.log import get_logger

log = get_logger(__name__)


class Scratch:
    """This process's folder under `root`; blocking, for start and end only."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        name = f"worker-{new_id()}"
        self.folder = root / name
        self._lock_path = root / f"{name}.lock"
        self._lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR, 0o600)
        _try_lock(self._lock)
        self.folder.mkdir(mode=0o700)
        _clear_dead(root, self._lock_path)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)


def _clear_dead(root: Path, own: Path) -> None:
    """Remove folders whose lock nobody holds."""
    for path in root.glob("worker-*.lock"):
        if path == own:
            continue
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            continue  # another worker's, or another worker was faster
        try:
            if _try_lock(lock):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
                log.info("removed what a killed worker left", action="scratch_cleared")
        finally:
            os.close(lock)


def _try_lock(descriptor: int) -> bool:
    """Whether the lock is ours now. Where files cannot be locked, nobody's folder is ever taken for dead."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
