"""The guard: a program that cannot stay up ends the box, with a sentence, instead of looping for ever.

supervisord exits with 0 whatever happened and restarts a program that dies late without end. So this event
listener counts: a program that supervisord gives up (FATAL), or one that ends too often, writes the reason
into `<run_dir>/reason` and asks supervisord to stop; the boot reads the reason and exits with 70.

Runs without site-packages: it lives as long as the box and is to cost little. Standard output is the
protocol with supervisord, standard error is for people (`LEVEL text`).
"""

import os
import signal
import sys
import time
from collections import defaultdict, deque
from pathlib import Path

WINDOW_S = 600.0
EXITS_ALLOWED = 20  # a program that cannot live for half a minute on average

# The box works without it, and its other end is not ours.
EXPENDABLE = ("tunnel",)


class Guard:
    """Decides from exits and surrenders whether the box has to end."""

    def __init__(self, window_s: float = WINDOW_S, exits_allowed: int = EXITS_ALLOWED) -> None:
        self._window_s = window_s
        self._exits_allowed = exits_allowed
        self._exits: defaultdict[str, deque[float]] = defaultdict(deque)

    def hear(self, event: str, program: str, now_s: float) -> str | None:
        """Take one event; the sentence with which the box ends, or None."""
        if program in EXPENDABLE:
            return None
        if event == "PROCESS_STATE_FATAL":
            return (
                f"The program {program} cannot be started: it ended again and again right after its start. "
                f"The lines of studio-{program} above say why."
            )
        if event != "PROCESS_STATE_EXITED":
            return None
        exits = self._exits[program]
        exits.append(now_s)
        while exits[0] < now_s - self._window_s:
            exits.popleft()
        if len(exits) <= self._exits_allowed:
            return None
        return (
            f"The program {program} does not stay up: it ended {len(exits)} times "
            f"in {self._window_s / 60:.0f} minutes. The lines of studio-{program} above say why."
        )


def main(run_dir: str) -> None:
    """Listen until supervisord closes the pipe."""
    guard = Guard()
    while True:
        _send("READY\n")
        header = _fields(sys.stdin.readline())
        if not header:
            return
        event = header["eventname"]
        payload = _fields(sys.stdin.read(int(header["len"])))
        program = payload.get("processname", "a program")
        _tell(event, program, payload)
        reason = guard.hear(event, program, time.monotonic())
        if reason is not None:
            end_the_box(Path(run_dir), reason)
        _send("RESULT 2\nOK")


def end_the_box(run_dir: Path, reason: str) -> None:
    """Leave the reason for the boot (the first one stands) and stop supervisord, our parent."""
    path = run_dir / "reason"
    if not path.exists():
        draft = path.with_name(".reason")
        draft.write_text(reason, encoding="utf-8")
        draft.replace(path)
    os.kill(os.getppid(), signal.SIGTERM)


def _tell(event: str, program: str, payload: dict[str, str]) -> None:
    if event == "PROCESS_STATE_EXITED":
        say(
            "WARNING",
            f"program {program} ended by itself (process {payload.get('pid', '?')}); it is started again",
        )
    elif event == "PROCESS_STATE_BACKOFF":
        tries = payload.get("tries", "?")
        say(
            "WARNING",
            f"program {program} ended right after its start (attempt {tries}); it is tried again",
        )
    elif event == "PROCESS_STATE_FATAL" and program in EXPENDABLE:
        say("ERROR", f"program {program} is given up; the box goes on without it")


def say(level: str, text: str) -> None:
    """One line for the boot's voice."""
    sys.stderr.write(f"{level} {text}\n")
    sys.stderr.flush()


def _send(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _fields(line: str) -> dict[str, str]:
    """`ver:3.0 eventname:… len:54` as a dict."""
    return dict(part.split(":", 1) for part in line.split("\n", 1)[0].split() if ":" in part)


if __name__ == "__main__":
    main(sys.argv[1])
