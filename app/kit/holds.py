"""Holding collection: while a backup copies files, nothing it may still need is removed.

    with hold(settings.tmp_dir, "nightly backup"):
        …take the snapshot of the database, then copy every file it names…

A hold is a small file that its holder keeps fresh. Whoever is killed holds for a quarter of an hour more and
no longer, so nobody has to clean up after a crash. Needs no database: the appliance uses it as it is.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from app.kit.ids import new_id

PREFIX: Final = "hold-"
FRESH_S: Final = 900.0  # a holder that was stopped for a moment still holds
TOUCH_S: Final = 30.0


@contextmanager
def hold(folder: Path, who: str) -> Iterator[None]:
    """Keep the collector away until the block ends. `who`: for whoever asks why nothing is collected."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PREFIX}{new_id()}"
    # Root holds as well, in a folder where others write: nothing here follows a link or goes by a name twice.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(who[:200])
        with suppress(OSError):  # a volume without modes
            os.fchmod(descriptor, 0o644)  # the collector may be another user
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_fresh, args=(path, ended), name="hold", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        path.unlink(missing_ok=True)


def holders(folder: Path) -> list[str]:
    """Who holds collection now, in words; empty: nobody."""
    found = []
    for path in sorted(folder.glob(f"{PREFIX}*")):
        try:
            if path.stat().st_mtime > time.time() - FRESH_S:
                found.append(path.read_text(encoding="utf-8") or "somebody")
        except FileNotFoundError:
            continue  # given up in this moment
    return found


def _keep_fresh(path: Path, ended: threading.Event) -> None:
    while not ended.wait(TOUCH_S):
        try:
            os.utime(path, follow_symlinks=False)
        except OSError:
            return  # the folder is gone, and with it what could be collected
