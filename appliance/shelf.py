"""Puts the box's lines on the volume from a thread of its own, so that a volume that hangs stops nobody."""

import threading
from collections import deque
from typing import Final

from app.kit.ring import Ring

MOST_BYTES: Final = 16 * 1024**2  # what may wait for the volume; more is dropped
CLOSE_PATIENCE_S: Final = 5.0


class Shelf:
    """A ring that never keeps anybody waiting."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="shelf", daemon=True)
        self._thread.start()

    def write(self, lines: bytes) -> None:
        """Keep these whole lines, unless too many wait already."""
        with self._changed:
            if self._waiting and self._waiting_bytes + len(lines) > MOST_BYTES:
                return
            self._waiting.append(lines)
            self._waiting_bytes += len(lines)
            self._changed.notify()

    def close(self, patience_s: float = CLOSE_PATIENCE_S) -> None:
        """Write what waits and let go of the file; a thread that hangs on the volume is left to its fate."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            self._ring.write(lines)
        self._ring.close()

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            if not self._waiting:
                return None
            lines = self._waiting.popleft()
            self._waiting_bytes -= len(lines)
            return lines
