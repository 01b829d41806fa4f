"""The boot waits for the end of its box, and hears a signal whenever it comes."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from appliance.chorus import Chorus
from appliance.crew import Crew
from tests.appliance.backup.things import settings_in


class Heard(Exception):
    """The signal's handler was run."""


@pytest.fixture
def supervisord() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.communicate()


def test_a_signal_that_wakes_no_wait_is_heard_all_the_same(
    tmp_path: Path, supervisord: subprocess.Popen[bytes]
) -> None:
    settings = settings_in(tmp_path)
    crew = Crew(settings, Chorus(settings.log))
    crew._supervisord = supervisord

    def hear(_number: int, _frame: FrameType | None) -> None:
        raise Heard

    def strike() -> None:
        # Of this thread: the main one is not woken, as by a signal in the moment before its wait.
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, hear)
    striking = threading.Timer(0.2, strike)
    striking.start()
    try:
        with pytest.raises(Heard):
            crew.wait_for_the_end()
    finally:
        striking.join()
        signal.signal(signal.SIGUSR1, before)
