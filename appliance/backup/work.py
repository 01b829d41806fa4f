"""One backup or drill at a time, and what everybody may know about it while it runs."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.kit.backups import BackupFailure, BackupRunning, Backups, BackupStatus, What
from appliance.files import write_atomically
from appliance.refusal import Refusal

TELL_EVERY_S = 0.5
LOCK_PATIENCE_S = 1.0  # whoever only looks whether we work holds the lock for a moment


class Work:
    """A piece of work that holds the lock: its progress goes into status.json, and to who watches."""

    def __init__(self, backups: Backups, what: What, watch: "Watch | None" = None) -> None:
        self._backups = backups
        self._what: What = what
        self._watch = watch
        self._since = datetime.now(UTC)
        self._phase = ""
        self._told_at = 0.0
        self.fault: str | None = None  # it ended, and not well

    def phase(self, name: str) -> None:
        """Begin another part."""
        self._phase = name
        self._tell(None)

    def progress(self, fraction: float) -> None:
        """So much of the phase is done, from 0 to 1."""
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._tell(fraction)

    def note(self, **changes: Any) -> BackupStatus:
        """Change what status.json says."""
        return note(self._backups, **changes)

    def _tell(self, fraction: float | None) -> None:
        self._told_at = time.monotonic()
        running = BackupRunning(
            what=self._what, phase=self._phase, fraction=fraction, since=self._since, pid=os.getpid()
        )
        self.note(running=running)
        if self._watch is not None:
            self._watch(running)


class Watch:
    """Who is told while work runs; this one says nothing."""

    def __call__(self, running: BackupRunning) -> None:
        """Another phase, or more of it."""


@contextlib.contextmanager
def working(backups: Backups, what: What, watch: Watch | None = None) -> Iterator[Work]:
    """Hold the lock; a failure is noted before it goes on. Raises Refusal when somebody else works."""
    with locked(backups):
        work = Work(backups, what, watch)
        try:
            yield work
        except BaseException as exc:
            sentence = (
                exc.sentence if isinstance(exc, Refusal) else f"It was broken off ({type(exc).__name__})."
            )
            note(
                backups,
                running=None,
                failure=BackupFailure(what=what, at=datetime.now(UTC), sentence=sentence),
            )
            raise
        failure = backups.status().failure
        if work.fault is not None:
            failure = BackupFailure(what=what, at=datetime.now(UTC), sentence=work.fault)
        elif failure is not None and failure.what == what:
            failure = None  # it goes right again
        note(backups, running=None, failure=failure)


def note(backups: Backups, **changes: Any) -> BackupStatus:
    """Change what status.json says; for who holds the lock."""
    status = msgspec.structs.replace(backups.status(), **changes)
    write_atomically(backups.folder / "status.json", msgspec.json.encode(status), 0o644)
    return status


@contextlib.contextmanager
def locked(backups: Backups) -> Iterator[None]:
    """Raises Refusal when somebody else works."""
    descriptor = os.open(backups.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + LOCK_PATIENCE_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refusal(
                        "A backup or a drill is under way already. Look at it with `studio backup list`.",
                        exit_code=75,
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
