"""Programs outside supervisord: one is started, its end seen, its socket asked, a complaint understood."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from appliance.refusal import Refusal


class Program:
    """A child that is started, waited for and stopped: for tests and for work between two boots."""

    def __init__(self, name: str, stop_signal: signal.Signals) -> None:
        self._name = name
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], env: Mapping[str, str], output: int = subprocess.DEVNULL) -> None:
        """Start it in a session of its own, so that a Ctrl-C in the terminal does not reach it first."""
        self._child = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Raises Refusal when it ends, or when it is not ready in time."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if self._child is not None and (code := code_of(self._child)) is not None:
                raise Refusal(f"{self._name} ended with code {code} while starting.", exit_code=70)
            if time.monotonic() > deadline:
                raise Refusal(f"{self._name} was not ready within {timeout_s:.0f} s.", exit_code=70)
            time.sleep(0.02)

    def stop(self, timeout_s: float) -> int | None:
        """Ask it to end and wait; kill it when it takes longer. Gives its exit code, None if it never ran."""
        child, self._child = self._child, None
        if child is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(self._stop_signal)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def code_of(child: subprocess.Popen[bytes]) -> int | None:
    """The exit code of a child that has ended, negative for a signal's; it stays to be waited for.

    `Popen.poll` takes a lock, which a signal's exception may leave taken: then the end would never be seen.
    """
    try:
        found = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # somebody started us so that ended children leave nothing
        return 0
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def ask(path: Path, question: bytes, timeout_s: float = 1.0) -> bytes:
    """Send a few bytes to a Unix socket and give back the first answer; empty when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(question)
            return connection.recv(512)
        except OSError:
            return b""


def processes_in(folder: Path, name: str, uid: int) -> list[int]:
    """Processes whose working directory is `folder`.

    Where the kernel hides that (another user's process, without CAP_SYS_PTRACE as in a plain container),
    a process called `name` of user `uid` counts: there it can only be ours.
    """
    found = []
    folder = folder.resolve()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except PermissionError:
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == name and entry.stat().st_uid == uid:
                    found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


def minimal_environment(home: str) -> dict[str, str]:
    """What Postgres and Redis get to see: no secret of Studio's, and messages in plain English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def complaint_in(said: str) -> str:
    """What a client program of Postgres complained about, in its last words and without its name."""
    lines = [line for line in re.split(r"[\r\n]+", said) if "error:" in line or "ERROR:" in line]
    chosen = (lines or said.strip().splitlines() or ["no reason was given"])[-1]
    for mark in ("error: ", "ERROR:  "):
        chosen = chosen.rpartition(mark)[2]
    return chosen.strip().rstrip(".")
