"""Who uses the volume now: two pods may mount one network volume, and two writers would spoil it.

The holder touches one file every few seconds. Another that wants to begin watches it for a while; clocks are
not compared, only whether the time moves.
"""

import os
import time
from pathlib import Path

from app.kit.ids import new_id
from appliance.files import write_atomically
from appliance.refusal import Refusal

WATCH_S = 6.0  # three looks of the holder


class Lease:
    """`lease` in the home of the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = f"{new_id()} {os.uname().nodename}"

    def take(self) -> None:
        """Raises Refusal while another box is alive on this volume."""
        holder, moved = self._read(), self._moved_ns()
        # Of this machine it can only be a life that was killed: the lock of the folder is ours already.
        is_elsewhere = holder is not None and holder.partition(" ")[2] != os.uname().nodename
        deadline = time.monotonic() + WATCH_S
        while is_elsewhere and time.monotonic() < deadline:
            time.sleep(0.1)
            if self._moved_ns() not in (moved, None):
                raise Refusal(
                    f"Another Studio, on {holder.partition(' ')[2] if holder else 'another machine'}, uses "
                    "this volume. Stop it first, or give this one a volume of its own.",
                    exit_code=75,
                )
        write_atomically(self._path, self._mine.encode())

    def renew(self) -> bool:
        """Show that this box is alive; False when another has taken the volume meanwhile."""
        holder = self._read()
        if holder is not None and holder != self._mine:
            return False
        if holder is not None:
            os.utime(self._path)
        return True

    def release(self) -> None:
        """At the end of a clean stop: the next box need not wait."""
        if self._read() == self._mine:
            self._path.unlink(missing_ok=True)

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def _moved_ns(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return None
