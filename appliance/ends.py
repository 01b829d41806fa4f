"""How the programs of the box ended: from supervisord's own log, because its events do not tell a signal.

supervisord's log line is said again in the house's voice, and the last end of each program is kept for the
sentence with which the box ends.
"""

import contextlib
import re
import signal
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from app.kit.clock import now
from app.kit.endings import MOST, write_endings

_LINE = re.compile(r"\S+ \S+ (?P<level>[A-Z]+) (?P<text>.*)")
_END = re.compile(r"exited: (?P<program>\S+) \((?P<how>[^;]+?)(?: \(core dumped\))?; (?:not )?expected\)")
_SURRENDER = re.compile(r"gave up: (?P<program>\S+) entered FATAL state.*")
_SIGNAL = "terminated by "

# Said at every start: boot is root so that the programs need not be, and the socket is boot's alone.
_ADVICE = ("Supervisor is running as root", "Server 'unix_http_server' running without")
# Its small talk (spawned, entered RUNNING state, …) is for those who look for it.
_LEVELS = {"CRIT": "CRITICAL", "ERRO": "ERROR"}


class Ends:
    """The last end of every program that ended by itself."""

    def __init__(self, run_dir: Path | None = None) -> None:
        """`run_dir`: where the moments of the ends are written down, for whoever watches the box."""
        self._last: dict[str, str] = {}
        self._run_dir = run_dir
        self._moments: defaultdict[str, list[datetime]] = defaultdict(list)

    def dialect(self, line: str) -> tuple[str, str]:
        """supervisord: `2026-01-01 12:00:00,000 WARN exited: api (exit status 1; not expected)`"""
        found = _LINE.fullmatch(line)
        if found is None:
            return "DEBUG", line.strip()
        if surrender := _SURRENDER.fullmatch(found["text"]):
            return "ERROR", f"program {surrender['program']} is given up; the box goes on without it"
        end = _END.fullmatch(found["text"])
        if end is None:
            is_advice = found["text"].startswith(_ADVICE)
            return "DEBUG" if is_advice else _LEVELS.get(found["level"], "DEBUG"), found["text"]
        self._last[end["program"]] = how = _sentence(end["how"])
        self._write_down(end["program"])
        return "WARNING", f"program {end['program']} {how}"

    def _write_down(self, program: str) -> None:
        self._moments[program] = [*self._moments[program], now()][-MOST:]
        if self._run_dir is not None:
            with contextlib.suppress(OSError):
                write_endings(self._run_dir, self._moments)

    def of(self, program: str) -> str | None:
        """“was killed by signal 9 (SIGKILL)”, or None when it has not ended."""
        return self._last.get(program)


def _sentence(how: str) -> str:
    """“terminated by SIGKILL” or “exit status 3”, for people."""
    if not how.startswith(_SIGNAL):
        return f"ended with {how}"
    name = how.removeprefix(_SIGNAL)
    number = signal.Signals.__members__.get(name)
    return f"was killed by signal {int(number)} ({name})" if number else f"was killed by {name}"
