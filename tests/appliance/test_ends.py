"""How a program ended is read from supervisord's log and said in plain words."""

import pytest

from appliance.ends import Ends

WHEN = "2026-01-01 12:00:00,000"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("terminated by SIGKILL; not expected", "was killed by signal 9 (SIGKILL)"),
        ("terminated by SIGSEGV (core dumped); not expected", "was killed by signal 11 (SIGSEGV)"),
        ("exit status 78; not expected", "ended with exit status 78"),
        ("exit status 0; expected", "ended with exit status 0"),
        ("unknown termination cause 0x1234; not expected", "ended with unknown termination cause 0x1234"),
    ],
)
def test_an_end_is_told_and_kept(how: str, said: str) -> None:
    ends = Ends()
    assert ends.of("worker-cpu") is None
    told = ends.dialect(f"{WHEN} WARN exited: worker-cpu ({how})")
    assert told == ("WARNING", f"program worker-cpu {said}")
    assert ends.of("worker-cpu") == said
    assert ends.of("api") is None


def test_small_talk_is_debug_and_a_surrender_an_error() -> None:
    ends = Ends()
    assert ends.dialect(f"{WHEN} INFO spawned: 'api' with pid 12") == ("DEBUG", "spawned: 'api' with pid 12")
    assert ends.dialect(f"{WHEN} WARN stopped: api (terminated by SIGTERM)")[0] == "DEBUG"
    assert ends.dialect(f"{WHEN} CRIT could not write pidfile")[0] == "CRITICAL"
    assert ends.dialect(f"{WHEN} CRIT Supervisor is running as root.  Privileges were …")[0] == "DEBUG"
    given_up = f"{WHEN} INFO gave up: tunnel entered FATAL state, too many start retries too quickly"
    assert ends.dialect(given_up) == ("ERROR", "program tunnel is given up; the box goes on without it")
    assert ends.of("api") is None
