"""The boot waits for the end of its box, and hears a request to stop whenever it comes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import crew as crews
from appliance.chorus import Chorus
from appliance.crew import Crew
from appliance.refusal import Refusal
from appliance.stopping import SIGNALS, Stopped, StopRequest
from tests.appliance.backup.things import settings_in
from tests.patience import PATIENCE_S


@pytest.fixture
def request_to_stop() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    bell = signal.set_wakeup_fd(-1)
    found = StopRequest()
    found.listen()
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.set_wakeup_fd(bell)
    os.close(found._bell)
    os.close(found._bell_rope)


@pytest.fixture
def supervisord() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.communicate()


@pytest.fixture
def crew(tmp_path: Path, supervisord: subprocess.Popen[bytes], request_to_stop: StopRequest) -> Crew:
    settings = settings_in(tmp_path)
    found = Crew(settings, Chorus(settings.log), request_to_stop)
    found._supervisord = supervisord
    return found


def test_a_request_ends_the_wait_at_once_whichever_thread_its_signal_reaches(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "LOOK_S", PATIENCE_S)

    def strike() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    striking = threading.Timer(0.2, strike)
    striking.start()
    began = time.monotonic()
    try:
        with pytest.raises(Stopped):
            crew.wait_for_the_end()
    finally:
        striking.join()
    assert time.monotonic() - began < PATIENCE_S, "no look was waited for"


def test_a_request_whose_exception_was_lost_is_heard_by_the_next_wait(
    crew: Crew, request_to_stop: StopRequest
) -> None:
    request_to_stop.interrupts = True
    with contextlib.suppress(Stopped):
        request_to_stop.hear(signal.SIGTERM)
    request_to_stop.hear(signal.SIGTERM)  # once is enough: the second interrupts nothing
    with pytest.raises(Stopped):
        crew.wait_until(lambda: False, "nobody")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (None, 0)])
def test_the_end_of_supervisord_is_seen_though_a_signal_left_its_lock_taken(
    crew: Crew, supervisord: subprocess.Popen[bytes], number: signal.Signals | None, code: int
) -> None:
    assert supervisord.stdin is not None
    lock = supervisord._waitpid_lock  # type: ignore[attr-defined]
    with lock:
        if number is None:
            supervisord.stdin.close()
        else:
            supervisord.send_signal(number)
        with pytest.raises(Refusal, match=rf"supervisord ended by itself \(code {code}\)"):
            crew.wait_for_the_end()
    assert supervisord.wait() == code, "it is left to be waited for"
