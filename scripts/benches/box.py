"""A box of the bench's own: started in a temporary workspace, timed, weighed and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from app.kit.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent.parent
EMAIL = "bench@example.org"
PASSWORD = "measured twice, cut once"  # noqa: S105  of a box that lives for a minute
READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Box:
    """One workspace and the box that runs on it, again and again, with these settings beside its own."""

    def __init__(self, **settings: str) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="studio-bench-"))
        # The services run as their own users, who must be able to reach the workspace.
        self._folder.chmod(0o755)
        self.log_path = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workspace(self) -> Path:
        return self._folder / "workspace"

    @property
    def local_disk(self) -> Path:
        """What is not on the volume and would be gone with the machine."""
        return self._folder / "local"

    @property
    def environment(self) -> dict[str, str]:
        """What the box, and a command about it, is started with."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("STUDIO_", "LOG_")) and name not in {"DATABASE_URL", "REDIS_URL"}
        }
        return inherited | {
            "WORKSPACE_PATH": str(self.workspace),
            "STORAGE_LOCAL_DIR": str(self.local_disk),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ADMIN_EMAIL": EMAIL,
            "ADMIN_PASSWORD": PASSWORD,
            **self._settings,
        }

    @property
    def settings(self) -> Settings:
        """As its programs read them; there are keys once it has started."""
        return load_settings(self.environment)

    def start(self) -> float:
        """Starts the box; seconds from the start of boot to the first 200 of /readyz."""
        began = time.perf_counter()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "appliance.boot"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.perf_counter() - began < READY_WITHIN_S:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return time.perf_counter() - began
            except httpx.HTTPError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise SystemExit(f"the box did not become ready; its log ends:\n{self._last_lines()}")

    def stop(self) -> float:
        """Ends the box with SIGTERM; seconds until it was gone."""
        if self._process is None:
            return 0.0
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOPPED_WITHIN_S)
        took_s = time.perf_counter() - began
        self._process = None
        if code not in {0, -signal.SIGTERM, 128 + signal.SIGTERM}:
            print(f"the box ended with {code}; its log ends:\n{self._last_lines()}", file=sys.stderr)
        return took_s

    def memory(self) -> dict[str, int]:
        """Bytes resident, shared pages counted once in all (PSS), by program name."""
        if self._process is None:
            raise RuntimeError("the box is not running")
        root = psutil.Process(self._process.pid)
        by_name: dict[str, int] = {}
        for process in [root, *root.children(recursive=True)]:
            try:
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                name = program_name(process)
            except (OSError, psutil.Error):
                continue
            share = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
            by_name[name] = by_name.get(name, 0) + int(share.split()[1]) * 1024
        return by_name

    def processor_s(self) -> float:
        """Seconds of processor time that everything of the box has taken since it started."""
        if self._process is None:
            raise RuntimeError("the box is not running")
        root = psutil.Process(self._process.pid)
        total_s = 0.0
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total_s += times.user + times.system + times.children_user + times.children_system
        return total_s

    def close(self) -> None:
        """Stops the box, if it runs, and takes the workspace away."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            if self._process is not None:
                os.killpg(self._process.pid, signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _last_lines(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])


def program_name(process: psutil.Process) -> str:
    """What a person would call it: the module after -m, or the name of the program."""
    line = process.cmdline()
    if "-m" in line[:-1]:
        module = line.index("-m") + 1
        # `workers cpu` and `workers gpu` are two programs; other words are paths and options.
        words = [word for word in line[module : module + 2] if word.replace(".", "").isalpha()]
        return " ".join(words)
    return str(process.name())
