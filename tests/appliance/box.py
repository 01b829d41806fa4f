"""A whole box as a process, for tests: start it, wait for its lines, stop it."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def box_environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a box in `folder` that runs Postgres and Redis only, unless `settings` say more."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "WORKSPACE_PATH": str(folder / "ws"),
        "STUDIO_RUN_DIR": str(folder / "run"),
        "STUDIO_ROLES": "postgres,redis",
        "WORKER_SHARED_SECRET": "a-secret-of-the-tests",
        "PORT": str(free_port()),
        **settings,
    }


BOOT = (sys.executable, "-m", "appliance.boot")
RUN = (str(ROOT / "scripts" / "run"),)  # as a person starts it: set-up first, and then the same


def impatient_boot(database_patience_s: float) -> tuple[str, ...]:
    """The boot, with so much patience for a database elsewhere."""
    call = f"import sys; from appliance.boot import main; sys.exit(main({database_patience_s}))"
    return sys.executable, "-c", call


def attentive_boot(look_s: float) -> tuple[str, ...]:
    """The boot, whose keeper looks at the volume this often."""
    call = f"import sys; from appliance import boot, keeper; keeper.LOOK_S = {look_s}; sys.exit(boot.main())"
    return sys.executable, "-c", call


class Box:
    """`studio boot` with its lines read in the background. Use it in a with block: it never stays behind."""

    def __init__(self, env: Mapping[str, str], command: Sequence[str] = BOOT) -> None:
        self.env = env
        self.lines: list[str] = []
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_for(self, text: str, timeout_s: float = PATIENCE_S) -> str:
        """The first line, past or coming, that holds `text`."""
        for line in self.lines:
            if text in line:
                return line
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                news = self._news.get(timeout=left)
            except queue.Empty:
                break
            if news is None:
                break
            if text in news:
                return news
        raise AssertionError(f"no line with “{text}” came:\n" + "\n".join(self.lines))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return self.end()

    def end(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it has ended by itself and all its lines are read; its exit code."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            hangs = "\n".join(_threads_of(self.process.pid))
            raise AssertionError(f"the box does not end:\n{self.text}\nits threads:\n{hangs}") from None
        while self._news.get(timeout=PATIENCE_S) is not None:
            pass
        return code

    @property
    def text(self) -> str:
        """Everything it has said."""
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode().rstrip("\n")
            self.lines.append(line)
            self._news.put(line)
        self._news.put(None)


def _threads_of(pid: int) -> Iterator[str]:
    """What every thread of a process waits for, as far as the kernel tells."""
    for task in sorted(Path(f"/proc/{pid}/task").iterdir()):
        told = []
        for name in ("comm", "wchan", "syscall"):
            with contextlib.suppress(OSError):
                told.append((task / name).read_text().strip())
        yield " ".join([task.name, *told])


def studio(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of the same box."""
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments],
        env=dict(env),
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
