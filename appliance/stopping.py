"""A request to stop the box: heard at once by the waits of the boot, and never lost.

A signal's handler may run between any two steps of the program, so an exception out of it can leave a lock
taken (`subprocess.Popen.poll` has such a moment, and the end of the box would then wait for ever) or be
swallowed where it comes up. It is raised only while the box begins, where long steps know nothing of
requests; it is kept as well, and every wait of the boot asks for it.
"""

import os
import select
import signal
from types import FrameType

from app.kit.log import get_logger

log = get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked the box to stop."""


class StopRequest:
    """Whether somebody asked; made once, and there is no way back."""

    def __init__(self) -> None:
        self._bell, self._bell_rope = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._was_made = False
        self.interrupts = False  # whether it may come between any two steps

    def listen(self) -> None:
        """Take the signals that ask for it. Only in the main thread."""
        # A signal may reach another thread than the one that waits, and then wakes it only so.
        signal.set_wakeup_fd(self._bell_rope)
        for number in SIGNALS:
            signal.signal(number, self.hear)

    def hear(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal: keep the request. Raises Stopped where it may interrupt."""
        if self._was_made:
            return
        self._was_made = True
        log.info("asked to stop (%s)", signal.Signals(number).name, action="box_stopping")
        if self.interrupts:
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Sleep, at most until somebody asks. Raises Stopped when somebody did, at whatever time."""
        select.select([self._bell], [], [], seconds)
        if self._was_made:
            raise Stopped
