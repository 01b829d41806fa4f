"""How far the boot is: phases in a file that `studio status` reads, and the same in the log."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from app.kit.log import get_logger
from app.kit.settings import Settings

log = get_logger(__name__)

State = Literal["starting", "ready", "stopping", "stopped", "refused", "failed"]


class Phase(msgspec.Struct):
    """One step of the boot."""

    name: str
    title: str
    state: Literal["running", "done", "failed"] = "running"
    duration_s: float = 0.0
    detail: str | None = None


class Report(msgspec.Struct, kw_only=True):
    """The content of `<run_dir>/boot.json`."""

    pid: int
    version: str
    state: State = "starting"
    started_at: str
    ready_s: float | None = None  # from the first line of boot to ready
    address: str | None = None
    sentence: str | None = None  # why it refused or failed
    phases: list[Phase] = []


def path_of(settings: Settings) -> Path:
    """Where the report lies."""
    return settings.run_dir / "boot.json"


def read(settings: Settings) -> Report | None:
    """The last boot's report, None when there is none."""
    try:
        return msgspec.json.decode(path_of(settings).read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        return None


class Progress:
    """Keeps the report while the boot runs. Held in memory until the run-time folder is ours to write."""

    def __init__(self, version: str) -> None:
        self._started_s = time.monotonic()
        self._path: Path | None = None
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.report = Report(pid=os.getpid(), version=version, started_at=now)

    def publish(self, settings: Settings) -> None:
        """From here on every change is written."""
        self._path = path_of(settings)
        self.write()

    @contextmanager
    def phase(self, name: str, title: str) -> Iterator[Phase]:
        """Run one phase; its `detail` may be set inside."""
        phase = Phase(name, title)
        self.report.phases.append(phase)
        self.write()
        started_s = time.monotonic()
        try:
            yield phase
        except BaseException:
            phase.state = "failed"
            raise
        else:
            phase.state = "done"
        finally:
            phase.duration_s = round(time.monotonic() - started_s, 3)
            self.write()
        log.info(
            "%s: %s (%.2f s)",
            title,
            phase.detail or "done",
            phase.duration_s,
            action="boot_phase",
            phase=name,
        )

    def become(self, state: State, sentence: str | None = None) -> None:
        """Move to another state."""
        self.report.state = state
        self.report.sentence = sentence or self.report.sentence
        if state == "ready":
            self.report.ready_s = round(time.monotonic() - self._started_s, 2)
        self.write()

    def write(self) -> None:
        """Replace the file; readers see the old or the new one."""
        if self._path is None:
            return
        draft = self._path.with_name(".boot.json")
        draft.write_bytes(msgspec.json.encode(self.report))
        draft.replace(self._path)
