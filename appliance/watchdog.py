"""The guard: a program that cannot stay up ends the box, with a sentence, instead of looping for ever.

supervisord exits with 0 whatever happened and restarts a program without end. So this event listener counts:
a program that fails at its start again and again, or one that ends too often, writes the reason into
`<run_dir>/reason` and asks supervisord to stop; the boot reads the reason and exits with 70.

A worker that died in the middle of a step is no failed start, however soon it was: it leaves a mark in
`<run_dir>/at-work` with its first step, and the engine ends a step that kills worker after worker.

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
STARTS_ALLOWED = 3  # that failed one after another; supervisord pauses longer before each

# The box works without them. The tunnel's other end is not ours: Cloudflare's edge may be away for hours;
# that backups are missing is told by their age, and a receiver that reaches no volume by the standby.
EXPENDABLE = ("tunnel", "backups", "receiver")

EXITED, BACKOFF = "PROCESS_STATE_EXITED", "PROCESS_STATE_BACKOFF"  # before and after its startsecs


class Guard:
    """Decides from the ends of programs whether the box has to end."""

    def __init__(self, at_work: Path, window_s: float = WINDOW_S, exits_allowed: int = EXITS_ALLOWED) -> None:
        """`at_work`: where a worker that has begun a step leaves a file of its program's name."""
        self._at_work = at_work
        self._window_s = window_s
        self._exits_allowed = exits_allowed
        self._exits: defaultdict[str, deque[float]] = defaultdict(deque)
        self._failed_starts: defaultdict[str, int] = defaultdict(int)

    def hear(self, event: str, program: str, now_s: float) -> str | None:
        """Take one end; the sentence with which the box ends, or None."""
        if event not in (EXITED, BACKOFF) or program in EXPENDABLE:
            return None
        if self._was_at_work(program):
            self._failed_starts[program] = 0
            return None
        return self._failed_start(program) if event == BACKOFF else self._exit(program, now_s)

    def _failed_start(self, program: str) -> str | None:
        self._failed_starts[program] += 1
        if self._failed_starts[program] <= STARTS_ALLOWED:
            return None
        return f"The program {program} cannot be started: it ended again and again right after its start."

    def _exit(self, program: str, now_s: float) -> str | None:
        self._failed_starts[program] = 0
        exits = self._exits[program]
        exits.append(now_s)
        while exits[0] < now_s - self._window_s:
            exits.popleft()
        if len(exits) <= self._exits_allowed:
            return None
        return (
            f"The program {program} does not stay up: it ended {len(exits)} times "
            f"in {self._window_s / 60:.0f} minutes."
        )

    def _was_at_work(self, program: str) -> bool:
        """Whether the life that has ended left its mark; the next one has to leave its own."""
        try:
            (self._at_work / program).unlink()
        except OSError:
            return False
        return True


def main(run_dir: str) -> None:
    """Listen until supervisord closes the pipe."""
    guard = Guard(Path(run_dir) / "at-work")
    while True:
        _send("READY\n")
        header = _fields(sys.stdin.readline())
        if not header:
            return
        event = header["eventname"]
        payload = _fields(sys.stdin.read(int(header["len"])))
        program = payload.get("processname", "a program")
        reason = guard.hear(event, program, time.monotonic())
        if reason is not None:
            end_the_box(Path(run_dir), program, reason)
        _send("RESULT 2\nOK")


def end_the_box(run_dir: Path, program: str, reason: str) -> None:
    """Leave program and reason for the boot (the first one stands) and stop supervisord, our parent."""
    path = run_dir / "reason"
    if not path.exists():
        draft = path.with_name(".reason")
        draft.write_text(f"{program}\n{reason}", encoding="utf-8")
        draft.replace(path)
    os.kill(os.getppid(), signal.SIGTERM)


def _send(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _fields(line: str) -> dict[str, str]:
    """`ver:3.0 eventname:… len:54` as a dict."""
    return dict(part.split(":", 1) for part in line.split("\n", 1)[0].split() if ":" in part)


if __name__ == "__main__":
    main(sys.argv[1])
